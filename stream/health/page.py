"""Health: what ingest, the learner and their supervisor tell the servers, in shared memory outside of the generations.

A page is a file with one writer.  Whatever happens to the writer, the page stays; a process that starts anew writes on.

    byte 0        8      16     24
    | version     | beat | size | JSON, at most 16 360 bytes |        version: odd while the page is written

The beat is the time at which the writer's loop last came round, in milliseconds of the clock that all processes share.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from state.error import NoMemory

HEALTH, LEARNER, SUPERVISION = "health.page", "learner.page", "supervision.page"
SIZE, BEGIN = 16_384, 24
TEXT = 400  # characters of a text
TRIES = 50  # of reading a page that is being written

STARTING, LOADING, WAITING, RUNNING = "starting", "loading", "waiting", "running"


class Health(msgspec.Struct):
    """What ingest tells, and on a page of its own the learner.

    Args:
        phase: What it does: starting, loading, waiting (for the topic) or running.
        compiling: Whether a kernel is being compiled, in any phase.
        lag: Events of the topic that are not applied, -1 where that is not known.
        troubles: What does not work, a sentence each, by kind: source, disk, memory, learning, items.
    """

    phase: str = STARTING
    compiling: bool = False
    lag: int = -1
    troubles: dict[str, str] = {}


class Supervision(msgspec.Struct):
    """What the supervisor tells of ingest and the learner.

    Args:
        up: Whether its process runs.
        restarts: How often it was started again.
        failures: Ends one after the other, none after a minute's work.
        error: How it ended last.
        since_ms: When this process was started, or ended, by the clock of beats.
        learner: How the process of the learner ended, empty while it runs.
        learner_restarts: How often it was started again.
        starting: How far the start of the instance is, in words, empty once all processes are ready.
    """

    up: bool = True
    restarts: int = 0
    failures: int = 0
    error: str = ""
    since_ms: int = 0
    learner: str = ""
    learner_restarts: int = 0
    starting: str = ""


Told = TypeVar("Told", bound=msgspec.Struct)


def now_ms() -> int:
    """Return the clock of beats: milliseconds that every process of this machine counts alike."""
    return time.monotonic_ns() // 1_000_000


class Page(Generic[Told]):
    """A page in shared memory.

    Args:
        write: Makes it where it is missing; its memory is reserved.

    Raises:
        NoMemory: There is none.
    """

    def __init__(self, path: Path, kind: type[Told], *, write: bool = False) -> None:
        self._decoder: msgspec.json.Decoder[Told] = msgspec.json.Decoder(kind)
        self._told: Told = kind()
        fd = os.open(path, os.O_RDWR | os.O_CREAT if write else os.O_RDONLY, 0o600)
        try:
            if write:
                _reserve(fd, path)
            self._memory = mmap.mmap(fd, SIZE, access=mmap.ACCESS_WRITE if write else mmap.ACCESS_READ)
        finally:
            os.close(fd)

    def beat(self) -> None:
        """Say that the loop comes round."""
        struct.pack_into("<q", self._memory, 8, now_ms())

    @property
    def beaten_ms(self) -> int:
        """When the last beat was, 0 for never."""
        return int(struct.unpack_from("<q", self._memory, 8)[0])

    def write(self, told: Told) -> None:
        """Write what is told; readers see all of it or what was told before."""
        data = msgspec.json.encode(told)
        version = struct.unpack_from("<q", self._memory, 0)[0] | 1
        struct.pack_into("<q", self._memory, 0, version)
        struct.pack_into("<q", self._memory, 16, len(data))
        self._memory[BEGIN : BEGIN + len(data)] = data
        struct.pack_into("<q", self._memory, 0, version + 1)

    def read(self) -> Told:
        """Return what is told; where it is half written for ever, because its writer died, what was read before."""
        for _ in range(TRIES):
            version, _, size = struct.unpack_from("<qqq", self._memory, 0)
            data = self._memory[BEGIN : BEGIN + size]
            if version & 1 == 0 and struct.unpack_from("<q", self._memory, 0)[0] == version:
                if size:
                    self._told = self._decoder.decode(data)
                break
        return self._told

    def close(self) -> None:
        """Let the memory go."""
        self._memory.close()


def _reserve(fd: int, path: Path) -> None:
    """Have memory for a page: a write where shared memory is full would end the process."""
    try:
        os.posix_fallocate(fd, 0, SIZE)
    except OSError as exc:
        raise NoMemory(
            f"{path}: no room for what processes tell each other ({exc.strerror}); make it larger (docker run "
            "--shm-size), or name another folder in state.live"
        ) from exc


def clear(folder: Path, name: str = HEALTH) -> None:
    """Say that a process of ingest, or the learner, starts; its supervisor does, while there is none that writes."""
    page = Page(folder / name, Health, write=True)
    page.beat()
    page.write(Health())
    page.close()


def short(text: str) -> str:
    """Return a text as long as a page has room for."""
    return text if len(text) <= TEXT else text[: TEXT - 1] + "…"
