"""One metadata field of all items, as arrays that a filter scans."""

from __future__ import annotations

import math
from operator import eq, ge, gt, le, lt, ne
from typing import Final

import numpy as np

from stream.catalogue.record import Value
from stream.catalogue.syntax import Term

_NONE, _NUMBER, _BOOL, _TEXT, _LIST = range(5)


_KIND: Final[dict[type, int]] = {bool: _BOOL, str: _TEXT, list: _LIST}


_ORDER: Final = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


class Column:
    """A field.  Text is a code in the first place; a list has its members in as many places, then zeros."""

    def __init__(self, rows: int) -> None:
        self.items = 0
        self.kind = np.zeros(rows, np.uint8)
        self.number = np.empty(0)  # or [rows], NaN where there is none
        self.places: list[np.ndarray] = []  # each int32 [rows]
        self.words = Lexicon()

    def grow(self, rows: int) -> None:
        self.kind = grown(self.kind, rows)
        self.places = [grown(place, rows) for place in self.places]
        if len(self.number):
            self.number = grown(self.number, rows, math.nan)

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


def holding(columns: list[Column], term: Term, now_ms: int) -> np.ndarray:
    """Which items pass a test of a field that lies in several columns, bool [rows]."""
    passed = [column.holds(term, now_ms) for column in columns]
    if term.op not in ("!=", "missing"):
        return np.logical_or.reduce(passed)
    absent = [column.kind == _NONE for column in columns]
    every = np.logical_and.reduce([p | a for p, a in zip(passed, absent, strict=True)])
    return every if term.op == "missing" else every & np.logical_or.reduce(passed)


class Lexicon:
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


def grown(old: np.ndarray, size: int, rest: float = 0) -> np.ndarray:
    return np.concatenate([old, np.full(size - len(old), rest, old.dtype)])
