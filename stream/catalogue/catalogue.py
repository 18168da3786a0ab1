"""The metadata of items, in memory, in columns that a filter is a few passes over.

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

import json
import math
from operator import eq, ge, gt, le, lt, ne
from typing import Annotated, Final

import msgspec
import numpy as np

from stream.catalogue.filter import (
    FIELD,
    Filter,
    Node,
    Not,
    Term,
    moment,
)
from stream.error import BadEvent

MAX_BYTES: Final = 16_384
MAX_COLUMNS: Final = 200
MASKS: Final = 64
MINUTE_MS: Final = 60_000

Value = str | float | bool | list[str]
_Field = str | float | bool | Annotated[list[str], msgspec.Meta(max_length=32)] | None
_Name = Annotated[str, msgspec.Meta(pattern=rf"^{FIELD.pattern}\Z")]
_read = msgspec.json.Decoder(Annotated[dict[_Name, _Field], msgspec.Meta(max_length=64)] | None).decode
_NONE, _NUMBER, _BOOL, _TEXT, _LIST = range(5)
_KIND: Final[dict[type, int]] = {bool: _BOOL, str: _TEXT, list: _LIST}
_ORDER: Final = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def decode(payload: bytes) -> dict[str, Value] | None:
    """The fields in a record, numbers as float; None from an empty one; BadEvent with one of the reasons above."""
    if len(payload) > MAX_BYTES:
        raise BadEvent("size", f"metadata has {len(payload)} bytes, expected at most {MAX_BYTES}")
    try:
        fields = _read(payload or b"null")
        payload.decode()
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise _refusal(payload, str(exc)) from exc
    if fields is None:
        return None
    out: dict[str, Value] = {name: value for name, value in fields.items() if value is not None}
    if "created" in out:
        out["created"] = _created(out["created"])
    return out


def _created(value: Value) -> float:
    try:
        t = moment(value) if isinstance(value, str) else value if type(value) is float else -1
    except (ValueError, OverflowError):
        t = -1
    if not 0 <= t < 8.64e15 or t % 1:
        raise BadEvent(
            "time", f"created is {value!r:.60}, expected ISO 8601 or whole milliseconds since 1970"
        )
    return float(t)


def _refusal(payload: bytes, found: str) -> BadEvent:
    strange = ["a number"] * ("out of range" in found)  # what is not finite
    reason = "size" if "length" in found else "type" if found.startswith("Expected") else "json"
    try:
        payload.decode()
        json.loads(payload, parse_constant=strange.append, parse_int=len)
    except UnicodeDecodeError as exc:
        reason, found = "utf8", f"{exc.reason} at byte {exc.start}"
    except (ValueError, RecursionError) as exc:
        reason, found = "json", str(exc)
    if strange and reason != "utf8":
        reason, found = "nan", f"{strange[0]} is not finite"
    return BadEvent(reason, f"metadata begins {payload[:40]!r}: {found}; expected a JSON object of fields")


class Catalogue:
    """Metadata by row of an item, for one thread.  `version` counts the puts.

    `words.code` and `words.text` lead from a category's name to its code and back; a code stays as long as an item has
    that category: the first of `category`, else of `categories`.
    """

    def __init__(self) -> None:
        self.version = 0
        self.categories = np.zeros(1024, np.int32)
        self.words = _Lexicon()
        self._present = np.zeros(1024, bool)
        self._columns: dict[str, _Column] = {}
        self._masks: dict[str, tuple[int, int, np.ndarray]] = {}  # the oldest use first

    def put(self, row: int, fields: dict[str, Value] | None) -> None:
        """Replace an item's fields, as `decode` gives them; None removes it.  BadEvent: over 200 fields in all."""
        columns, found = self._columns, fields or {}
        new = [name for name in found if name not in columns]
        if new and len(new) + len(columns) > MAX_COLUMNS:
            raise BadEvent("size", f"field {new[0]} is one more than {MAX_COLUMNS}, expected fewer in all")
        self._reserve(row + 1)
        for name, column in list(columns.items()):
            if column.kind.item(row):
                column.clear(row)
                if not column.items and name not in found:
                    del columns[name]
        for name in new:
            columns[name] = _Column(len(self.categories))
        for name, value in found.items():
            columns[name].set(row, value)
        word = _first(found.get("category")) or _first(found.get("categories"))
        old, self.categories[row] = int(self.categories[row]), self.words.take(word) if word else 0
        if old:
            self.words.drop(old)
        self._present[row] = fields is not None
        self.version += 1

    def get(self, row: int) -> dict[str, Value] | None:
        """The fields of an item, whole numbers as int; None without metadata."""
        known = row < len(self._present) and self._present[row]
        columns = self._columns.items()
        return {name: column.get(row) for name, column in columns if column.kind[row]} if known else None

    def value(self, row: int, name: str) -> Value | None:
        """One field of an item, None where it is not known."""
        column = self._columns.get(name)
        return column.get(row) if column and row < len(self._present) and column.kind[row] else None

    def codes(self, rows: np.ndarray) -> np.ndarray:
        """The codes of items' categories, int32 [n], 0 without one."""
        self._reserve(int(rows.max(initial=0)) + 1)
        return self.categories[rows]

    def mask(self, filter: Filter, now_ms: int, rows: int) -> np.ndarray:
        """Which items are barred, uint8 [>= rows]: 1 where the filter is false.

        An item without metadata has every field missing.  Ages are as of the last whole minute of `now_ms`, the
        stream's time.  The last 64 masks are kept: do not write.
        """
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
            column = self._columns.get("created" if node.field == "age" else node.field)
            missing = node.op == "missing"
            return column.holds(node, now_ms) if column else np.full(len(self.categories), missing)
        join = np.logical_and if node.word == "and" else np.logical_or
        return join.reduce([self._holds(part, now_ms) for part in node.parts])

    def _reserve(self, rows: int) -> None:
        if rows > len(self.categories):
            size = max(rows, 2 * len(self.categories))
            self.categories = _grown(self.categories, size)
            self._present = _grown(self._present, size)
            for column in self._columns.values():
                column.grow(size)


