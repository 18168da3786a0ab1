"""First-order transitions: items taken directly after the user's last item."""

from __future__ import annotations

from collections import deque

import numpy as np

from tgn.baseline.counted.cooccurrence import FLOOR, Pairs


class Transition:
    """Orders items by how often they came directly after the user's last item.

    Where that says nothing, by how often they came two events after the last but one (at `back_off` of the
    weight), and where that says nothing either, by popularity.

    Args:
        items: How many items there are.
        back_off: Weight of the second order beside the first.
    """

    name = "transitions"

    def __init__(self, items: int, *, back_off: float = 1e-3) -> None:
        self.next, self.after_next = Pairs(items), Pairs(items)
        self.count = np.zeros(items)
        self.events = 0
        self.back_off = back_off
        self.recent: dict[int, deque[int]] = {}

    def score(self, user: int, t: int) -> np.ndarray:
        """Return the share of each item among those that followed, float64 [items]."""
        out = self.count * (FLOOR / max(1, self.events))
        order = ((self.next, 1.0), (self.after_next, self.back_off))
        for item, (pairs, share) in zip(self.recent.get(user, ()), order, strict=False):
            pairs.spread(out, item, share)
        return out

    def learn(self, user: int, item: int, t: int) -> None:
        """Count the step from the user's last item and from the last but one."""
        self.count[item] += 1
        self.events += 1
        recent = self.recent.setdefault(user, deque(maxlen=2))
        for other, pairs in zip(recent, (self.next, self.after_next), strict=False):
            pairs.add(other, item, 1.0)
        recent.appendleft(item)
