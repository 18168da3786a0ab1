"""The stream's clock against the wall's: is this a stream of the past, and are its times milliseconds?

past      the newest event was over a day old when its record was written: a replay, a demo; an event without a time
          then takes stream time, as one of today would make everything before it years old
seconds   times that as seconds, not as milliseconds, fit the records they came in: a producer that writes seconds
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import structlog

from stream.event.batch import Batch
from stream.event.event import DAY_MS
from stream.generation.generation import Generation

log = structlog.get_logger()

NAME = "past"  # meta name
YEAR_MS = 366 * DAY_MS  # how far seconds may be from the record's time, as milliseconds
MODERN_MS = 10**11  # 1973, which in seconds lies three thousand years ahead


class StreamClock:
    """Watches the times of batches, in the writer; what it finds is in the status row: `past`, `seconds`.

    Args:
        past: As it was saved.
    """

    def __init__(self, generation: Generation, past: object) -> None:
        self._status, self._world = generation.status, generation.world.state.world[0]
        self._status["past"] = int(past is True)
        self._unsaved = False

    def see(self, batch: Batch, t0: int, before: int) -> None:
        """Look at a batch that was applied.

        Args:
            t0, before: The stream's first time and its time before the batch, in ms.
        """
        told = batch.produced > 0
        if not told.any():
            return
        t, produced = batch.t[told], batch.produced[told]
        newest = int(np.argmax(t))
        if t[newest] >= before:
            past = int(produced[newest] - t[newest] > DAY_MS)
            self._unsaved |= past != int(self._status["past"])
            self._status["past"] = past
        seconds = np.abs(1000 * t - produced) < YEAR_MS
        first = t0 if before else int(t[0])
        if seconds.any() and (first > MODERN_MS or abs(1000 * first - int(produced[0])) < YEAR_MS):
            self._tell(int(seconds.sum()), int(t[seconds][0]))

    def _tell(self, count: int, t: int) -> None:
        if not self._status["seconds"]:
            log.warning(
                "times look like seconds and are read as milliseconds since 1970, which makes everything decades old; "
                "have the producer write milliseconds, and replay the topic into an empty state folder",
                t=t,
                read_as=str(np.datetime64(t, "ms")),
                meant=str(np.datetime64(t, "s")),
            )
        self._status["seconds"] += count

    def take(self) -> dict[bytes, bytes | None]:
        """Return what goes into the next save."""
        said = b"true" if self._status["past"] else b"false"
        found: dict[bytes, bytes | None] = {b"meta\0" + NAME.encode(): said} if self._unsaved else {}
        self._unsaved = False
        return found

    def undo(self, records: Mapping[bytes, bytes | None]) -> None:
        """Save again what could not be saved."""
        self._unsaved |= bool(records)
