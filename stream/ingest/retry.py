"""Retry: what cannot be written for want of room is tried again until it can, and answers go on meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import structlog

from state.error import BadStore, NoMemory, NoRoom
from stream import metric
from stream.health.pulse import Pulse

log = structlog.get_logger()

AGAIN_S = 2.0  # between two tries
LOOK_S = 0.1


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
