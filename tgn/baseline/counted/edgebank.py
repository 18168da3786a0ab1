"""EdgeBank: a pair that was seen will be seen again.

Source: Poursafaei et al., Towards Better Evaluation for Dynamic Link Prediction (2022), section 5.
"""

from __future__ import annotations

import numpy as np


class EdgeBank:
    """Scores 1 for pairs seen before, 0 for all others.

    Args:
        items: How many items there are.
        window_ms: How long a pair is remembered after the newest event learned, None for ever.
    """

    def __init__(self, items: int, window_ms: float | None = None) -> None:
        self.name = "edgebank" if window_ms is None else "edgebank-tw"
        self.items, self.window_ms = items, window_ms
        self.last: dict[int, dict[int, int]] = {}
        self.now = 0

    def score(self, user: int, t: int) -> np.ndarray:
        """Return 1 for remembered pairs, float64 [items]."""
        out = np.zeros(self.items)
        own = self.last.get(user)
        if own:
            since = -np.inf if self.window_ms is None else self.now - self.window_ms
            out[[item for item, at in own.items() if at >= since]] = 1.0
        return out

    def learn(self, user: int, item: int, t: int) -> None:
        """Remember the pair."""
        self.last.setdefault(user, {})[item] = t
        self.now = max(self.now, t)
