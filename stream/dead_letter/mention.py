"""Which dead letters name a user: by their key, their `user` field, a header, or, in bytes nobody can read, as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from stream.dead_letter.letter import Letter

_USER: Final = re.compile(rb'"user"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d{1,512}(?![\d.eE]))')
_BESIDE: Final = rb"[0-9A-Za-z_\x80-\xff]"  # what makes a text a part of a longer one
ESCAPE: Final = b"\\"


class Mention:
    """Users whose letters are looked for.

    Args:
        users: Their ids.
        events: The topic of events; letters of another one have no user as their key.
    """

    def __init__(self, users: Iterable[str], events: str) -> None:
        self._events = events
        self._texts = {user: _texts(user) for user in users}
        self._patterns = {user: re.compile(_pattern(texts)) for user, texts in self._texts.items()}

    @property
    def texts(self) -> list[bytes]:
        """What a letter that names one of them holds: one of these in its key, value or headers, or `ESCAPE` in its value."""
        return sorted({text for texts in self._texts.values() for text in texts})

    def users(self, letter: Letter) -> list[str]:
        """Return those that a letter names."""
        if letter.erased:
            return []
        named = set[str]()
        event = letter.topic in ("", self._events)
        for text in (letter.key if event else None, *(text for _, text in letter.headers)):
            with suppress(UnicodeDecodeError):
                named.add((text or b"").decode())
        value = letter.value or b""
        found, readable = _user(value, event)
        named = {one for one in (*named, found) if one in self._texts}
        if not readable:
            named.update(user for user, pattern in self._patterns.items() if pattern.search(value))
        return sorted(named)


def _user(value: bytes, event: bool) -> tuple[str, bool]:
    """Return the user a value names, and whether it can be read who that is: nobody, in a description of an item."""
    try:
        fields: Any = json.loads(value)
    except (ValueError, RecursionError):
        found = _USER.findall(value)
        fields = None
        with suppress(ValueError, RecursionError):
            fields = {"user": json.loads(found[0])} if len(found) == 1 else None
    user = fields.get("user") if isinstance(fields, dict) else None
    if isinstance(user, str) or (isinstance(user, int) and not isinstance(user, bool)):
        return str(user), True
    return "", isinstance(fields, dict) and not event


def _texts(user: str) -> list[bytes]:
    """Return an id as bytes, the ways it may stand in a record."""
    escaped = json.dumps(user)[1:-1]
    found = {user.encode(), escaped.encode(), escaped.replace("/", "\\/").encode()}
    for encoding in ("latin-1", "cp1252", "utf-16-le", "utf-16-be"):
        with suppress(UnicodeEncodeError):
            found.add(user.encode(encoding))
    return sorted(found)


def _pattern(texts: list[bytes]) -> bytes:
    """Return what finds one of the texts that is no part of a longer word."""
    words = b"|".join(re.escape(text) for text in texts)
    return rb"(?<!%b)(?:%b)(?!%b)" % (_BESIDE, words, _BESIDE)
