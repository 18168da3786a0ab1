"""The saver: one thread beside the one that changes the tables writes their snapshots, one at a time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from state.error import BadStore
from state.storage.snapshot import Snapshot
from state.storage.store import Store

HELD_S = 0.02  # longer than a step of a live stream takes, unless the machine is overloaded


class Written(NamedTuple):
    """What became of a write: the seconds it took, and why it failed, None where it did not."""

    seconds: float
    failure: BadStore | None


class Saver:
    """Writes snapshots of one store.

    Whoever runs Python holds the interpreter's lock, and RocksDB holds it too while it writes: each time that the other
    thread lets it go for a moment, inside a step, it may wait 5 ms to have it back.  So blocks are written while it rests.

    Args:
        rest: Set while the other thread rests; each block waits for that, `HELD_S` at most.
    """

    def __init__(self, store: Store, rest: threading.Event) -> None:
        self.store, self._turn = store, partial(rest.wait, HELD_S)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="saver")
        self._job: Future[Written] | None = None

    @property
    def busy(self) -> bool:
        """Whether a write was begun whose end `end` has not told."""
        return self._job is not None

    def begin(self, snapshot: Snapshot, wait: bool | None = None) -> None:
        """Have a snapshot written; none may be under way.

        Args:
            wait: Until it is on the disk; left out, as the store does.
        """
        assert self._job is None
        self._job = self._pool.submit(self._write, snapshot, wait)

    def end(self, wait_s: float = 0.0) -> Written | None:
        """Return what became of the write, None while it is under way after so many seconds, and where there is none."""
        if self._job is None:
            return None
        try:
            found = self._job.result(wait_s)
        except TimeoutError:
            return None
        self._job = None
        return found

    def close(self) -> None:
        """End the thread after the write under way."""
        self._pool.shutdown(wait=True)

    def _write(self, snapshot: Snapshot, wait: bool | None) -> Written:
        began, failure = time.perf_counter(), None
        try:
            self.store.write(snapshot, wait=wait, turn=self._turn)
        except BadStore as exc:
            failure = exc
        return Written(time.perf_counter() - began, failure)
