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
    """A field of all items.  A text is its code, first of the members; a list has as many members, then zeros."""

    def __init__(self, rows: int) -> None:
        self.items = 0
        self.kind = np.zeros(rows, np.uint8)
        self.number = np.empty(0)  # or [rows], NaN where there is none
        self.members: list[np.ndarray] = []  # each int32 [rows]
        self.words = Lexicon()

    def grow(self, rows: int) -> None:
        self.kind = grown(self.kind, rows)
        self.members = [grown(codes, rows) for codes in self.members]
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
        while len(self.members) < len(texts):
            self.members.append(np.zeros(len(self.kind), np.int32))
        for codes, text in zip(self.members, texts, strict=False):
            codes[row] = self.words.take(text)

    def clear(self, row: int) -> None:
        self.items -= 1
        self.kind[row] = _NONE
        if len(self.number):
            self.number[row] = math.nan
        for codes in self.members:
            if not (code := codes.item(row)):
                break
            self.words.drop(code)
            codes[row] = 0

    def get(self, row: int) -> Value:
        if self.kind[row] >= _TEXT:
            texts = [self.words.text[code] for codes in self.members if (code := codes.item(row))]
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
        out = self._texts_pass(op, texts) if texts else np.zeros(len(self.kind), bool)
        if numbers and len(self.number):
            number = now_ms - self.number if term.field == "age" else self.number
            out |= _numbers_pass(op, number, numbers)
        return out

    def _texts_pass(self, op: str, texts: list[str]) -> np.ndarray:
        out = np.zeros(len(self.kind), bool)
        table = self.words.table(op, texts)
        for codes in self.members:
            out |= table[codes]
        if op == "!=":
            return ~out & (self.kind >= _TEXT)
        if op in ("<", "<=", ">", ">="):
            out &= self.kind == _TEXT
        return out


def _numbers_pass(op: str, number: np.ndarray, wanted: list[float]) -> np.ndarray:
    same: np.ndarray = np.isin(number, wanted) if op == "in" else _ORDER[op](number, wanted[0])
    return same & ~np.isnan(number) if op == "!=" else same


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
        """Test each text (!= as =), bool [codes]."""
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
