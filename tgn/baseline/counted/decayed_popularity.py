"""Popularity by exponentially decayed counts."""

from __future__ import annotations

import math

import numpy as np


class Decayed:
    """Orders items by exponentially decayed counts.

    Counts are kept inflated, as log2 of the count plus the time in half-lives, so that a score needs no decay:
    the order at any time is the order of the inflated counts.

    Args:
        items: How many items there are.
        half_life_ms: Milliseconds after which an event counts half.
    """

    name = "decayed-popularity"

    def __init__(self, items: int, half_life_ms: float) -> None:
        self.level = np.full(items, -np.inf)
        self.half_life_ms = half_life_ms
        self.t0: int | None = None

    def score(self, user: int, t: int) -> np.ndarray:
        """Return log2 of the counts up to a constant, float64 [items]; -inf where there was no event."""
        return self.level

    def learn(self, user: int, item: int, t: int) -> None:
        """Count an event."""
        if self.t0 is None:
            self.t0 = t
        now = (t - self.t0) / self.half_life_ms
        low, high = sorted((self.level[item], now))
        self.level[item] = high + (math.log2(1 + 2.0 ** (low - high)) if low > -math.inf else 0.0)
