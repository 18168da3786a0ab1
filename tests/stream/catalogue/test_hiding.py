"""Hidden is a state of its own: what the topic's last records of each key say, in whatever order they are read."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain, count, repeat
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.record.setting import GraphSettings
from stream.answer.recommender import Recommender
from stream.catalogue import hiding
from stream.catalogue.record import decode
from stream.event.batch import Record
from stream.generation.generation import Generation, Limits
from stream.ingest.item import ItemsTopic
from stream.ingest.writer import Writer
from tests.fixture.catalogue.shop import Topic
from tgn.inference.layout import TgnSettings

DESCRIPTIONS: list[dict[str, Any] | None] = [
    {"title": "a"},
    {"title": "b", "hidden": True},
    {"title": "c", "hidden": False},
    {"available": False},
    {"available": True, "hidden": False},
    None,
]
EXAMPLES = count()


class Told(NamedTuple):
    """A record of the items topic, at a place of its own in the order of the topic."""

    item: str
    switch: bool  # whether it is HIDE or UNHIDE, else a description
    value: Any


def key(told: Told) -> bytes:
    return hiding.key(told.item) if told.switch else told.item.encode()


def payload(told: Told) -> bytes:
    if told.switch:
        return b"" if told.value is None else hiding.record(told.value)
    return b"" if told.value is None else msgspec.json.encode(told.value)


def expected(log: list[Told], item: str) -> tuple[dict[str, Any] | None, bool, bool]:
    """What is known of an item after a log, whether it is hidden, and whether it is in no answer."""
    fields: dict[str, Any] | None = None
    words = {False: None, True: None}  # the last thing a description and a switch say
    order: list[bool] = []
    for told in log:
        if told.item == item:
            if not told.switch:
                fields = told.value
            words[told.switch] = told.value if told.switch else (fields or {}).get("hidden")
            order = [kind for kind in order if kind != told.switch] + [told.switch]
    said = [words[kind] for kind in order if words[kind] is not None]
    hidden = bool(said and said[-1])
    return fields, hidden, hidden or (fields or {}).get("available") is False


@st.composite
def logs(draw: st.DrawFn) -> list[Told]:
    """What several clients publish at once: each one's records in its order, anyhow between those of the others."""
    clients: list[list[Told]] = []
    for _ in range(draw(st.integers(1, 4))):
        records: list[Told] = []
        for item, what in draw(st.lists(st.tuples(st.sampled_from("xy"), st.integers(0, 8)), max_size=6)):
            if what < len(DESCRIPTIONS):
                records.append(Told(item, False, DESCRIPTIONS[what]))
                if (DESCRIPTIONS[what] or {}).get("hidden") is False:
                    records.append(Told(item, True, False))
            else:
                records.append(Told(item, True, (True, False, None)[what - len(DESCRIPTIONS)]))
        clients.append(records)
    order = draw(st.permutations([k for k, records in enumerate(clients) for _ in records]))
    left = [iter(records) for records in clients]
    return [next(left[k]) for k in order]


def compacted(log: list[Told]) -> list[Told]:
    last = {key(told): at for at, told in enumerate(log)}
    return [told for at, told in enumerate(log) if last[key(told)] == at]


class Reading:
    """A writer in memory that reads logs of items that nobody has named before."""

    def __init__(self) -> None:
        made = Generation(GraphSettings(), TgnSettings(), Limits(max_users=10, max_items=100_000))
        self.topic = Topic()
        self.items = ItemsTopic(Writer(made, samples=64), self.topic, self.topic, "items")
        self.reader = Recommender(made)

    def after(
        self, log: list[Told], where: Iterable[int] = (), turns: Iterable[int] = ()
    ) -> list[tuple[dict[str, Any] | None, bool, bool]]:
        """What is known of x and of y after a log.

        Args:
            where: The partition of each record, 0 for the rest.
            turns: Partitions in the order in which a record of each is read; the rest as they come.
        """
        prefix, queues = f"e{next(EXAMPLES)}-", defaultdict[int, list[Record]](list)
        for ms, (told, partition) in enumerate(zip(log, chain(where, repeat(0)), strict=False), start=1):
            named = key(told._replace(item=prefix + told.item))
            queues[partition].append(Record(partition, len(queues[partition]), payload(told), ms, named))
        for item in "xy" if where else "":
            self.items.writer.budget.item(prefix + item)  # as one that an event has named
        for turn in [*turns, *(number for number, left in queues.items() for _ in left)]:
            if queues[turn]:
                self.topic.waiting.append(queues[turn].pop(0))
                self.items.step()
        assert not self.topic.refused
        while self.reader.items.catch_up(1_000):
            pass
        return [self._known(prefix + item) for item in "xy"]

    def _known(self, item: str) -> tuple[dict[str, Any] | None, bool, bool]:
        items = self.reader.items
        row = items.generation.items.row.get(item, 0)
        fields = decode(items.generation.metadata.get(row)) if row else None
        shown = items.catalogue.get(row) if row else None
        hidden = bool((shown or {}).get("hidden"))
        rest = [{k: v for k, v in (one or {}).items() if k != "hidden"} for one in (fields, shown)]
        assert rest[0] == rest[1]
        return fields, hidden, bool(row and items.hidden[row])


@pytest.fixture(scope="module")
def reading() -> Reading:
    return Reading()


@given(log=logs())
def test_any_interleaving_ends_as_the_topics_order_says_also_read_again_and_compacted(
    reading: Reading, log: list[Told]
) -> None:
    wanted = [expected(log, item) for item in "xy"]

    assert reading.after(log) == wanted
    assert reading.after(compacted(log)) == wanted
    assert [expected(compacted(log), item) for item in "xy"] == wanted


@given(
    log=logs(),
    where=st.lists(st.integers(0, 2), min_size=40, max_size=40),
    turns=st.lists(st.integers(0, 2), max_size=40),
)
def test_the_order_in_which_partitions_are_read_changes_nothing(
    reading: Reading, log: list[Told], where: list[int], turns: list[int]
) -> None:
    assert reading.after(log, where, turns) == [expected(log, item) for item in "xy"]
