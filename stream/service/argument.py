"""Read the words of a request as values; an error says what came and what was wanted."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from stream.answer.request import MAX_K
from stream.answer.rule import parse as rule
from stream.catalogue.filter import parse
from stream.error import BadRequest
from stream.event.duration import FOREVER_MS, milliseconds
from stream.event.identifier import name, short, text
from stream.service.parameter import Kind

MAX_TIMEOUT_MS = 60_000
MOST_LETTERS = 256  # of a text to search for
_CURSOR = re.compile(rb"[A-Za-z0-9_-]{1,8192}")
_POSITION = re.compile(rb"(\d{1,9}):(\d{1,18})")

Reader = Callable[[str, bytes], Any]


def count(what: str, word: bytes) -> int:
    """How many items are wanted."""
    if word.isdigit() and len(word) <= 6 and 1 <= (k := int(word)) <= MAX_K:
        return k
    raise BadRequest(f"{what} is {short(word)}; wanted a whole number from 1 to {MAX_K}")


def number(what: str, word: str) -> float:
    """A finite number."""
    value = _float(word)
    if math.isfinite(value):
        return value
    raise BadRequest(f"{what} is {word[:64]!r}; wanted a finite number")


def share(what: str, word: bytes) -> float:
    """A share, 0 to 1."""
    value = _float(word)
    if 0 <= value <= 1:
        return value
    raise BadRequest(f"{what} is {short(word)}; wanted a number from 0 to 1")


def position(what: str, word: bytes) -> tuple[int, int]:
    """The partition and offset of an event."""
    found = _POSITION.fullmatch(word)
    if found is None:
        raise BadRequest(
            f"{what} is {short(word)}; wanted partition:offset as EVENT replies it, such as 0:41"
        )
    return int(found[1]), int(found[2])


def timeout(what: str, word: bytes) -> int:
    """How many milliseconds to wait at most."""
    if word.isdigit() and len(word) <= 6 and (limit := int(word)) <= MAX_TIMEOUT_MS:
        return limit
    raise BadRequest(f"{what} is {short(word)}; wanted milliseconds, 0 to {MAX_TIMEOUT_MS}")


def half_life(what: str, word: bytes) -> int:
    """A duration such as 30m in milliseconds."""
    return milliseconds(what, word.decode(errors="replace"), least=1, most=FOREVER_MS)


def category(what: str, word: bytes) -> str:
    """The name of a category."""
    given = text(what, word)
    if not given:
        raise BadRequest(f"{what} is ''; wanted the name of a category")
    return given


def cursor(what: str, word: bytes) -> str:
    """A cursor as an answer had it; whether it is one is told where it is used."""
    if _CURSOR.fullmatch(word):
        return word.decode()
    raise BadRequest(
        f"{what} is {short(word)}; wanted 0 for the first page, then the cursor of the answer before"
    )


def sought(what: str, word: bytes) -> str:
    """A text to search for."""
    given = text(what, word)
    if given.strip() and len(given) <= MOST_LETTERS:
        return given
    raise BadRequest(f"{what} is {short(word)}; wanted 1 to {MOST_LETTERS} letters to search for")


READERS: Final[Mapping[Kind, Reader]] = {
    "user": name,
    "item": name,
    "count": count,
    "filter": lambda what, word: parse(text(what, word)),
    "category": category,
    "seen": lambda what, word: rule(text(what, word)),
    "share": share,
    "position": position,
    "timeout": timeout,
    "duration": half_life,
    "search": sought,
    "cursor": cursor,
}


def agree(values: Mapping[str, Any], spelled: Mapping[str, str]) -> None:
    """Refuse options that do not go together.

    Args:
        values: What was read, by field.
        spelled: Field -> the option's name where it was given.
    """
    if "timeout_ms" in values and "after" not in values:
        raise BadRequest(f"{spelled['timeout_ms']} goes with {spelled['after']} partition:offset")
    if values.get("include_seen") and "seen" in values:
        raise BadRequest(
            f"{spelled['include_seen']} lets every item come again; {spelled['seen']} says which ones may not: "
            "wanted one of them"
        )


def _float(word: str | bytes) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan
