"""A filter: which items an answer may hold, said in a small language over their metadata.

    category = "lamp" and price < 5 and age < 7d
    tags has "garden" or title ~ "garden"
    year >= 1990 and not (genre in ("Horror", "War"))
    price is missing or price is known and available = true

    filter  = every { "or" every }
    every   = one { "and" one }
    one     = "not" one | "(" filter ")" | field test
    test    = ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
            | "in" "(" value { "," value } ")" | "has" text | "~" text | "is" ( "known" | "missing" )
    value   = number | text | duration | "true" | "false"

Text stands in "…" or '…', with \\\\, \\", \\', \\n and \\t; a duration is a number and one of s m h d w.  Words of the
language may be written in capitals, fields may not.  `~` is "contains", whatever the case.  Text is ordered by code
point; true counts as 1 and false as 0.  A list is compared member by member: = in has ~ hold where they hold for
one of its members, != where = does not hold for any, and < <= > >= never.

`age` is the stream's time less the item's `created`, and is compared with durations only; `created` with
milliseconds since 1970 or ISO 8601 text.  An item's own field named age is out of a filter's reach.

`category` and `categories` are one field: a comparison looks at both, as at one list.  A field that no item has is
refused when the filter is used, with the nearest one that some item has.

A comparison with a field that is missing, or of another kind than the value, is false, != too.  So `not (price < 5)`
is TRUE for an item without a price; `price >= 5` is not.

At most 1,000 characters (also as `str` writes them), 64 tests, and 16 levels of brackets and nots.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final, NoReturn

import msgspec

from stream.catalogue.syntax import FIELD, ORDER, Filter, Group, Node, Not, Term, Value, moment
from stream.error import BadRequest
from stream.event.duration import NUMBER, UNIT_MS, Duration

MAX_CHARACTERS: Final = 1_000
MAX_TERMS: Final = 64
MAX_NESTING: Final = 16

_TOKEN: Final = re.compile(
    rf"""(?P<number>{NUMBER}(?P<unit>[a-z_][a-z0-9_]*)?)
    |(?P<word>[a-z_][a-z0-9_]*)|(?P<sign>!=|<=|>=|[=<>~(),])|(?P<text>["'])""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_INSIDE: Final = {q: re.compile(rf"(?:[^{q}\\\x00-\x1f\x7f]|\\[\\\"'nt])*") for q in "\"'"}
_ESCAPED: Final = re.compile(r"\\(.)")


class _Token(msgspec.Struct, frozen=True):
    kind: str  # number, text, word, sign or end
    at: int  # characters from 0
    source: str
    value: Value = ""  # what a number, a duration or a text says


@lru_cache(maxsize=256)
def parse(text: str) -> Filter:
    """Read a filter.

    Raises:
        BadRequest: `FILTER at 9: expected a value after "<", got "and" (price < ^and)`; places count from 1.
    """
    if len(text) > MAX_CHARACTERS:
        _fail(text, MAX_CHARACTERS, f"{len(text)} characters, expected at most {MAX_CHARACTERS}")
    reading = _Reading(text)
    root = reading.group(0)
    if reading.now.kind != "end":
        reading.fail('expected "and", "or" or the end')
    out = str(root)
    if len(out) > MAX_CHARACTERS:
        _fail(text, len(text), f"written out {len(out)} characters, expected at most {MAX_CHARACTERS}")
    return Filter(root, out, "age" in reading.fields, tuple(reading.fields))


class _Reading:
    """A recursive descent over the text; `now` is the next token, `said` whether it is one of some words."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.terms = 0
        self.fields: dict[str, None] = {}
        self.now = _token(text, 0)

    def take(self) -> _Token:
        taken = self.now
        self.now = _token(self.text, taken.at + len(taken.source))
        return taken

    def said(self, *words: str) -> bool:
        return self.now.kind in ("word", "sign") and self.now.source.lower() in words

    def fail(self, wanted: str) -> NoReturn:
        quote = "" if self.now.kind in ("text", "end") else '"'
        got = f"{quote}{_plain(self.now.source) or 'the end'}{quote}"
        _fail(self.text, self.now.at, f"{wanted}, got {got}")

    def group(self, depth: int, word: str = "or") -> Node:
        parts: list[Node] = []
        while not parts or self.said(word):
            if parts:
                self.take()
            part = self.group(depth, "and") if word == "or" else self.one(depth)
            parts += part.parts if isinstance(part, Group) and part.word == word else (part,)
        return Group(word, tuple(parts)) if len(parts) > 1 else parts[0]

    def one(self, depth: int) -> Node:
        if not self.said("not", "("):
            return self.term()
        if depth == MAX_NESTING:
            _fail(self.text, self.now.at, f"nested deeper than {MAX_NESTING} levels")
        if (opened := self.take()).source != "(":
            part = self.one(depth + 1)
            return part.part if isinstance(part, Not) else Not(part)
        inner = self.group(depth + 1)
        self.close(f'expected "and", "or" or the ")" of the "(" at {opened.at + 1}')
        return inner

    def close(self, wanted: str) -> None:
        if not self.said(")"):
            self.fail(wanted)
        self.take()

    def term(self) -> Term:
        field = self.field()
        signs = *ORDER, "in", "is", *(() if field in ("age", "created") else ("has", "~"))
        if not self.said(*signs):
            self.fail(f'expected one of {" ".join(signs)} after "{field}"')
        op = self.take().source.lower()
        if op == "is":
            if not self.said("known", "missing"):
                self.fail('expected known or missing after "is"')
            return Term(field, self.take().source.lower())
        if op != "in":
            return Term(field, op, (self.value(field, op, op),))
        return Term(field, op, self.members(field, op))

    def field(self) -> str:
        if self.now.kind != "word" or self.said("and", "or") or not FIELD.fullmatch(self.now.source):
            self.fail("expected a field (a-z, 0-9 and _, at most 32)")
        if self.terms == MAX_TERMS:
            _fail(self.text, self.now.at, f"more than {MAX_TERMS} comparisons")
        self.terms += 1
        field = self.take().source
        self.fields[field] = None
        return field

    def members(self, field: str, op: str) -> tuple[Value, ...]:
        if not self.said("("):
            self.fail('expected "(" after "in"')
        values: list[Value] = []
        while not values or self.said(","):
            values.append(self.value(field, op, self.take().source))
        self.close('expected "," or ")"')
        return tuple(values)

    def value(self, field: str, op: str, after: str) -> Value:
        """The value after a sign, of a kind that the field and the test take."""
        found: Value = self.now.value
        if self.said("true", "false"):
            found = self.said("true")
        elif self.now.kind not in ("number", "text"):
            self.fail(f'expected a value after "{after}"')
        found = self.fitting(field, op, found)
        self.take()
        return found

    def fitting(self, field: str, op: str, found: Value) -> Value:
        if field == "age" and not isinstance(found, Duration):
            self.fail("expected a duration such as 7d to compare age with")
        if field != "age" and isinstance(found, Duration):
            self.fail(f"expected a number or text to compare {field} with (durations are for age)")
        if op in ("has", "~") and not isinstance(found, str):
            self.fail(f'expected text after "{op}"')
        if field == "created" and not isinstance(found, float):
            try:
                found = float(moment(str(found)))
            except (ValueError, OverflowError):
                self.fail("expected milliseconds since 1970 or ISO 8601 text to compare created with")
        return found


def _token(text: str, at: int) -> _Token:
    """The token at an offset, or after the spaces there."""
    while at < len(text) and text[at].isspace():
        at += 1
    if at == len(text):
        return _Token("end", at, "")
    found = _TOKEN.match(text, at)
    if not found:
        _fail(text, at, f'"{_plain(text[at])}" means nothing here')
    source, unit = found[0], found["unit"]
    if found["text"]:
        return _quoted(text, at)
    if not found["number"]:
        return _Token("word" if found["word"] else "sign", at, source)
    return _number(text, at, source, unit)


def _number(text: str, at: int, source: str, unit: str | None) -> _Token:
    number = float(source[: len(source) - len(unit or "")]) + 0.0  # no -0
    if unit and unit.lower() not in UNIT_MS:
        _fail(text, at, f'expected a duration such as 90s 15m 12h 7d or 4w, got "{_plain(source)}"')
    value = Duration(number, unit.lower()) if unit else number
    if not math.isfinite(float(value)):
        _fail(text, at, f'expected a finite number, got "{_plain(source)}"')
    return _Token("number", at, source, value)


def _quoted(text: str, at: int) -> _Token:
    end = _INSIDE[text[at]].match(text, at + 1).end()  # type: ignore[union-attr]  # it matches nothing at all too
    if end == len(text):
        _fail(text, at, f"this text has no end, expected another {text[at]}")
    if text[end] != text[at]:
        _fail(text, end, "a backslash and control characters in text are written \\\\, \\n or \\t")
    value = _ESCAPED.sub(lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text[at + 1 : end])
    return _Token("text", at, text[at : end + 1], value)


def _fail(text: str, at: int, what: str) -> NoReturn:
    before = "…" * (at > 24) + _plain(text[max(at - 24, 0) : at])
    after = _plain(text[at:], 16)
    raise BadRequest(f"FILTER at {at + 1}: {what} ({before}^{after})")


def _plain(text: str, limit: int = 40) -> str:
    out = "".join(c if c.isprintable() else "�" for c in text[:limit])
    return out if len(text) <= limit else out + "…"
