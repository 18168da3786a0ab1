"""Item metadata in memory, as columns that a filter scans.

A record is a JSON object in UTF-8 of at most 16 KiB; it replaces what was known of its item:

    {"title": "Lamp", "price": 4.5, "tags": ["garden", "light"], "available": true, "created": "2024-05-01"}

A field is text, a finite number, true or false, or a list of at most 32 texts; null is as if left out.  `created` is
milliseconds since 1970 or ISO 8601 text.  There are at most 64 fields, named [a-z_][a-z0-9_]* in at most 32
characters.  No byte, or null, removes all.  Others have a reason of `stream.event.event`: size, utf8, json, nan, time, or
type, which a bad name is too.

A row costs 6 bytes, and for each field in use 1 byte of kind, 8 if it has numbers, 4 if it has texts, 4 for each
member of the longest list.  Columns double, so up to twice that is held.  A distinct text costs about 150 bytes and
its letters, once for each field, as long as an item has it.  There are at most 200 fields in all.
"""

from __future__ import annotations

from collections.abc import Container
from difflib import get_close_matches
from threading import Lock
from typing import Final

import numpy as np

from stream.catalogue.column import Column, Lexicon, grown, holding
from stream.catalogue.record import Value
from stream.catalogue.syntax import Filter, Node, Not, Term
from stream.error import BadEvent, BadFilter

MAX_COLUMNS: Final = 200
MASKS: Final = 64
MINUTE_MS: Final = 60_000
_CATEGORY: Final = ("category", "categories")
ONE: Final = {"age": ("created",), **dict.fromkeys(_CATEGORY, _CATEGORY)}  # the columns of a field


class Catalogue:
    """Metadata by row of an item: one thread puts, several may ask.  `version` counts the puts.

    `words.code` and `words.text` lead from a category's name to its code and back; a code stays as long as an item has
    that category: the first of `category`, else of `categories`.
    """

    def __init__(self) -> None:
        self.version = 0
        self._lock = Lock()  # of the masks that are kept
        self.categories = np.zeros(1024, np.int32)
        self.words = Lexicon()
        self._present = np.zeros(1024, bool)
        self._columns: dict[str, Column] = {}
        self._masks: dict[str, tuple[int, int, np.ndarray]] = {}  # the oldest use first

    def put(self, row: int, fields: dict[str, Value] | None) -> None:
        """Replace an item's fields, as `decode` gives them; None removes it.  BadEvent: over 200 fields in all."""
        columns, found = self._columns, fields or {}
        new = [name for name in found if name not in columns]
        if new and len(new) + len(columns) > MAX_COLUMNS:
            raise BadEvent("size", f"field {new[0]} is one more than {MAX_COLUMNS}, expected fewer in all")
        self._reserve(row + 1)
        self._clear(row, found)
        for name in new:
            columns[name] = Column(len(self.categories))
        for name, value in found.items():
            columns[name].set(row, value)
        word = _first(found.get("category")) or _first(found.get("categories"))
        old, self.categories[row] = int(self.categories[row]), self.words.take(word) if word else 0
        if old:
            self.words.drop(old)
        self._present[row] = fields is not None
        self.version += 1

    def _clear(self, row: int, kept: Container[str]) -> None:
        """Clear an item's fields; columns that nothing is left in go, except those of `kept`."""
        for name, column in list(self._columns.items()):
            if column.kind.item(row):
                column.clear(row)
                if not column.items and name not in kept:
                    del self._columns[name]

    def get(self, row: int) -> dict[str, Value] | None:
        """The fields of an item, whole numbers as int; None without metadata."""
        known = row < len(self._present) and self._present[row]
        columns = self._columns.items()
        return {name: column.get(row) for name, column in columns if column.kind[row]} if known else None

    def value(self, row: int, name: str) -> Value | None:
        """One field of an item, None where it is not known."""
        column = self._columns.get(name)
        return column.get(row) if column and row < len(self._present) and column.kind[row] else None

    def column(self, name: str) -> Column | None:
        """A field of all items, None where no item has it."""
        return self._columns.get(name)

    def codes(self, rows: np.ndarray) -> np.ndarray:
        """The codes of items' categories, int32 [n], 0 without one."""
        self._reserve(int(rows.max(initial=0)) + 1)
        return self.categories[rows]

    def check(self, filter: Filter) -> None:
        """Refuse a filter on a field that no item has.

        Raises:
            BadFilter: It names the nearest field that some item has.
        """
        for field in filter.fields:
            if not any(name in self._columns for name in ONE.get(field, (field,))):
                raise BadFilter(self._unknown(field))

    def _unknown(self, field: str) -> str:
        what = 'age, as that needs a field "created"' if field == "age" else f'a field "{field}"'
        known = sorted(self._columns)
        if not known:
            return (
                f"FILTER: no item has {what}; no item has any field yet, the items topic or ITEM gives them"
            )
        nearest = get_close_matches(field, known, n=1, cutoff=0.0)[0]
        return f'FILTER: no item has {what}; the nearest is "{nearest}"'

    def mask(self, filter: Filter, now_ms: int, rows: int) -> np.ndarray:
        """Which items are barred, uint8 [>= rows]: 1 where the filter is false.

        An item without metadata has every field missing.  Ages are as of the last whole minute of `now_ms`, the
        stream's time.  The last 64 masks are kept: do not write.
        """
        with self._lock:
            return self._mask(filter, now_ms, rows)

    def _mask(self, filter: Filter, now_ms: int, rows: int) -> np.ndarray:
        self._reserve(rows)
        minute = now_ms // MINUTE_MS if filter.aged else 0
        found = self._masks.pop(filter.text, None)
        if not found or found[:2] != (self.version, minute) or len(found[2]) < rows:
            found = self.version, minute, (~self._holds(filter.root, minute * MINUTE_MS)).view(np.uint8)
        self._masks[filter.text] = found
        if len(self._masks) > MASKS:
            del self._masks[next(iter(self._masks))]
        return found[2]

    def _holds(self, node: Node, now_ms: int) -> np.ndarray:
        if isinstance(node, Not):
            return ~self._holds(node.part, now_ms)
        if isinstance(node, Term):
            names = ONE.get(node.field, (node.field,))
            columns = [column for name in names if (column := self._columns.get(name))]
            if not columns:
                return np.full(len(self.categories), node.op == "missing")
            return holding(columns, node, now_ms)
        join = np.logical_and if node.word == "and" else np.logical_or
        return join.reduce([self._holds(part, now_ms) for part in node.parts])

    def _reserve(self, rows: int) -> None:
        if rows > len(self.categories):
            size = max(rows, 2 * len(self.categories))
            self.categories = grown(self.categories, size)
            self._present = grown(self._present, size)
            for column in self._columns.values():
                column.grow(size)


def _first(value: Value | None) -> str:
    text = value[0] if isinstance(value, list) and value else value
    return text if isinstance(text, str) else ""
