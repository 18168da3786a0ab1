"""DeepWalk: skip-gram over plain random walks on the graph of users and items.

Source: Perozzi, Al-Rfou and Skiena, DeepWalk: Online Learning of Social Representations (2014), section 4, algorithm 1.
"""

from __future__ import annotations

from tgn.baseline.contract import Fitted, Progress, Training
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.walk import skipgram
from tgn.baseline.walk.skipgram import SkipGramSettings


class DeepWalk:
    """Fits DeepWalk.

    Args:
        settings: Widths, walks, windows and schedule; p and q stay 1.  None takes the defaults.
    """

    name = "deepwalk"
    needs = ""

    def __init__(self, settings: SkipGramSettings | None = None) -> None:
        self.settings = settings or SkipGramSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return an upper estimate of the bytes of a fit."""
        return skipgram.memory(self.settings, n_users, n_items, n_events)

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit until recall on held events rises no more."""
        return skipgram.fit(self.name, self.settings, training, seed, progress, clock)
