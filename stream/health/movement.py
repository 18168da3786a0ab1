"""Movement: whether ingest, or the learner, goes on, by its heartbeat, and while it loads or compiles by the time it computes."""

from __future__ import annotations

import time
from pathlib import Path

from stream.health.page import HEALTH, RUNNING, WAITING, Health, Page

STATE, USER_S, KERNEL_S = 0, 11, 12  # fields of /proc/…/stat after the name
ON_DISK = "D"  # waiting for the disk: ending it would not help


class Movement:
    """Sees how long a process stands still.

    Args:
        folder: Where its page lies.
        page: The name of its page.
    """

    def __init__(self, pid: int, folder: Path, page: str = HEALTH) -> None:
        self._stat = Path(f"/proc/{pid}/stat")
        self._page = Page(folder / page, Health)
        self._seen: tuple[object, ...] = ()
        self._moved = time.monotonic()

    def still_s(self) -> float:
        """Return for how many seconds it has not moved."""
        health = self._page.read()
        beats = health.phase in (RUNNING, WAITING) and not health.compiling
        state, computed = self._process()
        seen = health.phase, self._page.beaten_ms, 0 if beats else computed
        if seen != self._seen or state == ON_DISK:
            self._seen, self._moved = seen, time.monotonic()
        return time.monotonic() - self._moved

    def _process(self) -> tuple[str, float]:
        """Return the state of the process, and its time of computing in clock ticks; where none is told, it goes on."""
        try:
            fields = self._stat.read_text().rpartition(")")[2].split()
        except OSError:
            return ON_DISK, 0
        return fields[STATE], int(fields[USER_S]) + int(fields[KERNEL_S])
