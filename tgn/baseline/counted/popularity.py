"""Popularity: count of events of each item."""

from __future__ import annotations

import numpy as np


class Popularity:
    """Orders items by their count of events.

    Args:
        items: How many items there are.
    """

    name = "popularity"

    def __init__(self, items: int) -> None:
        self.count = np.zeros(items)

    def score(self, user: int, t: int) -> np.ndarray:
        """Return the counts, float64 [items]."""
        return self.count

    def learn(self, user: int, item: int, t: int) -> None:
        """Count an event."""
        self.count[item] += 1
