"""Dead letters as rows for people and for programs; control characters are escaped, and of headers only names are shown."""

from __future__ import annotations

import base64
import heapq
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from deploy.dlq.archive import Found, Selection
from deploy.dlq.mark import Marks
from stream.dead_letter.letter import Letter

SHORT: Final = 60  # characters of a key or value in a table
LONG: Final = 120  # ... of a message

Row = dict[str, Any]


def newest(archive: Iterable[Found], selection: Selection, limit: int | None) -> tuple[list[Found], int]:
    """Return the letters of a selection that were rejected last, the newest at the end, and how many there are in all."""
    count = 0

    def chosen() -> Iterable[tuple[int, int, Found]]:
        nonlocal count
        for found in archive:
            if selection.has(found.letter):
                count += 1
                yield found.letter.rejected, count, found

    last = sorted(chosen()) if limit is None else sorted(heapq.nlargest(limit, chosen()))
    return [found for _, _, found in last], count


def row(found: Found, marks: Marks) -> Row:
    """Return a letter as a row of a table."""
    letter = found.letter
    return {
        "place": place(letter),
        "rejected": moment(letter.rejected),
        "reason": escaped(letter.reason, SHORT),
        "message": escaped(letter.message, LONG),
        "key": None if letter.key is None else escaped(letter.key, SHORT),
        "value": "(none)" if letter.value is None else escaped(letter.value, SHORT),
        "state": ", ".join(_states(found, marks)),
    }


def told(found: Found, marks: Marks) -> Row:
    """Return a letter as a JSON object: bytes in Base64, null where there are none."""
    letter = found.letter
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "timestamp_ms": letter.timestamp,
        "rejected_ms": letter.rejected,
        "reason": letter.reason,
        "message": letter.message,
        "key": None if letter.key is None else escaped(letter.key, SHORT),
        "key_base64": _base64(letter.key),
        "value": None if letter.value is None else escaped(letter.value, SHORT),
        "value_base64": _base64(letter.value),
        "bytes": letter.size,
        "headers": [name for name, _ in letter.headers],
        "state": _states(found, marks),
    }


def place(letter: Letter) -> str:
    """Return where a letter's record was read, as `events 0:17`."""
    return f"{escaped(letter.topic, SHORT)} {letter.partition}:{letter.offset}"


def moment(ms: int) -> str:
    """Return a time as text, in seconds of UTC; nothing where there is none."""
    try:
        return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}" if ms > 0 else ""
    except (ValueError, OverflowError, OSError):
        return str(ms)


def escaped(given: str | bytes, most: int) -> str:
    """Return the beginning of a text, or of bytes, fit for a screen."""
    text = given[: 4 * most].decode("utf-8", "backslashreplace") if isinstance(given, bytes) else given
    shown = "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text[: most + 1]
    )
    return shown if len(shown) <= most else shown[:most] + "…"


def _states(found: Found, marks: Marks) -> list[str]:
    letter = found.letter
    cut = not letter.whole and not letter.erased
    return [
        *["replayed"] * marks.has(letter),
        *["on disk"] * found.on_disk,
        *["cut"] * cut,
        *["erased"] * letter.erased,
    ]


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
