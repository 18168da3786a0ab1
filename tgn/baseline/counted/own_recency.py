"""Own recency: the user's own items, the most recent first; and the same with everybody's recency below it."""

from __future__ import annotations

import numpy as np


class OwnRecency:
    """Orders items by the user's own last visit; items the user never had tie at the end.

    Args:
        items: How many items there are.
    """

    name = "own-recency"

    def __init__(self, items: int) -> None:
        self.items = items
        self.last: dict[int, dict[int, int]] = {}
        self.turn = 0

    def score(self, user: int, t: int) -> np.ndarray:
        """Return the number of the user's last event on each item, 0 for none, float64 [items]."""
        out = np.zeros(self.items)
        own = self.last.get(user)
        if own:
            out[list(own)] = list(own.values())
        return out

    def learn(self, user: int, item: int, t: int) -> None:
        """Note the user's visit."""
        self.turn += 1
        self.last.setdefault(user, {})[item] = self.turn


class LocalGlobal(OwnRecency):
    """Own recency first, then everybody's: items the user never had stand in order of anybody's last event.

    Source: Poursafaei et al., Towards Better Evaluation for Dynamic Link Prediction (2022), and the recency
    heuristics measured after it.
    """

    name = "local-global"

    def __init__(self, items: int) -> None:
        super().__init__(items)
        self.newest = np.zeros(items)

    def score(self, user: int, t: int) -> np.ndarray:
        """Return recency, own visits above all others, float64 [items]."""
        own = super().score(user, t)
        return np.where(own > 0, own + self.turn + 1, self.newest)

    def learn(self, user: int, item: int, t: int) -> None:
        """Note the visit, for the user and for everybody."""
        super().learn(user, item, t)
        self.newest[item] = self.turn
