"""A table: a growable array of fixed-width rows that knows which rows changed.

A table lives in a sparse mapped file (or in anonymous memory for one process), sized to a ceiling once:
growth is a row count, never a copy, and pages that were never written take no memory.

    byte 0        8      16     24                 4096
    | magic       | rows | row  | zero ...         | row 0 | row 1 | ...

A file of shared memory that finds none left ends its process at the very write, so the writer has memory reserved
before it uses rows: see `reserve` and `hold`.

**One process writes, others read.**  A reader maps the file read-only, so that a write from a reader is a
crash and not a surprise.  A reader may be one event behind and may see a row in which each element is either
old or new; the row count is published last.
"""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from state.error import BadStore, NoMemory

HEADER = 4096
MAGIC = int.from_bytes(b"rwtable1", "little")
WHOLE = 1 << 20  # bytes up to which a table's memory is reserved at once
FIRST = 1 << 15  # bytes of rows that any other table begins with
LEAST, MOST = 1 << 17, 1 << 24  # bytes that are reserved ahead: an eighth of what there is, between these
PAGE = mmap.PAGESIZE
POPULATE_READ = 22  # Linux 5.14 on, `madvise(2)`: have the pages mapped now


class _Raw:
    """A window on mapped memory that numpy and numba treat as an ordinary array.

    Read-only arrays are another type to numba and would compile every kernel twice; the mapping itself
    is what forbids writing.
    """

    def __init__(self, memory: mmap.mmap, address: int, size: int) -> None:
        self.memory = memory
        self.__array_interface__ = {
            "data": (address, False),
            "shape": (size,),
            "typestr": "|u1",
            "version": 3,
        }


class Mark(NamedTuple):
    """Which rows of a table changed since the last save: a flag a row and the list of flagged rows.

    Two arrays and no third for the length: each call of a kernel counts all arrays of its arguments.
    """

    flag: Any  # uint8 [capacity]
    row: Any  # int32 [capacity + 1], the last of them is the length of the list


@njit(nogil=True, cache=True)
def mark(marks: Mark, row: int) -> None:
    """Note that `row` changed."""
    if marks.flag[row] == 0:
        marks.flag[row] = 1
        end = marks.row.shape[0] - 1
        marks.row[marks.row[end]] = row
        marks.row[end] += 1


@njit(nogil=True, cache=True)
def _mark_all(marks: Mark, rows: np.ndarray) -> None:
    for i in range(rows.shape[0]):
        mark(marks, rows[i])


