"""Metrics of the co-watch graph's edges: how old they are, and why others were pruned.

Ages are counted a part at a time and with long rests, as counting looks at every edge.
"""

from __future__ import annotations

import numpy as np

from state.graph.aging import BANDS, bands
from state.record.world import State
from stream import metric

PART = 2_048  # rows counted at a time: about 1 ms
REST_S = 30.0  # between two counts
REASONS = ("evicted", "aged")  # names of counters in the world's row
LABELS = tuple(
    f"{low}-{high} months" if high else f"{low}+ months"
    for low, high in zip(BANDS, (*BANDS[1:], 0), strict=True)
)


class Edges:
    """Counts the edges of one graph, now and then, for the metrics."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.counts = np.zeros(len(BANDS), np.int64)
        self.row = 0
        self.rests_until = 0.0
        self.before = self._pruned()
        self._count(dict.fromkeys(REASONS, 0))

    def _pruned(self) -> dict[str, int]:
        return {reason: int(self.state.world[0][reason]) for reason in REASONS}

    def _count(self, more: dict[str, int]) -> None:
        for reason, count in more.items():
            metric.pruned(reason, count)

    def step(self, now: float) -> None:
        """Count what was pruned since the last step, and the ages of some more rows.

        Args:
            now: Seconds of a clock that only goes forward.
        """
        found = self._pruned()
        self._count({reason: found[reason] - self.before[reason] for reason in REASONS})
        self.before = found
        if now < self.rests_until:
            return
        bands(self.state, self.row, self.row + PART, self.counts)
        self.row += PART
        if self.row >= int(self.state.world[0]["items"]):
            for label, count in zip(LABELS, self.counts.tolist(), strict=True):
                metric.edges(label, count)
            self.row, self.rests_until = 0, now + REST_S
            self.counts[:] = 0
