"""The pulse of ingest: its heartbeat, what it does and what does not work, written for servers and supervisor."""

from __future__ import annotations

from threading import Lock
from typing import Any

from stream.health.page import Health, Page, short


class Pulse:
    """Writes a page of health; without one it keeps what it is told.  Any thread may use it."""

    def __init__(self, page: Page[Health] | None = None) -> None:
        self._page, self._lock = page, Lock()
        self.health = Health()
        self._compiling = 0

    def beat(self) -> None:
        """Say that the loop comes round."""
        if self._page is not None:
            self._page.beat()

    def enter(self, phase: str) -> None:
        """Say what is done from now on, see `Health`."""
        self._tell(phase=phase)
        self.beat()

    def lag(self, lag: int) -> None:
        """Say how many events of the topic are not applied, -1 for unknown."""
        self._tell(lag=lag)

    def trouble(self, kind: str, text: str) -> None:
        """Say what does not work, or with an empty text that it works again."""
        with self._lock:
            troubles = {other: said for other, said in self.health.troubles.items() if other != kind}
        self._tell(troubles=troubles | ({kind: short(text)} if text else {}))

    def compile(self, more: int) -> None:
        """Count kernels that are being compiled: 1 where one begins, -1 where it ends."""
        with self._lock:
            self._compiling += more
        self._tell(compiling=self._compiling > 0)

    def _tell(self, **told: Any) -> None:
        with self._lock:
            if any(getattr(self.health, name) != value for name, value in told.items()):
                for name, value in told.items():
                    setattr(self.health, name, value)
                if self._page is not None:
                    self._page.write(self.health)
