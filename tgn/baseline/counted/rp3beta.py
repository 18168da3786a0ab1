"""RP3beta: a walk from the user over its items and their users to items, popular ones pushed back.

Source: Paudel, Christoffel, Newell and Bernstein, Updatable, Accurate, Diverse, and Scalable Recommendations for
Interactive Applications (2017), section 3.3: the chance of three random steps, divided by the degree of the item at
the end to the power β.  Taken: all of it, over distinct pairs; the walk is summed exactly, not sampled.
"""

from __future__ import annotations

import numpy as np

from tgn.baseline.counted.bipartite import Bipartite, walk
from tgn.baseline.counted.cooccurrence import FLOOR


class Rp3Beta:
    """Orders items by the chance to end at them three random steps away from the user, over degree^β.

    The walk may come back to an item the user had.  Popularity orders what no walk reaches.

    Args:
        items: How many items there are.
        beta: β of the paper: 0 follows popularity, 1 takes all of it away.
        decay: Weight of the first step to an item the user had one distinct item earlier; 1 is the published walk.
        most: Pairs of user and item that take part, the newest.
    """

    name = "rp3beta"

    def __init__(self, items: int, *, beta: float = 0.6, decay: float = 1.0, most: int = 10_000_000) -> None:
        self.graph, self.beta, self.decay = Bipartite(items, most), beta, decay
        self.count = np.zeros(items)
        self.events = 0

    def score(self, user: int, t: int) -> np.ndarray:
        """Return the chances over the degrees to the power β, float64 [items]."""
        out = self.count * (FLOOR / max(1, self.events))
        graph, own = self.graph, self.graph.last(user)
        if own.shape[0]:
            degree = np.maximum(1, graph.of_item).astype(np.float64)
            first = self.decay ** np.arange(own.shape[0])
            weight, found = np.zeros(out.shape[0]), np.zeros(out.shape[0])
            weight[own] = first / first.sum() / degree[own]
            mass = np.zeros(graph.of_user.shape[0])
            walk(*graph.pairs(), weight, graph.of_user, mass, found)
            out += found / degree**self.beta
        return out

    def learn(self, user: int, item: int, t: int) -> None:
        """Count the event, and the pair where it is new."""
        self.count[item] += 1
        self.events += 1
        self.graph.add(user, item)
