"""Words of a request as values; what is wrong with one is said in full, as a person typed it."""

import math
import re

from stream.answer.request import MAX_K
from stream.error import BadRequest
from stream.event.event import MAX_ID_BYTES

MAX_TIMEOUT_MS = 60_000
_PLACE = re.compile(rb"(\d{1,9}):(\d{1,18})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def short(word: bytes) -> str:
    """A word as it is shown in an error."""
    shown = word[:64].decode(errors="replace")
    return repr(shown if len(word) <= 64 else shown + "…")


def text(what: str, word: bytes) -> str:
    """A word as text."""
    try:
        return word.decode()
    except UnicodeDecodeError as exc:
        raise BadRequest(f"{what} {short(word)} is not UTF-8 (byte {exc.start})") from exc


def name(what: str, word: bytes) -> str:
    """The id of a user or an item."""
    if not 1 <= len(word) <= MAX_ID_BYTES:
        raise BadRequest(f"{what} has {len(word)} bytes; wanted 1 to {MAX_ID_BYTES}")
    told = text(what, word)
    if not told.isprintable() and _CONTROL.search(told):
        raise BadRequest(f"{what} {told!r} holds a control character")
    return told


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
