"""Models that count: made from a log, learning event by event as it goes on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deploy.evaluate.split import Split
from tgn.baseline.contract import Baseline
from tgn.baseline.counted.cooccurrence import Cooccurrence
from tgn.baseline.counted.cosine import Cosine
from tgn.baseline.counted.decayed_popularity import Decayed
from tgn.baseline.counted.ease import Ease
from tgn.baseline.counted.edgebank import EdgeBank
from tgn.baseline.counted.own_recency import LocalGlobal, OwnRecency
from tgn.baseline.counted.popularity import Popularity
from tgn.baseline.counted.rp3beta import Rp3Beta
from tgn.baseline.counted.transition import Transition


def _pace_ms(log: Split) -> float:
    """Return the mean time between two events of one item in the training part."""
    train = log.part == 0
    return max(
        1.0, float(np.ptp(log.t[train])) * np.unique(log.items[train]).shape[0] / max(1, int(train.sum()))
    )


def _window_ms(log: Split) -> float:
    """Return the length of the last 15 % of the training part: EdgeBank's window."""
    t = log.t[log.part == 0]
    return float(t.max() - np.quantile(t, 0.85))


MAKERS: dict[str, Callable[[Split], Baseline]] = {
    "popularity": lambda log: Popularity(log.n_items),
    "decayed-popularity": lambda log: Decayed(log.n_items, 5 * _pace_ms(log)),
    "own-recency": lambda log: OwnRecency(log.n_items),
    "local-global": lambda log: LocalGlobal(log.n_items),
    "edgebank": lambda log: EdgeBank(log.n_items),
    "edgebank-tw": lambda log: EdgeBank(log.n_items, _window_ms(log)),
    "co-occurrence": lambda log: Cooccurrence(log.n_items),
    "transitions": lambda log: Transition(log.n_items),
    "ease": lambda log: Ease(log.n_items, decay=1.0 if log.by_user else 0.9),  # a random split has no order
    "cosine": lambda log: Cosine(log.n_items),
    "rp3beta": lambda log: Rp3Beta(log.n_items),
}
PAIR = 12  # bytes of a pair of items that is counted
PART = 4_000  # items of EASE's solution


class Frozen:
    """A counted model as of the end of the training part: it learns so many events, then none.

    Args:
        model: The model.
        events: Of the training part that it learns from.
    """

    def __init__(self, model: Baseline, events: int) -> None:
        self.model, self.left, self.name = model, events, f"{model.name}-frozen"

    def score(self, user: int, t: int) -> np.ndarray:
        """Return the scores of the model, float64 [items]."""
        return self.model.score(user, t)

    def learn(self, user: int, item: int, t: int) -> None:
        """Have the model learn what belongs to training."""
        if self.left > 0:
            self.left -= 1
            self.model.learn(user, item, t)


def memory(name: str, n_users: int, n_items: int, n_events: int) -> int:
    """Return an upper estimate of the bytes that a counted model takes."""
    events = 120 * n_events + 200 * n_users + 64 * n_items  # histories as Python keeps them
    if name == "ease":
        return events + 40 * min(n_items, PART) ** 2
    if name == "co-occurrence":
        return events + PAIR * min(4 * 24 * n_events, n_items**2)
    return events
