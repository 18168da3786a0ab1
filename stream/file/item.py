"""Item files, CSV, JSON lines or Parquet, read as a stream: a row an item.

    item,title,price,tags               {"item": "a1", "title": "Lamp", "price": 4.5, "tags": ["garden", "light"]}
    a1,Lamp,4.5,garden|light

The id stands in the column or the field named item, item_id or id; in a csv without such a column, in the first one.
Other columns are fields (`stream/catalogue/catalogue.py` says which there can be); an empty cell says nothing.  A csv is read
twice, as a column has one kind: numbers if nearly all its cells are numbers, true and false if all are, lists if some
cell has a `|`, which parts the members, and text otherwise.  The odd cells of a column of numbers, such as N/A or -, are
left out, and `remark` is given a line about them.  Whatever they hold, title and category are text, tags and
categories lists, hidden and available true or false (also 1, 0, yes, no).  A number is written as in JSON, so codes
such as 007 stay text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stream.catalogue.record import Value, decode
from stream.catalogue.syntax import FIELD
from stream.error import BadEvent, BadRequest, BadSource
from stream.event.identifier import name
from stream.file import parquet
from stream.file.table import rows as table_rows
from stream.file.text import text_lines
from stream.generation.metadata import MOST

Fields = Mapping[str, Any]
Reject = Callable[[BadEvent], None]
Remark = Callable[[str], None]
IDS = ("item", "item_id", "id")

NOTHING = frozenset(
    [
        "n/a",
        "na",
        "n.a.",
        "#n/a",
        "nan",
        "null",
        "none",
        "nil",
        "-",
        "--",
        "–",
        "—",
        "?",
        ".",
        "unknown",
        "missing",
    ]
)
"""Words for an empty cell, in lower case; they say so only in columns of numbers, or of true and false."""
MOSTLY = 0.9  # of the cells that say something are numbers in a column of numbers

_SWITCH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_PLAIN = ("true", "false")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)


class Row(NamedTuple):
    """A row of a file; `line` counts from 1."""

    line: int
    item: str
    fields: Fields


def rows(path: Path, reject: Reject, remark: Remark = lambda line: None) -> Iterator[Row]:
    """The rows of a file in file order; each bad one is reported to `reject`, named file:line.

    Args:
        remark: Given a line about each column with odd cells.

    Raises:
        BadSource: It is no such file.
    """
    try:
        if parquet.is_parquet(path):
            return _typed(path, reject)
        head = next((line for line in text_lines(path) if not line.isspace()), "").lstrip()
    except OSError as exc:
        raise BadSource(f"{path}: cannot be read ({exc.strerror or exc})") from exc
    if not head:
        raise BadSource(f"{path}: the file is empty; expected items, a header such as item,title,price first")
    return _objects(path, reject) if head.startswith("{") else _table(path, reject, remark)


def payload(item: str, fields: Fields) -> bytes:
    """Encode the record of an item; BadEvent where ingest would refuse it."""
    try:
        name("item", item.encode("utf-8", "surrogateescape"))
        data = msgspec.json.encode(fields)
    except (BadRequest, UnicodeEncodeError) as exc:
        reason = "utf8" if "UTF-8" in str(exc) or isinstance(exc, UnicodeEncodeError) else "missing"
        raise BadEvent(reason, f"item {item[:40]!r}: {exc}") from exc
    decode(data)
    if len(data) > MOST:
        raise BadEvent("size", f"item {item!r} is described in {len(data)} bytes; at most {MOST} are kept")
    return data


def _objects(path: Path, reject: Reject) -> Iterator[Row]:
    for line, text in enumerate(text_lines(path), 1):
        data = text.encode("utf-8", "surrogateescape")
        if text.isspace():
            continue
        try:
            fields = msgspec.json.decode(data, type=dict[str, Any])
            key = next((one for one in IDS if one in fields), "item")
            item = fields.pop(key, None)
            if isinstance(item, bool) or not isinstance(item, str | int):
                raise BadEvent(
                    "missing", f"{key} is {item!r:.40}; wanted an item's id, text or a whole number"
                )
        except (msgspec.DecodeError, UnicodeError) as exc:
            reject(BadEvent("json", f"{path}:{line}: no JSON object: {exc}"))
        except BadEvent as exc:
            reject(BadEvent(exc.reason, f"{path}:{line}: {exc}"))
        else:
            yield Row(line, str(item), fields)


def _cells(path: Path, delimiter: str, reject: Reject) -> Iterator[tuple[int, list[str]]]:
    """The line and the cells of each row, stripped, the header first; all as wide as that."""
    width = 0

    def refuse(line: int, why: str, text: str) -> None:
        reject(BadEvent("csv", f"{path}:{line}: {why}"))

    for line, _, found in table_rows(text_lines(path), delimiter, refuse):
        cells = [cell.strip() for cell in found]
        if not width:
            width = len(cells)
        if len(cells) == width:
            yield line, cells
        else:
            why = f"{len(cells)} columns, the header names {width}; put text with commas in quotes"
            reject(BadEvent("missing", f"{path}:{line}: {why}"))


def _table(path: Path, reject: Reject, remark: Remark) -> Iterator[Row]:
    head = next(line for line in text_lines(path) if not line.isspace())
    delimiter = max((",", "\t", ";"), key=head.count)
    first = _cells(path, delimiter, lambda bad: None)
    names = _header(path, next(first, (1, []))[1])
    key = next((names.index(one) for one in IDS if one in names), 0)
    reads = _reads(path, names, key, first, remark)
    second = _cells(path, delimiter, reject)
    next(second)
    for line, cells in second:
        columns = zip(names, cells, reads, strict=True)
        try:
            fields = {one: read(cell) for one, cell, read in columns if cell and one != names[key]}
        except ValueError as exc:
            reject(BadEvent("type", f"{path}:{line}: {exc}"))
        else:
            yield Row(line, cells[key], {one: value for one, value in fields.items() if value is not None})


def _typed(path: Path, reject: Reject) -> Iterator[Row]:
    names = _header(path, parquet.names(path))
    key = next((names.index(one) for one in IDS if one in names), 0)
    for line, values in enumerate(parquet.records(path), 1):
        fields = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        item = fields.pop(names[key], "")
        item = str(int(item)) if isinstance(item, float) and item.is_integer() else str(item)
        try:
            yield Row(line, item, {name: _as_fixed(name, value) for name, value in fields.items()})
        except ValueError as exc:
            reject(BadEvent("type", f"{path}:{line}: {exc}"))


def _as_fixed(name: str, value: Value) -> Value:
    """A typed value as its column is read, whatever the others hold."""
    read = FIXED.get(name)
    if read is None or isinstance(value, list) or (read is _switch and isinstance(value, bool)):
        return value
    return read(str(value))


def _header(path: Path, cells: list[str]) -> list[str]:
    names = [re.sub(r"[\s-]+", "_", cell.lower()) for cell in cells]
    wanted = "expected a header such as item,title,price"
    if len(names) < 2 or len(set(names)) < len(names):
        raise BadSource(f"{path}:1: {','.join(cells)[:80]!r}; {wanted}, two columns or more, each named once")
    if {"user", "item"} <= set(names):
        raise BadSource(f"{path}:1: these are events, not items; {wanted}")
    for cell, one in zip(cells, names, strict=True):
        if not FIELD.fullmatch(one):
            raise BadSource(
                f"{path}:1: a column {cell[:40]!r}; fields are named in a-z, 0-9 and _, at most 32 characters"
            )
    return names


class _Column:
    """What the cells of one column are, from a look at all of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cells = self.numbers = self.switches = self.nothing = self.parted = self.codes = 0
        self.odd: tuple[int, str] | None = None  # the first that is no number: its line, and it

    def add(self, line: int, cell: str) -> None:
        """Look at the next cell that is not empty."""
        self.cells += 1
        self.parted += "|" in cell
        if _NUMBER.fullmatch(cell):
            self.numbers += 1
            return
        self.switches += cell.lower() in _PLAIN
        self.nothing += cell.lower() in NOTHING
        self.codes += cell.isdecimal()
        self.odd = self.odd or (line, cell)

    def read(self) -> Callable[[str], Value | None]:
        """How its cells are read."""
        if self.name in FIXED:
            return FIXED[self.name]
        told = self.cells - self.nothing
        if self.numbers and not self.codes and self.numbers >= MOSTLY * told:
            return _number_or_nothing
        if self.switches and self.switches == told:
            return _switch_or_nothing
        return _members if self.parted else str

    def remark(self, path: Path) -> str:
        """A line about its odd cells; empty where nothing is to be said."""
        if self.odd is None or self.name in FIXED or not self.numbers:
            return ""
        line, cell = self.odd
        odd, read = self.cells - self.numbers, self.read()
        if read is _number_or_nothing:
            return (
                f"{path}: the column {self.name} is numbers; {odd:,} of its {self.cells:,} cells are none and are left "
                f"out, the first: {cell[:40]!r} on line {line}"
            )
        if read is str and not self.codes and 2 * self.numbers > self.cells:
            return (
                f"{path}: the column {self.name} is text, as {odd:,} of its {self.cells:,} cells are no numbers, the "
                f"first: {cell[:40]!r} on line {line}"
            )
        return ""


