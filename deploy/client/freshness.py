"""Freshness over the last seconds, from the histogram in /metrics: from an event's record being written to its being in answers."""

from __future__ import annotations

import re
from collections import deque
from itertools import pairwise
from typing import Final

WINDOW_S: Final = 20.0
_BUCKET: Final = re.compile(r'^riverwalk_freshness_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)

Counts = dict[float, float]  # upper bound in seconds -> how many up to it


class Freshness:
    """Remembers the histogram of some moments."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Counts]] = deque()

    def see(self, page: str, now: float) -> None:
        """Take in the text of /metrics, at a time in seconds."""
        counts = {float(bound): float(count) for bound, count in _BUCKET.findall(page)}
        if self._seen and any(counts.get(bound, 0) < count for bound, count in self._seen[-1][1].items()):
            self._seen.clear()  # another instance
        self._seen.append((now, counts))
        while len(self._seen) > 2 and now - self._seen[1][0] > WINDOW_S:
            self._seen.popleft()

    def percentile_ms(self, share: float) -> float | None:
        """Return a quantile in milliseconds, None without events in the window."""
        if len(self._seen) < 2:
            return None
        before, after = self._seen[0][1], self._seen[-1][1]
        counts = [(bound, count - before.get(bound, 0.0)) for bound, count in sorted(after.items())]
        if not counts or counts[-1][1] <= 0:
            return None
        wanted = share * counts[-1][1]
        for (low, below), (high, upto) in pairwise([(0.0, 0.0), *counts]):
            if upto >= wanted:
                inside = (wanted - below) / (upto - below) if upto > below else 1.0
                return 1000 * (low if high == float("inf") else low + inside * (high - low))
        return None
