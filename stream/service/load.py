"""The load of each reader of an instance, in memory they share: who has how many clients, and what it has done.

    | reader 1                                            | reader 2 …
    | process, clients, coming, … 16 numbers of 8 bytes   |

A row has one writer, its reader; the supervisor clears it once that has ended.  Others see each number as it is or as it
was a moment ago.
"""

from __future__ import annotations

import mmap
import os
from enum import IntEnum
from pathlib import Path
from typing import Final

FILE: Final = "readers.page"
WIDTH: Final = 16


class Field(IntEnum):
    """A number of a row: what is the case now, and counts since the instance was started."""

    PROCESS = 0  # its id; 0 while it takes no clients
    CLIENTS = 1  # of the socket
    COMING = 2  # taken, and not greeted yet: TLS takes a while
    STRANGERS = 3
    HTTP_CLIENTS = 4
    HTTP_COMING = 5
    HTTP_STRANGERS = 6
    BLOCKED = 7
    UNFINISHED = 8  # bytes
    UNSENT = 9  # bytes
    ACCEPTED = 10
    ANSWERED = 11
    REFUSED = 12
    DROPPED = 13
    HTTP_STREAMS = 14  # connections whose reply goes on


COUNTS: Final = (Field.ACCEPTED, Field.ANSWERED, Field.REFUSED, Field.DROPPED)


class Load:
    """The rows of all readers, seen by one of them.

    Args:
        reader: Which row is its own, from 0.
        readers: How many there are.
        path: Of the file; left out, the numbers are this process's alone.
        make: Makes the file, with memory of its own, all zeros.

    Raises:
        OSError: There is no such file, or no memory for it.
    """

    def __init__(
        self, reader: int = 0, readers: int = 1, path: Path | None = None, *, make: bool = False
    ) -> None:
        self.reader, self.readers = reader, readers
        size = 8 * WIDTH * readers
        if path is None:
            self._memory = mmap.mmap(-1, size)
        else:
            file = os.open(path, os.O_RDWR | (os.O_CREAT | os.O_TRUNC if make else 0), 0o600)
            try:
                if make:
                    os.posix_fallocate(file, 0, size)
                self._memory = mmap.mmap(file, size)
            finally:
                os.close(file)
        self._numbers = memoryview(self._memory).cast("q")
        self._own = WIDTH * reader

    def begin(self) -> None:
        """Say that this reader takes clients."""
        self._numbers[self._own + Field.PROCESS] = os.getpid()

    def end(self, reader: int | None = None) -> None:
        """Say that a reader, this one if none is named, takes no more and has none; what was counted stays."""
        at = WIDTH * (self.reader if reader is None else reader)
        for field in Field:
            if field not in COUNTS:
                self._numbers[at + field] = 0

    def set(self, field: Field, value: int) -> None:
        """Write a number of this reader."""
        self._numbers[self._own + field] = value

    def own(self, field: Field) -> int:
        """Return a number of this reader."""
        return self._numbers[self._own + field]

    def others(self, field: Field) -> int:
        """Return the sum of a number over all other readers."""
        return sum(self._numbers[field::WIDTH].tolist()) - self.own(field)

    def up(self) -> int:
        """Return how many readers take clients."""
        return sum(process > 0 for process in self._numbers[Field.PROCESS :: WIDTH].tolist())

    def least(self, *fields: Field) -> int | None:
        """Return the smallest sum of these fields among the other readers that take clients; None without one."""
        numbers = self._numbers
        return min(
            (
                sum(numbers[at + field] for field in fields)
                for at in range(0, WIDTH * self.readers, WIDTH)
                if at != self._own and numbers[at + Field.PROCESS]
            ),
            default=None,
        )

    def close(self) -> None:
        """Let the memory go."""
        self._numbers.release()
        self._memory.close()


def resident_bytes() -> int:
    """Return the bytes of memory this process has, 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * mmap.PAGESIZE
    except OSError:
        return 0
