"""Read text and ids of users and items from bytes, and show a word in an error."""

from __future__ import annotations

import re

from stream.error import BadRequest
from stream.event.field import MAX_ID_BYTES

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
    given = text(what, word)
    if not given.isprintable() and _CONTROL.search(given):
        raise BadRequest(f"{what} {given!r} holds a control character")
    return given
