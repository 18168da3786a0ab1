"""A batch: the good events of some records as columns, and the offsets to read on from.

Bad records are reported one by one, apart from their neighbours; the offsets cover them too, so that a bad record is
read once.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.error import BadEvent, Ignored
from stream.event.event import CODE, DAY_MS, DISLIKE, FORGET, IMPRESSION, Event, decode
from stream.event.message import Headers


class Record(NamedTuple):
    """A record of a topic: its bytes, partition and offset, and when it was produced, in milliseconds of the wall clock.

    `payload` and `key` have no bytes where the record has none: `tombstone` tells a record without a value, `keyed` one
    whose key is there and empty.
    """

    partition: int
    offset: int
    payload: bytes
    produced_ms: int
    key: bytes = b""
    headers: Headers = ()
    tombstone: bool = False
    keyed: bool = False

    @property
    def value(self) -> bytes | None:
        """The payload as the topic has it, None of a tombstone."""
        return None if self.tombstone else self.payload


class Rejected(NamedTuple):
    """A record that is no event."""

    record: Record
    reason: str
    message: str


class Batch(NamedTuple):
    """Columns of n events in the order they were read.

    Shapes:
        - user, item: n texts
        - t: int64 [n], milliseconds of event time
        - kind: int8 [n], the position of the event's type in `KINDS`; FORGET where a user is to be forgotten
        - value: float32 [n]
        - partition: int32 [n], offset: int64 [n], produced: int64 [n] in milliseconds of the wall clock
        - ends: partition -> the next offset to read, bad records covered
        - id: uint64 [n, 2], a hash of the event's id and source, zeros where it has none; None where no event has one
    """

    user: list[str]
    item: list[str]
    t: NDArray[np.int64]
    kind: NDArray[np.int8]
    value: NDArray[np.float32]
    partition: NDArray[np.int32]
    offset: NDArray[np.int64]
    produced: NDArray[np.int64]
    ends: dict[int, int]
    id: NDArray[np.uint64] | None = None

    @property
    def size(self) -> int:
        """How many events it holds (`len` counts the columns of a tuple)."""
        return len(self.user)


Decode = Callable[[bytes, int, int, Headers], Event]
"""Reads a record: its bytes, when it was written, how far its time may be ahead of that, its headers."""


def decode_batch(
    records: Sequence[Record], now_ms: int, future_ms: int = DAY_MS, decode: Decode = decode
) -> tuple[Batch, list[Rejected]]:
    """Decode records into a batch of events and the records that are none; those that need not be one are left out.

    Args:
        now_ms: The wall clock, for records that bear no time of their own.
        future_ms: How far an event's time may be ahead of its record's.
        decode: Reads a record.
    """
    events = []
    good: Sequence[Record] = records
    rejected: list[Rejected] = []
    ignored = set[int]()
    for record in records:
        try:
            written = record[3] if record[3] > 0 else now_ms
            events.append(decode(record[2], written, future_ms, record[5]))
        except Ignored:
            ignored.add(id(record))
        except BadEvent as exc:
            rejected.append(Rejected(record, exc.reason, str(exc)))
    if rejected or ignored:
        bad = ignored.union(id(item.record) for item in rejected)
        good = [record for record in records if id(record) not in bad]
    return _columns(events, good, _ends(records)), rejected


def signed(kind: NDArray[np.int8], value: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return the types of events as they count, int8 [n]: an interaction with a value below 0 is a dislike."""
    return np.where((value < 0) & (kind < IMPRESSION), np.int8(DISLIKE), kind)


def _columns(events: Sequence[Event], records: Sequence[Record], ends: dict[int, int]) -> Batch:
    """The batch of events, each with its record."""
    n = len(events)
    value = np.fromiter([event.value for event in events], np.float32, n)
    return Batch(
        [event.user for event in events],
        [event.item for event in events],
        np.fromiter([event.t for event in events], np.int64, n),
        signed(np.fromiter([CODE[event.type] for event in events], np.int8, n), value),
        value,
        np.fromiter([record[0] for record in records], np.int32, n),
        np.fromiter([record[1] for record in records], np.int64, n),
        np.fromiter([record[3] for record in records], np.int64, n),
        ends,
        _hashes(events),
    )


def _hashes(events: Sequence[Event]) -> NDArray[np.uint64] | None:
    """Return a hash of each event's id and source, uint64 [n, 2], zeros for none; None where no event has an id."""
    if all(event.id is None for event in events):
        return None
    parts = [
        bytes(16)
        if event.id is None
        else blake2b(f"{event.source or ''}\0{event.id}".encode(), digest_size=16).digest()
        for event in events
    ]
    return np.frombuffer(b"".join(parts), np.uint64).reshape(-1, 2)


def _ends(records: Sequence[Record]) -> dict[int, int]:
    """The next offset of each partition; offsets rise within one."""
    return {record[0]: record[1] + 1 for record in records}


def order(parts: Sequence[Batch]) -> NDArray[np.int64]:
    """Return the order of the events of one batch after the other, each of another partition: by time, int64 [n].

    It is what taking the earliest of the next events of all partitions gives, of equal ones that of the lowest partition;
    each partition's own order is kept.
    """
    keys, partitions = zip(*((latest(part), part.partition) for part in parts), strict=True)
    return np.lexsort((np.concatenate(partitions), np.concatenate(keys)))


def latest(batch: Batch) -> NDArray[np.int64]:
    """Return the newest time up to each event of a partition, int64 [n] ms; a request to forget has a time of another clock."""
    return np.maximum.accumulate(np.where(batch.kind == FORGET, 0, batch.t))


def merged(parts: Sequence[Batch]) -> Batch:
    """Return batches of one partition each as one, in the order of time."""
    return picked(joined(parts), order(parts).tolist()) if len(parts) > 1 else parts[0]


def joined(parts: Sequence[Batch]) -> Batch:
    """Return batches as one, one after the other."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Batch._fields[2:8]}
    return parts[0]._replace(
        user=[user for part in parts for user in part.user],
        item=[item for part in parts for item in part.item],
        ends={partition: end for part in parts for partition, end in part.ends.items()},
        id=_joined_ids(parts),
        **columns,
    )


def _joined_ids(parts: Sequence[Batch]) -> NDArray[np.uint64] | None:
    if all(part.id is None for part in parts):
        return None
    return np.concatenate(
        [np.zeros((part.size, 2), np.uint64) if part.id is None else part.id for part in parts]
    )


def span(batch: Batch, begin: int, end: int) -> Batch:
    """Return the events `begin` to before `end` of a batch."""
    columns = {
        name: getattr(batch, name)[begin:end]
        for name in (*Batch._fields[:8], "id")
        if getattr(batch, name) is not None
    }
    return batch._replace(**columns)


def picked(batch: Batch, positions: list[int]) -> Batch:
    """Return the events of a batch at these positions, in this order; the offsets still cover all of them."""
    rows = np.array(positions, np.int64)
    columns = {name: getattr(batch, name)[rows] for name in Batch._fields[2:8]}
    return batch._replace(
        user=[batch.user[i] for i in positions],
        item=[batch.item[i] for i in positions],
        id=None if batch.id is None else batch.id[rows],
        **columns,
    )


def hashed(offset: np.ndarray, partition: np.ndarray) -> np.ndarray:
    """Return a number in [0, 1) for each event, from its offset and partition alone."""
    z = offset.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + partition.astype(np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return ((z ^ (z >> np.uint64(27))) >> np.uint64(11)).astype(np.float64) / 2.0**53
