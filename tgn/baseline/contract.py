"""Contract of every baseline: score all items, learn one event."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Baseline(Protocol):
    """Orders all items for a user.  `score` changes nothing; two equal calls give two equal answers.

    Items and users are rows from 0; ids never seen score like everything nobody has touched.
    """

    name: str

    def score(self, user: int, t: int) -> np.ndarray:
        """Return one score an item, float64 [items], larger is better, as of `t` (ms)."""

    def learn(self, user: int, item: int, t: int) -> None:
        """Learn that `user` took `item` at `t` (ms)."""
