"""A record as it is written: what a topic gets, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

Headers = Sequence[tuple[str, bytes | None]]
Done = Callable[[int, int], None]
"""Called with partition and offset once a record is written."""
Refused = Callable[[str, str], None]
"""Called once a record is refused: with one of the kinds below, and with where and why in words."""

SIZE: Final = "size"  # larger than the topic takes, alone or with those it was sent with
TIME: Final = "time"  # its time is further from the broker's than the topic takes
AWAY: Final = "away"  # nobody took it in time, or there is no such topic
OTHER: Final = "other"  # no right to write, against a policy, …


class Message(NamedTuple):
    """A record to write.

    `value` and `key` are None where the record has none, which is not the same as no bytes.  `ms` is its time in
    milliseconds of the wall clock, 0 for when it is written; `partition` is -1 where its key decides.
    """

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    ms: int = 0
    partition: int = -1
