"""Controllers: what share of the events is learned from, by what waits and by the time it takes.

A proportional controller: below `low` records that wait all are taken, above `high` none, and in between the share
falls in a straight line, so that it settles where as many come as are done.  It is worked out anew at every batch from
what waits then: nothing has to recover from a burst.
"""

from __future__ import annotations

import time


def by_waiting(waiting: int, low: int, high: int) -> float:
    """Return a share in [0, 1] for so many records that wait."""
    return min(1.0, max(0.0, (high - waiting) / (high - low)))


class Allowance:
    """Bounds the part of this thread's time that describing samples may take.

    Args:
        part: Of the time.
        most_s: What may be saved up for a burst, in seconds of describing.
    """

    def __init__(self, part: float, most_s: float = 0.5) -> None:
        self.part, self.most_s = part, most_s
        self.left_s = most_s
        self._each_s = 1e-4  # of one sample, measured
        self._since = time.perf_counter()

    def samples(self) -> int:
        """Return how many samples may be described now."""
        now = time.perf_counter()
        self.left_s = min(self.most_s, self.left_s + self.part * (now - self._since))
        self._since = now
        return max(0, int(self.left_s / self._each_s))

    def spent(self, samples: int, seconds: float) -> None:
        """Note what samples took."""
        self.left_s -= seconds
        if samples:
            self._each_s += 0.1 * (min(1e-2, seconds / samples) - self._each_s)
