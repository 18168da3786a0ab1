"""A lane: a ring of records in shared memory from one writer to one reader; the layout is in `layout`."""

from __future__ import annotations

import mmap
import os
import secrets
import time
from pathlib import Path
from typing import Any

import numpy as np

from state.error import BadStore, NoMemory
from stream.lane.layout import (
    BEAT_AT,
    BYTES_AT,
    CAPACITY_AT,
    HEAD_AT,
    MAGIC,
    MAGIC_AT,
    NUMBER_AT,
    PAGE,
    READ_AT,
    TOPIC_AT,
)

AWAY_MS = 5_000  # a reader that has not looked for so long is away


class Lane:
    """A ring of records.

    Args:
        path: The file; None for memory of this process.
        record: The type of a record.
        capacity: Records it holds.
        write: Whether this process makes it and writes; otherwise it reads.

    Raises:
        BadStore: The file is a lane of other records.
        NoMemory: There is none for it.
    """

    def __init__(self, path: Path | None, record: np.dtype, capacity: int, *, write: bool) -> None:
        size = 2 * PAGE + capacity * record.itemsize
        self._memory = _map(path, size, write)
        self.word = np.frombuffer(self._memory, np.int64, 1024)
        if write:
            self.word[MAGIC_AT : NUMBER_AT + 1] = MAGIC, record.itemsize, capacity, 0, secrets.randbits(62)
        found = self.word[MAGIC_AT], self.word[BYTES_AT], self.word[CAPACITY_AT]
        if found != (MAGIC, record.itemsize, capacity):
            raise BadStore(
                f"{path}: is no lane of this program's records; restart all processes of the instance"
            )
        self.capacity = capacity
        self.record: Any = np.frombuffer(self._memory, record, capacity, 2 * PAGE)

    @property
    def head(self) -> int:
        """Records written so far."""
        return int(self.word[HEAD_AT])

    @property
    def read(self) -> int:
        """The next record that the reader reads."""
        return int(self.word[READ_AT])

    @property
    def number(self) -> int:
        """Which lane this is; another one begins at 0 again."""
        return int(self.word[NUMBER_AT])

    @property
    def topic(self) -> int:
        """The checksum of the name of the topic that its events come from."""
        return int(self.word[TOPIC_AT])

    @topic.setter
    def topic(self, checksum: int) -> None:
        self.word[TOPIC_AT] = checksum

    @property
    def waiting(self) -> int:
        """Records that wait for the reader."""
        return self.head - self.read

    @property
    def free(self) -> int:
        """Records that can be written without overwriting one that waits."""
        return self.capacity - self.waiting

    @property
    def away(self) -> bool:
        """Whether nobody reads."""
        return time.monotonic_ns() // 1_000_000 - int(self.word[BEAT_AT]) > AWAY_MS

    def beat(self) -> None:
        """Say that the reader looks."""
        self.word[BEAT_AT] = time.monotonic_ns() // 1_000_000

    def room(self, count: int) -> list[np.ndarray]:
        """Return where the next `count` records go, at most `capacity`: views, two where they go round the end.

        Whoever fills them in place says so by `wrote`; before that nobody reads them, as long as they are free.
        """
        begin = self.head % self.capacity
        first = min(count, self.capacity - begin)
        return [self.record[begin : begin + first], self.record[: count - first]]

    def wrote(self, count: int) -> None:
        """Say that the next `count` records are there."""
        self.word[HEAD_AT] = self.head + count

    def put(self, records: np.ndarray) -> None:
        """Write records, at most `capacity`, over the oldest ones, read or not."""
        count = records.shape[0]
        first, rest = self.room(count)
        first[:] = records[: first.shape[0]]
        rest[:] = records[first.shape[0] :]
        self.wrote(count)

    def get(self, begin: int, end: int) -> np.ndarray | None:
        """Return a copy of records `begin` to `end`, or None where one of them was written over."""
        slots = np.arange(begin, end) % self.capacity
        found: np.ndarray = self.record[slots]
        return found if self.head - begin <= self.capacity else None

    def done(self, position: int) -> None:
        """Say that the records before `position` were read."""
        self.word[READ_AT] = position


def _map(path: Path | None, size: int, write: bool) -> mmap.mmap:
    if path is None:
        return mmap.mmap(-1, size)
    fd = os.open(path, os.O_RDWR | (os.O_CREAT | os.O_TRUNC if write else 0), 0o600)
    try:
        if write:
            os.posix_fallocate(fd, 0, size)
        elif os.fstat(fd).st_size != size:
            raise BadStore(
                f"{path}: is no lane of this program's records; restart all processes of the instance"
            )
        return mmap.mmap(fd, size)
    except OSError as exc:
        raise NoMemory(
            f"{path}: no room for what ingest tells the learner ({exc.strerror}, {size >> 20} MiB); make it larger (docker run "
            "--shm-size), lower learn.lane_events, or name another folder in state.live"
        ) from exc
    finally:
        os.close(fd)
