"""The parts of a filter, as the parser makes them and the columns test them; as text each reads back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from stream.event.duration import Duration, plain

ORDER: Final = ("=", "!=", "<", "<=", ">", ">=")
FIELD: Final = re.compile(r"[a-z_][a-z0-9_]{0,31}", re.ASCII)
_WRITTEN: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Term(msgspec.Struct, frozen=True):
    """A test of a field: `op` is one of `ORDER` or has or ~ (one value), in (one or more), known or missing (none)."""

    field: str
    op: str
    values: tuple[Value, ...] = ()

    def __str__(self) -> str:
        if not self.values:
            return f"{self.field} is {self.op}"
        values = ", ".join(_value(value) for value in self.values)
        return f"{self.field} in ({values})" if self.op == "in" else f"{self.field} {self.op} {values}"


class Not(msgspec.Struct, frozen=True):
    """True where its part, which is no Not, is false."""

    part: Node

    def __str__(self) -> str:
        return f"not {self.part}" if isinstance(self.part, Term) else f"not ({self.part})"


class Group(msgspec.Struct, frozen=True):
    """Two or more parts, none of them a group of the same word, which is and or or."""

    word: str
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        form = "({})" if self.word == "and" else "{}"
        return f" {self.word} ".join(form.format(p) if isinstance(p, Group) else str(p) for p in self.parts)


Value = float | str | bool | Duration
Node = Term | Not | Group


class Filter(msgspec.Struct, frozen=True):
    """What a filter says, the same as canonical text (it reads as the same filter), whether it asks for an age, and
    the fields it names, once each."""

    root: Node
    text: str
    aged: bool
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


def moment(text: str) -> int:
    """Return ISO 8601 text as milliseconds since 1970 (UTC unless it says); ValueError, OverflowError: no such time."""
    stamp = datetime.fromisoformat(text)
    return ((stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value.translate(_WRITTEN)}"'
    return str(value) if isinstance(value, Duration) else plain(value)
