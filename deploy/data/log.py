"""Identity of a log of past events, and its events from an offset on, in batches.

A log is known by what it holds and not by its name: by a checksum of its first 64 KiB, unpacked, so that a log that
has grown, moved or been renamed is the same one.  Files that are sorted by time when they are read are the same only
whole, because an event added to them may come before others.

The offset of an event is the number of records before it in the order of reading; bad lines count as records.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec
import numpy as np

from deploy.data.dataset import Dataset
from stream.error import BadEvent, BadSource
from stream.event.batch import Batch, signed
from stream.event.event import CODE, DAY_MS, Event
from stream.file.column import ANY, Selection
from stream.file.parquet import ENDINGS
from stream.file.plan import plan

HEAD = 65_536
BLOCK = 1 << 20
WHOLE = (
    "movielens",
    "npz",
    "parquet",
)  # formats that are published in no order of time, or of which a part says nothing
UNREADABLE = (OSError, EOFError, ValueError, csv.Error, zlib.error, zipfile.BadZipFile)


class Identity(msgspec.Struct, frozen=True):
    """What a log is known by: the checksum of its first `bytes`, which are all of them where it must be `whole`."""

    name: str  # of its file, for people
    bytes: int
    sha256: str
    whole: bool

    @property
    def topic(self) -> str:
        """The name offsets of this log are kept under."""
        return f"log {self.sha256[:16]} {self.bytes}"

    def fits(self, path: Path) -> bool:
        """Tell whether a file is this log, perhaps grown."""
        size, found = _digest(path, None if self.whole else self.bytes)
        return (size, found) == (self.bytes, self.sha256)


def identity(path: Path, chosen: Selection = ANY) -> Identity:
    """Return what a log is known by.

    Args:
        chosen: Which columns hold what.

    Raises:
        BadSource: It cannot be read, or is no file of events.
    """
    try:
        how = plan(path, chosen=chosen)
        whole = how.form.name in WHOLE or how.late > 0
        size, digest = _digest(path, None if whole else HEAD)
    except UNREADABLE as exc:
        raise _unreadable(path, exc) from exc
    return Identity(path.name, size, digest, whole)


def records(path: Path) -> int | None:
    """Return about how many records a text file holds, None where lines do not tell."""
    if path.name.endswith((".npz", *ENDINGS)):
        return None
    with _opened(path) as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK), b""))


class Past:
    """The events of a log from an offset on, in batches.

    Args:
        begin: The first offset that is wanted.
        size: Events a batch.
        limit: Events at most.
        sort: Whether a file that is in no order of time is sorted; one that has grown since it was first read is not, so
            that offsets stay what they were.
        strict: Whether a bad line ends it; else it is counted in `rejected`, by reason.
        now_ms: The wall clock; later events by more than a day are bad, as they are on a topic.
        stop: Asked while events before `begin` are passed over.
    """

    def __init__(
        self,
        found: Dataset,
        *,
        begin: int = 0,
        size: int,
        limit: int | None = None,
        sort: bool = True,
        strict: bool = False,
        now_ms: int,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.found, self.begin, self.size, self.limit = found, begin, size, limit
        self.sort, self.strict, self.now_ms, self.stop = sort, strict, now_ms, stop
        self.next = 0  # offset of the next record
        self.rejected: Counter[str] = Counter()
        self.last_bad = ""

    def batches(self) -> Iterator[Batch]:
        """The batches; bad lines after the last event come as a batch of none.

        Raises:
            BadSource: The file cannot be read on, holds less than was learned of it, or is bad where `strict`.
        """
        assert self.found.path is not None
        try:
            yield from self._batches()
        except BadEvent as exc:
            raise BadSource(f"{exc}; mend the line and run again, or leave out --strict") from exc
        except UNREADABLE as exc:
            raise _unreadable(self.found.path, exc) from exc

    def _batches(self) -> Iterator[Batch]:
        taken, ended, events, offsets = 0, self.begin, list[Event](), list[int]()
        for event in self.found.events(self._reject, sort=self.sort):
            offset, self.next = self.next, self.next + 1
            if offset < self.begin:
                if self.stop():
                    return
                continue
            if event.t > self.now_ms + DAY_MS:
                self.next -= 1
                self._reject(
                    BadEvent("future", f"{self.found.path}: t is {event.t}, more than a day after now")
                )
                continue
            events.append(event)
            offsets.append(offset)
            taken += 1
            if len(events) == self.size or taken == self.limit:
                yield _batch(events, offsets, self.next)
                ended, events, offsets = self.next, [], []
            if taken == self.limit:
                return
        if self.next < self.begin:
            raise BadSource(
                f"{self.found.path}: holds {self.next:,} records, {self.begin:,} of it were learned before; restore "
                "the whole log, or learn into another folder with --state"
            )
        if self.next > ended:
            yield _batch(events, offsets, self.next)

    def _reject(self, bad: BadEvent) -> None:
        self.next += 1
        if self.next > self.begin:
            if self.strict:
                raise bad
            self.rejected[bad.reason] += 1
            self.last_bad = str(bad)


def _batch(events: list[Event], offsets: list[int], end: int) -> Batch:
    n = len(events)
    t = np.fromiter([event.t for event in events], np.int64, n)
    value = np.fromiter([event.value for event in events], np.float32, n)
    return Batch(
        [event.user for event in events],
        [event.item for event in events],
        t,
        signed(np.fromiter([CODE[event.type] for event in events], np.int8, n), value),
        value,
        np.zeros(n, np.int32),
        np.array(offsets, np.int64),
        t,
        {0: end},
    )


def _digest(path: Path, limit: int | None) -> tuple[int, str]:
    """Return how many bytes of a file were read, unpacked, and their checksum."""
    found, size = hashlib.sha256(), 0
    with _opened(path) as file:
        while block := file.read(BLOCK if limit is None else min(BLOCK, limit - size)):
            found.update(block)
            size += len(block)
    return size, found.hexdigest()


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _unreadable(path: Path, exc: Exception) -> BadSource:
    why = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
    return BadSource(
        f"{path}: cannot be read ({why}); mend or fetch the file again; what was learned is saved"
    )
