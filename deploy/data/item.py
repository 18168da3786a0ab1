"""Item metadata of a data set: found beside its events or in a named file, published to the items topic.

    items.csv, items.jsonl   beside an event file, gz or not, or items.parquet; `stream/file/item.py` says what they may hold
    u.item                   the films of MovieLens
    generated                the made-up shop

Online Retail: title and price (what the last sale charged), as published; nothing there tells a category, or when an
item came.  Codes for postage, fees and corrections are hidden: they are in events, and nobody wants them recommended.
"""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import msgspec

from deploy.config.schema import Kafka
from deploy.data import synthetic
from stream.broker import ensure_topic, open_sink
from stream.catalogue import hiding
from stream.catalogue.record import decode
from stream.catalogue.syntax import Term
from stream.error import BadEvent, BadSource
from stream.file import item as listing
from stream.file import movielens
from stream.file.item import Fields

BESIDE = ("items.csv", "items.csv.gz", "items.jsonl", "items.jsonl.gz", "items.parquet", movielens.FILE)
CHARGES = frozenset(("BANK CHARGES", "C2", "DOT", "M", "POST"))
AHEAD = 4_000  # records in flight
LOOK_S = 0.01  # how often one looks whether they are in force

Item = tuple[str, Fields, bytes]
"""Its id, its fields, and the record of the items topic that says so."""


class Refused:
    """Counts the rows that are left out, and keeps the first; as text one line about them, empty without any."""

    def __init__(self) -> None:
        self.count = 0
        self.first: BadEvent | None = None
        self.remarks: list[str] = []  # on cells and columns

    def __call__(self, bad: BadEvent) -> None:
        self.count += 1
        self.first = self.first or bad

    def __str__(self) -> str:
        found = f"{self.count:,} rows describe no item and are left out; the first: {self.first}"
        return found if self.count else ""

    @property
    def lines(self) -> list[str]:
        """All that is to be said, a line each."""
        return [*self.remarks, *([str(self)] if self.count else [])]


class Look(msgspec.Struct, frozen=True):
    """Summary of all items: titles by id, and options of RECOMMEND that choose among them."""

    titles: dict[str, str] = {}
    words: tuple[str, ...] = ()


def beside(events: Path) -> Path | None:
    """The file beside an event file that says what its items are, if there is one."""
    return next((file for name in BESIDE if (file := events.parent / name).is_file()), None)


def read(file: Path | None, name: str, reject: Refused) -> Iterator[Item]:
    """Each item of a file, or of the generated shop for None.

    Args:
        name: Of the data set.
        reject: Given each row that is left out, named file:line, and remarks on cells and columns.

    Raises:
        BadSource: It is no such file.
    """
    if file is None:
        yield from ((item, fields, listing.payload(item, fields)) for item, fields in synthetic.catalogue())
        return
    if not file.is_file():
        raise BadSource(
            f"{file}: no such file; give one that says what items are, as csv, JSON lines or Parquet"
        )
    films = file.name == movielens.FILE
    found = movielens.rows(file, reject) if films else listing.rows(file, reject, reject.remarks.append)
    for row in found:
        fields = _retail(row.item, row.fields) if name == "online-retail" else row.fields
        try:
            yield row.item, fields, listing.payload(row.item, fields)
        except BadEvent as exc:
            reject(BadEvent(exc.reason, f"{file}:{row.line}: {exc}"))


def moved(items: Iterable[Item], ms: int) -> Iterator[Item]:
    """Yield items whose `created` is so much later, as the events about them are."""
    for item, fields, record in items:
        told = decode(record) if "created" in fields else None
        if told is not None:
            fields = {**fields, "created": int(float(str(told["created"]))) + ms}
            record = listing.payload(item, fields)
        yield item, fields, record


def _retail(item: str, fields: Fields) -> Fields:
    told = {"price" if name == "unit_price" else name: value for name, value in fields.items()}
    return told | {"hidden": True} if item in CHARGES else told


def look(items: Iterable[Item]) -> Look:
    """Look at all items once.  A film's title has its year behind it."""
    titles: dict[str, str] = {}
    numbers: dict[str, list[float]] = {"price": [], "year": []}
    categories: Counter[str] = Counter()
    for item, fields, _ in items:
        title, year = fields.get("title"), fields.get("year")
        if isinstance(title, str) and title:
            titles[item] = f"{title} ({year})" if isinstance(year, int) else title
        for name, found in numbers.items():
            if isinstance(value := fields.get(name), int | float):
                found.append(value)
        one = fields.get("category") or next(iter(fields.get("categories") or ()), "")
        categories[one] += bool(one)
    words: tuple[str, ...] = ()
    if numbers["price"]:
        words = "FILTER", str(Term("price", "<=", (float(f"{statistics.median(numbers['price']):.3g}"),)))
    elif numbers["year"]:
        words = "FILTER", str(Term("year", ">=", (float(statistics.median_low(numbers["year"])),)))
    if categories.total():
        words += "PERCATEGORY", "2"
    return Look(titles, words)


def publish(items: Iterable[Item], kafka: Kafka, applied: Callable[[int], int] | None = None) -> int:
    """Send items to the items topic, which is made, compacted, where there is none; how many.

    Hidden items stay hidden, but for those of which a field says that they are not.

    Args:
        applied: Partition -> the next offset that is not in force yet; then it returns when all of them are.

    Raises:
        BadSource: The broker does not take them.
    """
    left = iter(items)
    first = next(left, None)
    if first is None:
        return 0
    ensure_topic(kafka.address, kafka.items, extra=kafka.options, compact=True)
    ends: dict[int, int] = {}

    def done(partition: int, offset: int) -> None:
        ends[partition] = offset + 1

    count = 0
    sink = open_sink(kafka.address, kafka.items, ahead=AHEAD, applied=applied, extra=kafka.options)
    try:
        for item, fields, record in chain([first], left):
            key = item.encode()
            sink.send(key, record, done, partition_key=key)
            if hiding.told(fields) is False:
                sink.send(hiding.key(item), hiding.record(False), done, partition_key=key)
            count += 1
        sink.flush()
    finally:
        sink.close()
    for partition, end in ends.items():
        while applied is not None and applied(partition) < end:
            time.sleep(LOOK_S)
    return count
