"""The order of events of several partitions: by time, whatever a poll happens to bring.

    take next the partition whose next event has the smallest time, of equal ones the lowest partition

For that the next event of every partition must be known: events wait while another partition has records that were not
read yet, and do not wait for one that is at its end.  So a backlog is taken in one order however it is read, and a live
stream without delay; what is taken of a live stream is noted before it is applied (`plan`), and a restart repeats it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from stream.error import Away
from stream.event.batch import Batch, Decode, Record, Rejected, decode_batch, joined, latest, merged, span
from stream.event.event import decode

PATIENCE_S = 2.0  # how long a partition whose records do not come is waited for
AHEAD = 4  # batches that are read ahead of a partition at most, while others are waited for
LAST = (2**63 - 1, 2**31)  # after every event


class Source(Protocol):
    """Where records come from: a topic or a file."""

    def poll(self, limit: int, wait_s: float) -> list[Record]: ...
    def waiting(self) -> Mapping[int, int]: ...
    def only(self, partitions: set[int] | None) -> None: ...


class Taken(NamedTuple):
    """Events to apply next, in order, and the records before and among them that are none."""

    batch: Batch
    rejected: list[Rejected]


class _Part:
    """What was read of a partition and not taken yet."""

    def __init__(self, batch: Batch, rejected: list[Rejected], end: int) -> None:
        self.batch, self.rejected, self.end = batch, rejected, end

    def add(self, batch: Batch, rejected: list[Rejected], end: int) -> None:
        """Add what was read next."""
        self.batch = joined([self.batch, batch]) if self.batch.size else batch
        self.rejected += rejected
        self.end = end

    def take(self, count: int) -> tuple[Batch, list[Rejected]]:
        """Take the first `count` events, and the records before the next one that are none."""
        end = int(self.batch.offset[count]) if count < self.batch.size else self.end
        partition = next(iter(self.batch.ends))
        taken = span(self.batch, 0, count)._replace(ends={partition: end})
        self.batch = span(self.batch, count, self.batch.size)
        bad = [item for item in self.rejected if item.record.offset < end]
        self.rejected = self.rejected[len(bad) :]
        return taken, bad


class Order:
    """Takes events from a source in their order.

    Args:
        clock: The wall clock in milliseconds, for records that bear no time.
        future_ms: How far the time of an event may be ahead of its record's own.
        pending: The batches to take first, as partition -> next offset after the batch: see `plan`.
        decode: Reads records; where what it needs is away, they are kept and tried again.
    """

    def __init__(
        self,
        source: Source,
        clock: Callable[[], int],
        future_ms: int,
        pending: Iterable[Mapping[int, int]] = (),
        *,
        decode: Decode = decode,
    ) -> None:
        self._source, self._clock, self._future_ms, self._decode = source, clock, future_ms, decode
        self._unread: list[Record] = []  # polled, and not decoded yet
        self.trouble = ""  # why that is so
        self.ignored = 0  # records that need not be events
        self._pending = [dict(ends) for ends in pending]
        self._parts: dict[int, _Part] = {}
        self._missed: dict[int, float] = {}  # partition -> since when it is waited for
        self._only: set[int] | None = None
        self.several = False  # whether the source has more than one partition

    def take(self, limit: int, wait_s: float) -> Taken | None:
        """Return up to `limit` events, those that may be taken now; None when there are none.

        A batch that is pending is returned whole.
        """
        records = self._unread or self._source.poll(limit, 0.001 if self.held else wait_s)
        waiting = self._source.waiting()
        self.several = len(waiting) > 1
        alone = not (self.several or self._parts or self._pending)
        self._unread = records
        try:
            read = self._decoded([records] if alone and records else _parted(records))
        except Away as exc:
            self.trouble = str(exc)
            time.sleep(wait_s)
            return None
        self._unread, self.trouble = [], ""
        if alone:
            return Taken(read[0].batch, read[0].rejected) if read else None
        self._sort(read)
        if self._pending:
            return self._repeat(waiting)
        missing = self._missing(waiting)
        self._focus(missing, limit)
        counts = self._safe(missing, limit)
        return self._taken(counts)

    @property
    def held(self) -> int:
        """How many events were read and not taken yet."""
        return sum(part.batch.size for part in self._parts.values())

    def _decoded(self, parts: Iterable[list[Record]]) -> list[_Part]:
        """Return what was read, decoded."""
        found, ignored = list[_Part](), 0
        for records in parts:
            batch, rejected = decode_batch(records, self._clock(), self._future_ms, self._decode)
            ignored += len(records) - batch.size - len(rejected)
            found.append(_Part(batch, rejected, records[-1].offset + 1))
        self.ignored += ignored
        return found

    def _sort(self, read: list[_Part]) -> None:
        """Put what was read to its partition."""
        for part in read:
            partition = next(iter(part.batch.ends))
            if partition in self._parts:
                self._parts[partition].add(part.batch, part.rejected, part.end)
            else:
                self._parts[partition] = part

    def _repeat(self, waiting: Mapping[int, int]) -> Taken | None:
        """Take what a life before this one took, once all of it is read; what the topic no longer holds is not waited for."""
        taken = None
        while taken is None and self._pending and self._read(self._pending[0], waiting):
            ends = self._pending.pop(0)
            taken = self._taken(
                {
                    partition: int(np.searchsorted(self._parts[partition].batch.offset, end))
                    for partition, end in ends.items()
                    if partition in self._parts
                }
            )
        return taken

    def _read(self, ends: Mapping[int, int], waiting: Mapping[int, int]) -> bool:
        """Whether all records before these offsets were read, but for those that are not there."""
        for partition, end in ends.items():
            part = self._parts.get(partition)
            if (part is None or part.end < end) and waiting.get(partition, 0):
                return False
        return True

    def _missing(self, waiting: Mapping[int, int]) -> set[int]:
        """Return the partitions that have records which were not read yet; not those whose records do not come."""
        missing, now = set[int](), time.monotonic()
        for partition, count in waiting.items():
            part = self._parts.get(partition)
            if not count or (part is not None and part.batch.size):
                self._missed.pop(partition, None)
            elif now - self._missed.setdefault(partition, now) > PATIENCE_S:
                continue
            if count:
                missing.add(partition)
        return missing

    def _focus(self, missing: set[int], limit: int) -> None:
        """Read only partitions that are waited for, while there is much of the others."""
        full = {p for p, part in self._parts.items() if part.batch.size > AHEAD * limit}
        only = missing - full if full and missing - full else None
        if only != self._only:
            self._source.only(only)
            self._only = only

    def _safe(self, missing: set[int], limit: int) -> dict[int, int]:
        """Return how many events of each partition may be taken: no event that is still to come goes before them."""
        parts = {p: part for p, part in self._parts.items() if part.batch.size}
        keys = {p: latest(part.batch) for p, part in parts.items()}
        bound = min(((int(keys[p][-1]), p) if p in keys else (-1, p) for p in missing), default=LAST)
        counts = {
            p: int(np.searchsorted(key, bound[0], "right" if p <= bound[1] else "left"))
            for p, key in keys.items()
        }
        whole = sum(counts.values())
        if whole > limit:
            first = np.lexsort(
                (
                    np.concatenate([np.full(n, p) for p, n in counts.items()]),
                    np.concatenate([keys[p][:n] for p, n in counts.items()]),
                )
            )[:limit]
            source = np.concatenate([np.full(n, p) for p, n in counts.items()])[first]
            counts = {p: int((source == p).sum()) for p in counts}
        return counts

    def _taken(self, counts: Mapping[int, int]) -> Taken | None:
        """Take so many events of each partition, with the records before the next ones that are none."""
        batches, rejected = [], list[Rejected]()
        for partition in sorted(self._parts):
            part = self._parts[partition]
            count = counts.get(partition, 0)
            first = int(part.batch.offset[0]) if part.batch.size else part.end
            bad = bool(part.rejected) and part.rejected[0].record.offset < first
            if not count and not bad and part.batch.size:
                continue
            batch, refused = part.take(count)
            batches.append(batch)
            rejected += refused
            if not part.batch.size:
                del self._parts[partition]
        return Taken(merged(batches), rejected) if batches else None


def _parted(records: list[Record]) -> Iterable[list[Record]]:
    """Return records by partition."""
    found: dict[int, list[Record]] = {}
    for record in records:
        found.setdefault(record.partition, []).append(record)
    return found.values()
