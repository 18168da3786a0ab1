"""Item–item co-occurrence: items taken shortly before and after the user's last items."""

from __future__ import annotations

from array import array
from collections import deque

import numpy as np

FLOOR = 1e-9  # a weight below every real score: it orders only what is equal without it


class Pairs:
    """Weighted counts of ordered item pairs, in one pair of growing arrays an item.

    A pair is appended, not looked up, so an array may name the same item several times; it is folded into one
    entry a pair when it has doubled since it was last folded.  An entry takes 12 bytes, an item never named none.

    Args:
        items: How many items there are.
    """

    def __init__(self, items: int) -> None:
        self.total = np.zeros(items)  # the weight of all pairs that begin with the item
        self.to: dict[int, array[int]] = {}
        self.weight: dict[int, array[float]] = {}
        self.limit: dict[int, int] = {}

    def add(self, first: int, second: int, weight: float) -> None:
        """Count the pair."""
        if first not in self.to:
            self.to[first], self.weight[first], self.limit[first] = array("i"), array("d"), 64
        self.to[first].append(second)
        self.weight[first].append(weight)
        self.total[first] += weight
        if len(self.to[first]) >= self.limit[first]:
            self._fold(first)

    def spread(self, out: np.ndarray, first: int, share: float) -> None:
        """Add `share` to `out`, float64 [items], divided as the counts of pairs that begin with `first` are."""
        if first in self.to:
            to, weight = np.frombuffer(self.to[first], np.int32), np.frombuffer(self.weight[first])
            np.add.at(out, to, weight * (share / self.total[first]))

    def _fold(self, first: int) -> None:
        to, place = np.unique(np.frombuffer(self.to[first], np.int32), return_inverse=True)
        weight = np.bincount(place, np.frombuffer(self.weight[first]))
        self.to[first], self.weight[first] = array("i", to.tobytes()), array("d", weight.tobytes())
        self.limit[first] = max(64, 2 * to.shape[0])


class Cooccurrence:
    """Orders items by how often they stood near the user's last items in other histories.

    Near is at most `window` events of the same user apart, in either direction, an event farther counting
    `gap_decay` of the one before.  Each of the user's last `window` items gives its share, `place_decay` of the
    share of the item after it, to its neighbours in proportion to their counts.  An item had again is a neighbour
    of itself: without that, streams of repeats are lost.  Popularity orders the rest.

    Args:
        items: How many items there are.
        window: Events of a user that are remembered.
        gap_decay: Weight of a pair one event farther apart.
        place_decay: Weight of an item one event farther back.
    """

    name = "co-occurrence"

    def __init__(
        self, items: int, *, window: int = 12, gap_decay: float = 0.8, place_decay: float = 0.75
    ) -> None:
        self.pairs = Pairs(items)
        self.count = np.zeros(items)
        self.events = 0
        self.gap = [gap_decay**k for k in range(window)]
        self.place = [place_decay**k for k in range(window)]
        self.recent: dict[int, deque[int]] = {}

    def score(self, user: int, t: int) -> np.ndarray:
        """Return the shares from the user's last items, popularity below them, float64 [items]."""
        out = self.count * (FLOOR / max(1, self.events))
        for item, share in zip(self.recent.get(user, ()), self.place, strict=False):
            self.pairs.spread(out, item, share)
        return out

    def learn(self, user: int, item: int, t: int) -> None:
        """Count the item with each of the user's last ones."""
        self.count[item] += 1
        self.events += 1
        recent = self.recent.setdefault(user, deque(maxlen=len(self.gap)))
        for other, weight in zip(recent, self.gap, strict=False):
            self.pairs.add(other, item, weight)
            self.pairs.add(item, other, weight)
        recent.appendleft(item)
