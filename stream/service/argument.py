"""Words of a request as values; what is wrong with one is said in full, as a person typed it."""

import math
import re
from typing import Final

from stream.answer.request import MAX_K, Similar, Trending
from stream.catalogue.filter import UNIT_MS, parse
from stream.error import BadRequest
from stream.event.identifier import short, text

MAX_TIMEOUT_MS = 60_000
_PLACE = re.compile(rb"(\d{1,9}):(\d{1,18})")


def count(word: bytes = b"10", *, what: str = "k") -> int:
    """How many items are wanted."""
    if word.isdigit() and len(word) <= 6 and 1 <= (k := int(word)) <= MAX_K:
        return k
    raise BadRequest(f"{what} is {short(word)}; wanted a whole number from 1 to {MAX_K}")


def number(what: str, word: str) -> float:
    """A finite number."""
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if math.isfinite(value):
        return value
    raise BadRequest(f"{what} is {word[:64]!r}; wanted a finite number")


def share(what: str, word: bytes) -> float:
    """A share, 0 to 1."""
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if 0 <= value <= 1:
        return value
    raise BadRequest(f"{what} is {short(word)}; wanted a number from 0 to 1")


def place(word: bytes) -> tuple[int, int]:
    """The partition and offset of an event."""
    found = _PLACE.fullmatch(word)
    if found is None:
        raise BadRequest(f"AFTER is {short(word)}; wanted partition:offset as EVENT replies it, such as 0:41")
    return int(found[1]), int(found[2])


def timeout(word: bytes) -> int:
    """How many milliseconds to wait at most."""
    if word.isdigit() and len(word) <= 6 and (limit := int(word)) <= MAX_TIMEOUT_MS:
        return limit
    raise BadRequest(f"TIMEOUT is {short(word)}; wanted milliseconds, 0 to {MAX_TIMEOUT_MS}")


_DURATION: Final = re.compile(rb"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhdw])", re.IGNORECASE)


LONGEST_MS: Final = 36_500 * UNIT_MS["d"]


def half_life(word: bytes, what: str = "HALFLIFE") -> int:
    """A duration such as 30m in milliseconds."""
    found = _DURATION.fullmatch(word)
    if found is not None:
        ms = round(float(found[1]) * UNIT_MS[found[2].decode().lower()])
        if 1 <= ms <= LONGEST_MS:
            return ms
    raise BadRequest(
        f"{what} is {short(word)}; wanted a duration such as 90s, 30m, 1h, 7d or 4w, at most 36500d"
    )


def category(word: bytes) -> str:
    """The name of a category."""
    told = text("CATEGORY", word)
    if not told:
        raise BadRequest("CATEGORY is ''; wanted the name of a category")
    return told


def narrow(request: Similar | Trending, found: dict[bytes, bytes]) -> None:
    """Take the options that say what items of a list must be."""
    if b"FILTER" in found:
        request.filter = parse(text("FILTER", found[b"FILTER"]))
    if b"CATEGORY" in found:
        request.category = category(found[b"CATEGORY"])
