"""The numbered events of a chaos run: which they are follows from their numbers, so that anyone can count them."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from deploy.service.ingest import clock_ms
from stream.broker import Sink
from stream.event.event import KINDS

USERS, ITEMS = 400, 250
BEGIN_MS = 1_600_000_000_000
AGAIN, NONSENSE = 0.02, 0.01  # parts of the records that come again with their id, and that are no events


class Numbered(NamedTuple):
    """The record of a number: its key, its bytes, and its user where it is an event."""

    key: bytes
    payload: bytes
    user: str


def record(seed: int, number: int) -> Numbered:
    """Return the record of a number."""
    draw = random.Random(seed * 1_000_003 + number)
    user = f"u{int(USERS * draw.random() ** 2)}"
    if draw.random() < NONSENSE:
        return Numbered(user.encode(), f"nonsense {number}".encode(), "")
    event = {
        "user": user,
        "item": f"i{int(ITEMS * draw.random() ** 2)}",
        "t": BEGIN_MS + 50 * number,
        "type": draw.choice(KINDS[:6]),
        "value": draw.choice((1.0, 1.0, 2.5, -1.0)),
        "id": f"e{number}",
    }
    return Numbered(user.encode(), msgspec.json.encode(event), user)


def expected(seed: int, until: int) -> Counter[str]:
    """Return how many events each user has among the first numbers."""
    return Counter(found.user for n in range(until) if (found := record(seed, n)).user)


def sent(seed: int, begin: int, until: int) -> Iterator[Numbered]:
    """Yield the records of numbers in turn, some of them twice."""
    draw = random.Random(seed + begin)
    for number in range(begin, until):
        yield record(seed, number)
        if draw.random() < AGAIN:
            yield record(seed, number)


def produce(sink: Sink, seed: int, begin: int, until: int, a_second: float) -> None:
    """Send records, so many a second, until all are written."""
    started = clock_ms()
    for count, one in enumerate(sent(seed, begin, until)):
        sink.send(one.key, one.payload)
        ahead = count / a_second - (clock_ms() - started) / 1000
        if ahead > 0.02:
            sink.flush()
            time.sleep(ahead)
    sink.flush()
