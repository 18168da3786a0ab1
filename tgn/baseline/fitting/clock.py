"""The only clock in this room: how long a fit has taken, because a model to compare with is judged by its cost too."""

from __future__ import annotations

import time


class Clock:
    """Seconds since it was made, against those allowed.

    Args:
        seconds: Allowed in all.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.begin = seconds, time.monotonic()

    def spent(self) -> float:
        """Return seconds since the beginning."""
        return time.monotonic() - self.begin

    def left(self) -> float:
        """Return seconds that are left, below 0 once they are over."""
        return self.seconds - self.spent()
