"""node2vec: skip-gram over random walks that lean to where they came from, or away from it.

Source: Grover and Leskovec, node2vec: Scalable Feature Learning for Networks (2016), section 3.2.  p is the price of going back
to the node before, q that of leaving its neighbourhood.  Neighbours of a node are never joined in a graph of users and items,
so only p / q counts: with p = q the walks are DeepWalk's; a large one goes on to other users of an item rather than back.
"""

from __future__ import annotations

from tgn.baseline.contract import Fitted, Progress, Training
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.walk import skipgram
from tgn.baseline.walk.skipgram import SkipGramSettings


class Node2Vec:
    """Fits node2vec.

    Args:
        settings: Widths, p and q, walks, windows and schedule; None takes the defaults.
    """

    name = "node2vec"
    needs = ""

    def __init__(self, settings: SkipGramSettings | None = None) -> None:
        self.settings = settings or SkipGramSettings(p=4.0, q=0.5)

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return an upper estimate of the bytes of a fit."""
        return skipgram.memory(self.settings, n_users, n_items, n_events)

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit until recall on held events rises no more."""
        return skipgram.fit(self.name, self.settings, training, seed, progress, clock)
