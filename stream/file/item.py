"""Item files, CSV or JSON lines, read as a stream: a row an item.

    item,title,price,tags               {"item": "a1", "title": "Lamp", "price": 4.5, "tags": ["garden", "light"]}
    a1,Lamp,4.5,garden|light

The id stands in the column or the field named item, item_id or id; in a csv without such a column, in the first one.
Other columns are fields (`stream/catalogue/catalogue.py` says which there can be); an empty cell says nothing.  A csv is read
twice, as a column has one kind: numbers if all its cells are numbers, true and false if all are, lists if some cell
has a `|`, which parts the members, and text otherwise.  Whatever they hold, title and category are text, tags and
categories lists, hidden and available true or false (also 1, 0, yes, no).  A number is written as in JSON, so codes
such as 007 stay text.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stream.catalogue.record import Value, decode
from stream.catalogue.syntax import FIELD
from stream.error import BadEvent, BadRequest, BadSource
from stream.event.identifier import name
from stream.file.format import text_lines
from stream.generation.metadata import MOST

Fields = Mapping[str, Any]
Reject = Callable[[BadEvent], None]
IDS = ("item", "item_id", "id")

_SWITCH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_PLAIN = ("true", "false")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)


class Row(NamedTuple):
    """A row of a file; `line` counts from 1."""

    line: int
    item: str
    fields: Fields


def rows(path: Path, reject: Reject) -> Iterator[Row]:
    """The rows of a file in file order; each bad one is reported to `reject`, named file:line.

    Raises:
        BadSource: It is no such file.
    """
    try:
        head = next(text_lines(path), "").lstrip("\ufeff").lstrip()
    except OSError as exc:
        raise BadSource(f"{path}: cannot be read ({exc.strerror or exc})") from exc
    if not head:
        raise BadSource(f"{path}: the file is empty; expected items, a header such as item,title,price first")
    return _objects(path, reject) if head.startswith("{") else _table(path, reject)


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
        data = text.lstrip("\ufeff").encode("utf-8", "surrogateescape")
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


def _cells(path: Path, reject: Reject) -> Iterator[tuple[int, list[str]]]:
    """The line and the cells of each row, stripped, the header first; all as wide as that."""
    width = 0
    table = csv.reader(text_lines(path), strict=True)
    while True:
        line = table.line_num + 1
        try:
            cells = [cell.strip() for cell in next(table)]
        except StopIteration:
            return
        except csv.Error as exc:
            reject(BadEvent("csv", f"{path}:{line}: not CSV: {exc}"))
            continue
        if cells and not width:
            cells[0] = cells[0].lstrip("\ufeff")
            width = len(cells)
        if len(cells) == width:
            yield line, cells
        elif cells:
            why = f"{len(cells)} columns, the header names {width}; put text with commas in quotes"
            reject(BadEvent("missing", f"{path}:{line}: {why}"))


def _table(path: Path, reject: Reject) -> Iterator[Row]:
    first = _cells(path, lambda bad: None)
    names = _header(path, next(first, (1, []))[1])
    key = next((names.index(one) for one in IDS if one in names), 0)
    reads = _reads(names, first)
    second = _cells(path, reject)
    next(second)
    for line, cells in second:
        columns = zip(names, cells, reads, strict=True)
        try:
            fields = {one: read(cell) for one, cell, read in columns if cell and one != names[key]}
        except ValueError as exc:
            reject(BadEvent("type", f"{path}:{line}: {exc}"))
        else:
            yield Row(line, cells[key], fields)


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


def _reads(names: list[str], table: Iterator[tuple[int, list[str]]]) -> list[Callable[[str], Value]]:
    """Choose the reader of each column from all its cells."""
    number = {k for k, name in enumerate(names) if name not in FIXED}
    switch, parted = set(number), set[int]()
    for _, cells in table:
        number -= {k for k in number if cells[k] and not _NUMBER.fullmatch(cells[k])}
        switch -= {k for k in switch if cells[k] and cells[k].lower() not in _PLAIN}
        parted |= {k for k, cell in enumerate(cells) if "|" in cell}
    found: dict[int, Callable[[str], Value]] = (
        dict.fromkeys(parted, _members) | dict.fromkeys(switch, _switch) | dict.fromkeys(number, _number)
    )
    return [FIXED.get(name) or found.get(k, str) for k, name in enumerate(names)]


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