class _Column:
    """A field.  Text is a code in the first place; a list has its members in as many places, then zeros."""

    def __init__(self, rows: int) -> None:
        self.items = 0
        self.kind = np.zeros(rows, np.uint8)
        self.number = np.empty(0)  # or [rows], NaN where there is none
        self.places: list[np.ndarray] = []  # each int32 [rows]
        self.words = _Lexicon()

    def grow(self, rows: int) -> None:
        self.kind = _grown(self.kind, rows)
        self.places = [_grown(place, rows) for place in self.places]
        if len(self.number):
            self.number = _grown(self.number, rows, math.nan)

    def set(self, row: int, value: Value) -> None:
        self.items += 1
        self.kind[row] = _KIND.get(type(value), _NUMBER)
        if not isinstance(value, (str, list)):
            if not len(self.number):
                self.number = np.full(len(self.kind), math.nan)
            self.number[row] = value
            return
        texts = [value] if isinstance(value, str) else value
        while len(self.places) < len(texts):
            self.places.append(np.zeros(len(self.kind), np.int32))
        for place, text in zip(self.places, texts, strict=False):
            place[row] = self.words.take(text)

    def clear(self, row: int) -> None:
        self.items -= 1
        self.kind[row] = _NONE
        if len(self.number):
            self.number[row] = math.nan
        for place in self.places:
            if not (code := place.item(row)):
                break
            self.words.drop(code)
            place[row] = 0

    def get(self, row: int) -> Value:
        if self.kind[row] >= _TEXT:
            texts = [self.words.text[code] for place in self.places if (code := place.item(row))]
            return texts if self.kind[row] == _LIST else texts[0]
        number = float(self.number[row])
        whole = bool if self.kind[row] == _BOOL else int
        return whole(number) if number.is_integer() else number

    def holds(self, term: Term, now_ms: int) -> np.ndarray:
        op = term.op
        if op in ("known", "missing"):
            return (self.kind != _NONE) == (op == "known")
        texts = [value for value in term.values if isinstance(value, str)]
        numbers = [float(value) for value in term.values if not isinstance(value, str)]
        out = np.zeros(len(self.kind), bool)
        if texts:
            table = self.words.table(op, texts)
            for place in self.places:
                out |= table[place]
            if op == "!=":
                out = ~out & (self.kind >= _TEXT)
            elif op in ("<", "<=", ">", ">="):
                out &= self.kind == _TEXT
        if numbers and len(self.number):
            number = now_ms - self.number if term.field == "age" else self.number
            same = np.isin(number, numbers) if op == "in" else _ORDER[op](number, numbers[0])
            out |= same & ~np.isnan(number) if op == "!=" else same
        return out


class _Lexicon:
    """Texts by code, 1 and more; a code whose last use is dropped is given to another text."""

    def __init__(self) -> None:
        self.code: dict[str, int] = {}
        self.text = [""]
        self.folded: list[str] = []  # as text, as far as it was searched
        self.uses = [0]
        self.free: list[int] = []

    def take(self, text: str) -> int:
        code = self.code.get(text)
        if code is None:
            if not self.free:
                self.free = [len(self.text)]
                self.text.append("")
                self.uses.append(0)
            self.code[text] = code = self.free.pop()
            self.text[code] = text
            if code < len(self.folded):
                self.folded[code] = text.casefold()
        self.uses[code] += 1
        return code

    def drop(self, code: int) -> None:
        self.uses[code] -= 1
        if not self.uses[code]:
            del self.code[self.text[code]]
            self.text[code] = ""
            self.free.append(code)

    def table(self, op: str, texts: list[str]) -> np.ndarray:
        """Whether each text passes a test (!= as =), bool [codes]."""
        out = np.zeros(len(self.text), bool)
        if op == "~":
            self.folded += [text.casefold() for text in self.text[len(self.folded) :]]
            wanted = texts[0].casefold()
            out[:] = [wanted in text for text in self.folded]
        elif op in ("<", "<=", ">", ">="):
            out[:] = [_ORDER[op](text, texts[0]) for text in self.text]
        else:
            out[[self.code.get(text, 0) for text in texts]] = True
        out[0] = False
        return out


def _first(value: Value | None) -> str:
    text = value[0] if isinstance(value, list) and value else value
    return text if isinstance(text, str) else ""


def _grown(old: np.ndarray, size: int, rest: float = 0) -> np.ndarray:
    return np.concatenate([old, np.full(size - len(old), rest, old.dtype)])