def _reads(
    path: Path, names: list[str], key: int, table: Iterator[tuple[int, list[str]]], remark: Remark
) -> list[Callable[[str], Value | None]]:
    """Choose the reader of each column from all its cells."""
    columns = [_Column(one) for one in names]
    for line, cells in table:
        for column, cell in zip(columns, cells, strict=True):
            if cell:
                column.add(line, cell)
    for place, column in enumerate(columns):
        if place != key and (said := column.remark(path)):
            remark(said)
    return [column.read() for column in columns]


def _number_or_nothing(cell: str) -> float | None:
    return _number(cell) if _NUMBER.fullmatch(cell) else None


def _switch_or_nothing(cell: str) -> bool | None:
    return None if cell.lower() in NOTHING else _switch(cell)


def _number(cell: str) -> float:
    return float(cell) if set(cell) & set(".eE") else int(cell)


def _switch(cell: str) -> bool:
    found = _SWITCH.get(cell.lower())
    if found is None:
        raise ValueError(f"{cell[:40]!r}; hidden and available are one of {', '.join(_SWITCH)}")
    return found


def _members(cell: str) -> list[str]:
    return [part.strip() for part in cell.split("|") if part.strip()]


FIXED: dict[str, Callable[[str], Value]] = {
    "title": str,
    "category": str,
    "tags": _members,
    "categories": _members,
    "hidden": _switch,
    "available": _switch,
}
"""How the cells of these columns are read, whatever the others hold."""
