"""A table: a growable array of fixed-width rows that knows which rows changed.

A table lives in a sparse mapped file (or in anonymous memory for one process), sized to a ceiling once:
growth is a row count, never a copy, and pages that were never written take no memory.

    byte 0        8      16     24                 4096
    | magic       | rows | row  | zero ...         | row 0 | row 1 | ...

**One process writes, others read.**  A reader maps the file read-only, so that a write from a reader is a
crash and not a surprise.  A reader may be one event behind and may see a row in which each element is either
old or new; the row count is published last.
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from state.error import BadStore

HEADER = 4096
MAGIC = int.from_bytes(b"rwtable1", "little")
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
    """Which rows of a table changed since the last save: a flag a row and the list of flagged rows."""

    flag: Any  # uint8 [capacity]
    row: Any  # int32 [capacity]
    n: Any  # int64 [1]


@njit(nogil=True, cache=True)
def mark(marks: Mark, row: int) -> None:
    """Note that `row` changed."""
    if marks.flag[row] == 0:
        marks.flag[row] = 1
        marks.row[marks.n[0]] = row
        marks.n[0] += 1


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

    Raises:
        BadStore: The file is not a table of this row width.
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
        self.capacity = capacity
        self.dtype = np.dtype(dtype)
        self.row_bytes = self.dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        size = HEADER + max(1, capacity) * self.row_bytes
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
            self.marks = Mark(
                np.zeros(capacity, np.uint8), np.zeros(capacity, np.int32), np.zeros(1, np.int64)
            )

    def _map(self, path: Path | None, size: int, write: bool) -> np.ndarray:
        if path is None:
            memory = mmap.mmap(-1, size)
        else:
            flags = os.O_RDWR | os.O_CREAT if write else os.O_RDONLY
            fd = os.open(path, flags, 0o600)
            try:
                if write:
                    os.ftruncate(fd, size)
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
        return self.marks.row[: self.marks.n[0]]

    def clean(self) -> None:
        """Forget which rows changed: they are saved."""
        self.marks.flag[self.dirty] = 0
        self.marks.n[0] = 0
