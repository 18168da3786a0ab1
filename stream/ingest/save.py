"""Saves: by the clock, beside the loop; what cannot be written for want of room is tried again until it can.

    ingest   | batch | batch | snapshot | batch | batch | batch | told: offsets are saved, and committed back | batch ...
    saver                               | write ............... |

The snapshot, a copy of what changed, is all that the loop waits for.  At most one write is under way, and the next
snapshot waits for it.  Events since the last save are read again after a crash, in the order in which they were taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
import structlog

from state.error import BadStore, NoMemory, NoRoom
from state.storage.saver import Saver
from stream import metric
from stream.health.pulse import Pulse
from stream.ingest.writer import Taken, Writer

Told = Callable[[Mapping[str, Mapping[int, int]]], object]

log = structlog.get_logger()

AGAIN_S = 2.0  # between two tries
LOOK_S = 0.1


DIRTY = 48 << 20  # bytes of changed rows that are saved before it is time: a snapshot of more takes too long
MOST = 128 << 20  # at which the loop waits for the write under way: the disk is slower than the stream


class Retry:
    """Writes to disk and memory, patiently.

    Args:
        status: The row of the generation, see `status.STATUS`.
        tell: Called while it waits.
    """

    def __init__(self, status: np.void, pulse: Pulse, tell: Callable[[], object]) -> None:
        self._status, self._pulse, self._tell = status, pulse, tell

    def write(self, first: Callable[[], None], again: Callable[[], None], stop: Callable[[], bool]) -> None:
        """Write; where disk or shared memory have no room, say so and try again until it succeeds.

        Args:
            again: What to do instead of `first` where the disk failed: the tables are ahead of it.

        Raises:
            BadStore: It could not be written up to the end.
            NoRoom: Part of the batch is applied and none of it saved: the next life begins with it.
        """
        write = first
        while True:
            try:
                write()
                break
            except NoRoom:
                raise
            except BadStore as exc:
                kind = "memory" if isinstance(exc, NoMemory) else "disk"
                write = write if kind == "memory" else again
                if not self._status["stopped"]:
                    log.error("learning has stopped, answers go on", error=str(exc))
                self._status["stopped"] = 1
                metric.store_error()
                self._pulse.trouble(kind, f"learning has stopped, answers go on: {exc}")
                if stop():
                    raise
                self._rest(stop)
        if self._status["stopped"]:
            self._status["stopped"] = 0
            for kind in ("memory", "disk"):
                self._pulse.trouble(kind, "")
            log.info("there is room again; learning goes on")

    def _rest(self, stop: Callable[[], bool]) -> None:
        """Wait before the next try."""
        until = time.monotonic() + AGAIN_S
        while time.monotonic() < until and not stop():
            self._tell()
            self._pulse.beat()
            time.sleep(LOOK_S)


class Saves:
    """Saves what a writer changed.

    Args:
        retry: How a save that fails is tried again.
        told: Called with topic -> partition -> offset when these are saved.
        every_s: Seconds between two saves; 0 saves after every step, which waits for it.
        sync_s: Seconds between two waits for the disk; None: as the store does with every write.
    """

    def __init__(
        self, writer: Writer, retry: Retry, pulse: Pulse, told: Told, every_s: float, sync_s: float | None
    ) -> None:
        self._writer, self._retry, self._pulse, self._told = writer, retry, pulse, told
        self._every_s, self._sync_s = every_s, sync_s
        self._saver = Saver(writer.store, writer.rest) if writer.store is not None else None
        self._taken: Taken | None = None  # what is being written
        self._at = self._synced = time.monotonic()
        self._loose = False  # whether something was written that the disk was not waited for

    def step(self, stop: Callable[[], bool]) -> None:
        """Save where it is time to; tell what was saved."""
        if self._saver is None:
            return
        if not self._every_s:
            self.now(stop)
            return
        self._end(0.0, stop)
        now, unsaved = time.monotonic(), bool(self._writer.unsaved)
        if self._saver.busy:
            if unsaved and self._writer.changed >= MOST:
                self._await(stop)
        elif (unsaved and (now - self._at >= self._every_s or self._writer.changed >= DIRTY)) or (
            self._loose and self._sync_s is not None and now - self._synced >= self._sync_s
        ):
            self._begin()

    def now(self, stop: Callable[[], bool]) -> None:
        """Save everything, and wait for it.

        Raises:
            BadStore: It could not be written up to the end.
        """
        if self._saver is not None:
            self._await(stop)
            if self._writer.unsaved or self._loose:
                self._begin(last=True)
                self._await(stop)

    def close(self) -> None:
        """End, after the write under way."""
        if self._saver is not None:
            self._saver.close()

    def _begin(self, last: bool = False) -> None:
        """Take a snapshot, and have it written."""
        assert self._saver is not None
        began, self._at = time.perf_counter(), time.monotonic()
        self._taken = self._writer.snapshot()
        metric.batch_seconds("store", time.perf_counter() - began)
        wait = None if self._sync_s is None else last or self._at - self._synced >= self._sync_s
        self._loose = wait is False
        if wait:
            self._synced = self._at
        self._saver.begin(self._taken.snapshot, wait)

    def _await(self, stop: Callable[[], bool]) -> None:
        """Wait for the write under way."""
        assert self._saver is not None
        self._writer.rest.set()
        while self._saver.busy:
            self._end(LOOK_S, stop)
            self._pulse.beat()

    def _end(self, wait_s: float, stop: Callable[[], bool]) -> None:
        """Tell what was saved, where the write under way has come to its end; where it failed, try again and again."""
        assert self._saver is not None
        written = self._saver.end(wait_s)
        if written is None:
            return
        taken, failure = self._taken, written.failure
        assert taken is not None
        self._taken = None
        if failure is None:
            metric.batch_seconds("save", written.seconds)
            self._writer.settle(taken)
            self._told(taken.ends)
            return
        self._writer.undo(taken)

        def fail() -> None:
            raise failure

        self._retry.write(fail, self._again, stop)

    def _again(self) -> None:
        """Open the store anew after a save failed, and save again."""
        assert self._saver is not None
        self._saver.store.reopen()
        self._told(self._writer.save())