class Table:
    """Rows of one dtype and shape, at most `capacity` of them.

    Args:
        name: What the store calls it.
        dtype: Of one row's elements; a record dtype makes a row one record.
        shape: Of one row, () for records and scalars.
        capacity: The ceiling, in rows.
        path: The file to map, or None for anonymous memory.
        write: Whether this process is the writer.

    Fields:
        earlier: By bytes of a row of an earlier layout, what takes such rows from a store, called with their numbers,
            int64 [n], rising, and bytes, uint8 [n, width]; it has memory for what it writes, and marks it.

    Raises:
        BadStore: The file is not a table of this row width.
        NoMemory: There is no memory for its first rows.
    """

    def __init__(
        self,
        name: str,
        dtype: np.dtype,
        shape: tuple[int, ...] = (),
        *,
        capacity: int,
        path: Path | None = None,
        write: bool = True,
    ) -> None:
        self.name, self.path = name, path
        self.earlier: dict[int, Callable[[np.ndarray, np.ndarray], None]] = {}
        self.capacity = capacity
        self.dtype = np.dtype(dtype)
        self.row_bytes = self.dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        size = self.size = HEADER + max(1, capacity) * self.row_bytes
        self.held = size  # bytes from the first for which there is memory; of a reader, the writer sees to it
        raw = self._map(path, size, write)
        head = raw[:24].view(np.int64)
        if write:
            head[0], head[2] = MAGIC, self.row_bytes
        elif head[0] != MAGIC or head[2] != self.row_bytes:
            raise BadStore(
                f"{path}: rows of {head[2]} bytes, this program reads {self.row_bytes}; restart riverwalk so that readers and writer are of one version"
            )
        self._rows = head[1:2]
        self.bytes = raw[HEADER : HEADER + capacity * self.row_bytes].reshape(capacity, self.row_bytes)
        self.array = self.bytes.reshape(-1).view(self.dtype).reshape(capacity, *shape)
        if write:
            self.marks = Mark(np.zeros(capacity, np.uint8), np.zeros(capacity + 1, np.int32))

    def _map(self, path: Path | None, size: int, write: bool) -> np.ndarray:
        if path is None:
            memory = mmap.mmap(-1, size)
        else:
            flags = os.O_RDWR | os.O_CREAT if write else os.O_RDONLY
            fd = os.open(path, flags, 0o600)
            try:
                if write:
                    os.ftruncate(fd, size)
                    first = size if size <= WHOLE else HEADER + FIRST
                    self._allocate(fd, 0, first)
                    self.held = first
                elif os.fstat(fd).st_size < size:
                    raise BadStore(
                        f"{path}: smaller than {size} bytes; readers and writer must share one configuration of max_users and max_items"
                    )
                prot = mmap.PROT_READ | mmap.PROT_WRITE if write else mmap.PROT_READ
                memory = mmap.mmap(fd, size, mmap.MAP_SHARED, prot)
            finally:
                os.close(fd)
        self.memory = memory
        address = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
        return np.asarray(_Raw(memory, address, size))

    def reserve(self, rows: int) -> None:
        """Have memory for the first `rows` rows, and for some more where there is enough, so that no write to them fails.

        Raises:
            NoMemory: There is none; what was reserved before stays.
        """
        need = min(self.size, HEADER + rows * self.row_bytes)
        if need <= self.held:
            return
        ahead = min(self.size, max(need, self.held + min(MOST, max(LEAST, self.held // 8))))
        assert self.path is not None
        fd = os.open(self.path, os.O_RDWR)
        try:
            try:
                self._allocate(fd, self.held, ahead)
            except NoMemory:
                ahead = need
                self._allocate(fd, self.held, need)
        finally:
            os.close(fd)
        self.held = ahead

    def hold(self, rows: np.ndarray) -> None:
        """Have memory for these rows, int [n], rising: of a table in which most rows are never written.

        Raises:
            NoMemory: There is none.
        """
        if not rows.shape[0] or self.held == self.size:
            return
        first, last = int(rows[0]), int(rows[-1])
        if last - first < 2 * rows.shape[0] and HEADER + first * self.row_bytes <= self.held + LEAST:
            self.reserve(last + 1)
            return
        begin = (HEADER + rows.astype(np.int64) * self.row_bytes) // PAGE
        end = (HEADER + (rows.astype(np.int64) + 1) * self.row_bytes - 1) // PAGE + 1
        cuts = np.flatnonzero(begin[1:] > end[:-1]) + 1
        assert self.path is not None
        fd = os.open(self.path, os.O_RDWR)
        try:
            for low, high in zip(
                begin[np.append(0, cuts)], end[np.append(cuts, rows.shape[0]) - 1], strict=True
            ):
                self._allocate(fd, int(low) * PAGE, min(self.size, int(high) * PAGE))
        finally:
            os.close(fd)

    def _allocate(self, fd: int, begin: int, end: int) -> None:
        try:
            os.posix_fallocate(fd, begin, end - begin)
        except OSError as exc:
            if exc.errno not in (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM):
                raise
            assert self.path is not None
            room = os.statvfs(self.path.parent)
            raise NoMemory(
                f"{self.path.parent} has {room.f_bavail * room.f_frsize >> 10:,} KiB free, table {self.name} needs "
                f"{end - begin + 1023 >> 10:,} KiB more; make it larger (docker run --shm-size), lower state.max_users "
                "or state.max_items, or name another folder in state.live"
            ) from exc

    @property
    def held_rows(self) -> int:
        """How many rows from the first the writer has memory for."""
        return min(self.capacity, max(0, self.held - HEADER) // self.row_bytes)

    @property
    def rows(self) -> int:
        """How many rows are in use, as last published by the writer."""
        return int(self._rows[0])

    def warm(self) -> None:
        """Have all that the file holds mapped now, where the system can: a row's first reading is slow otherwise.

        What was never written stays a hole, which takes no memory.
        """
        if self.path is None:
            return
        begin = 0
        with suppress(OSError), self.path.open("rb") as file:
            while True:  # until no more data is found
                begin = os.lseek(file.fileno(), begin, os.SEEK_DATA)
                end = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
                self.memory.madvise(POPULATE_READ, begin, end - begin)
                begin = end

    def publish(self, rows: int) -> None:
        """Let readers see the first `rows` rows."""
        self._rows[0] = rows

    def touch(self, rows: np.ndarray) -> None:
        """Note that these rows changed."""
        _mark_all(self.marks, np.asarray(rows, np.int32))

    def broken(self, rows: np.ndarray) -> np.ndarray:
        """Return those of some rows that hold a NaN or a positive infinity (minus infinity stands for nothing known)."""
        bad = np.zeros(rows.shape[0], bool)
        for values in self._numbers(self.array[rows]):
            bad |= ~(values < np.inf).reshape(rows.shape[0], -1).all(1)
        return rows[bad]

    def _numbers(self, found: np.ndarray) -> list[np.ndarray]:
        """Return the floating-point fields of some rows."""
        if self.dtype.names is None:
            return [found] if self.dtype.kind == "f" else []
        return [found[name] for name in self.dtype.names if self.dtype[name].base.kind == "f"]

    @property
    def dirty(self) -> np.ndarray:
        """Rows changed since the last `clean`, int32."""
        return self.marks.row[: self.marks.row[-1]]

    def clean(self) -> None:
        """Forget which rows changed: they are saved."""
        self.marks.flag[self.dirty] = 0
        self.marks.row[-1] = 0
