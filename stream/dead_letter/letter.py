"""A dead letter: a rejected record with its key, headers, time and bytes, and headers that say why and from where.

header                  holds
…                       the record's own headers, in their order, first
riverwalk.reason        one of `stream.event.event.REASONS`
riverwalk.message       what came and what was wanted
riverwalk.topic         where the record was read, with
riverwalk.partition     and
riverwalk.offset        as decimal text
riverwalk.timestamp     its time in milliseconds, -1 where the broker kept none
riverwalk.rejected      when it was rejected, in milliseconds of the wall clock
riverwalk.size          only when it was cut: the bytes of its value before
riverwalk.dropped       only when its own headers had to be left out: how many there were
riverwalk.erased        only when its user was forgotten: nothing else of the record is left

A header of the record's own that is called `riverwalk.…` gets `original.` before its name, as often as it takes to tell it
from ours; taking one away again gives the record as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from stream.event.batch import Record
from stream.event.message import Message

MAX_BYTES: Final = 900_000  # of a value; a default broker takes 1 048 588 with headers
LEAST_BYTES: Final = 512  # what is left of a value before headers are dropped
OURS: Final = "riverwalk."
_LIKE_OURS: Final = re.compile(r"(original\.)*riverwalk\.")
_HIDDEN: Final = re.compile(r"(original\.)+riverwalk\.")
Pair = tuple[str, bytes | None]


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A rejected record.

    Args:
        topic, partition, offset: Where it was read; an empty topic and -1 where that is not known.
        timestamp: Its time in milliseconds, -1 where the broker kept none.
        rejected: When it was rejected, in milliseconds of the wall clock.
        size: The bytes of its value before it was cut.
        dropped: How many of its own headers are left out.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Pair, ...]
    reason: str
    message: str
    rejected: int
    size: int
    dropped: int = 0
    erased: bool = False

    @property
    def whole(self) -> bool:
        """Whether it has all of the record."""
        return not self.erased and not self.dropped and self.size == len(self.value or b"")

    @property
    def place(self) -> tuple[str, int, int, int]:
        """What tells it from other letters: a crash may have the same record rejected twice."""
        return self.topic, self.partition, self.offset, self.timestamp


def rejected(record: Record, topic: str, reason: str, message: str, now_ms: int) -> Letter:
    """Return the dead letter of a record read from a topic."""
    return Letter(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.produced_ms,
        key=record.key if record.key or record.keyed else None,
        value=record.value,
        headers=tuple(record.headers),
        reason=reason,
        message=message,
        rejected=now_ms,
        size=len(record.payload),
    )


def pack(letter: Letter, *, timed: bool = True) -> Message:
    """Return a letter as a record of the dead-letter topic, of a value over 900 000 bytes the beginning.

    Args:
        timed: Give it the time of the original.
    """
    value = letter.value if letter.value is None else letter.value[:MAX_BYTES]
    ours = {
        "reason": letter.reason,
        "message": letter.message,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "timestamp": letter.timestamp,
        "rejected": letter.rejected,
    }
    if letter.size != len(value or b""):
        ours["size"] = letter.size
    if letter.dropped:
        ours["dropped"] = letter.dropped
    if letter.erased:
        ours["erased"] = 1
    own: list[Pair] = [
        (f"original.{name}" if _LIKE_OURS.match(name) else name, text) for name, text in letter.headers
    ]
    pairs = [*own, *((OURS + name, str(text).encode()) for name, text in ours.items())]
    return Message(value, letter.key, pairs, max(letter.timestamp, 0) if timed else 0)


def unpack(record: Record) -> Letter:
    """Return the letter in a record of the dead-letter topic; what is not told is empty, or -1."""
    told, own = dict[str, str](), list[Pair]()
    for name, text in record.headers:
        if name.startswith(OURS):
            told[name.removeprefix(OURS)] = (text or b"").decode(errors="replace")
        else:
            own.append((name.removeprefix("original.") if _HIDDEN.match(name) else name, text))
    return Letter(
        topic=told.get("topic", ""),
        partition=_number(told, "partition"),
        offset=_number(told, "offset"),
        timestamp=_number(told, "timestamp"),
        key=record.key if record.key or record.keyed else None,
        value=record.value,
        headers=tuple(own),
        reason=told.get("reason", ""),
        message=told.get("message", ""),
        rejected=_number(told, "rejected", record.produced_ms),
        size=_number(told, "size", len(record.payload)),
        dropped=_number(told, "dropped", 0),
        erased="erased" in told,
    )


def smaller(letter: Letter, most: int = MAX_BYTES) -> Iterator[Letter]:
    """Yield a letter smaller and smaller: the value cut by half each time, at last without the record's own headers.

    Args:
        most: Bytes of a value to begin with.
    """
    bare = msgspec.structs.replace(letter, headers=(), dropped=len(letter.headers))
    for one in (letter, bare) if letter.headers else (letter,):
        size = min(len(one.value or b""), most)
        while size > LEAST_BYTES:
            yield _cut(one, size)
            size //= 2
        yield _cut(one, size)
    yield msgspec.structs.replace(_cut(bare, 0), message=letter.message[:80])


def erased(letter: Letter) -> Letter:
    """Return what is left of a letter whose user was forgotten: when, from where and for what reason it was rejected."""
    return msgspec.structs.replace(
        letter,
        key=None,
        value=b"",
        headers=(),
        message="its user was forgotten",
        size=0,
        dropped=0,
        erased=True,
    )


def _cut(letter: Letter, size: int) -> Letter:
    return msgspec.structs.replace(letter, value=None if letter.value is None else letter.value[:size])


def _number(told: dict[str, str], name: str, default: int = -1) -> int:
    text = told.get(name, "")
    return int(text) if re.fullmatch(r"-?\d{1,19}", text, re.ASCII) else default
