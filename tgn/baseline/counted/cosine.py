"""Item–item cosine: items that were taken by the same users as the user's own.

Source: Sarwar et al., Item-based Collaborative Filtering Recommendation Algorithms (2001), section 3.1.1, over
vectors of who took an item: cos(i, j) = |U_i ∩ U_j| / sqrt(|U_i| |U_j|).  Taken: the similarity, and the sum of it
over the user's items (section 3.2.1 without ratings).  Not taken: a table of the nearest items of each.
"""

from __future__ import annotations

import numpy as np

from tgn.baseline.counted.bipartite import Bipartite, sweep
from tgn.baseline.counted.cooccurrence import FLOOR


class Cosine:
    """Orders items by the sum of their cosines with the user's items.

    The cosine of an item with itself is 1, so items the user had stand high where they compete.  Nothing is kept of
    item pairs: the sum is exact, as of the last event.  Popularity orders the rest.

    Args:
        items: How many items there are.
        decay: Weight of an item the user had one distinct item earlier.
        most: Pairs of user and item that take part, the newest.
    """

    name = "cosine"

    def __init__(self, items: int, *, decay: float = 1.0, most: int = 10_000_000) -> None:
        self.graph, self.decay = Bipartite(items, most), decay
        self.count = np.zeros(items)
        self.events = 0

    def score(self, user: int, t: int) -> np.ndarray:
        """Return the summed cosines, float64 [items]."""
        out = self.count * (FLOOR / max(1, self.events))
        graph, own = self.graph, self.graph.last(user)
        if own.shape[0]:
            size = 1 / np.sqrt(np.maximum(1, graph.of_item))
            weight, found = np.zeros(out.shape[0]), np.zeros(out.shape[0])
            weight[own] = self.decay ** np.arange(own.shape[0]) * size[own]
            sweep(*graph.pairs(), weight, np.zeros(graph.of_user.shape[0]), found)
            out += found * size
        return out

    def learn(self, user: int, item: int, t: int) -> None:
        """Count the event, and the pair where it is new."""
        self.count[item] += 1
        self.events += 1
        self.graph.add(user, item)
