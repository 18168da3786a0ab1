"""The temporal graph network by itself: every item scored, no candidates, no counted features, no ranker."""

from __future__ import annotations

import numpy as np

from state.ranking.sample import Sample
from tgn.metric.ranking import rank
from tgn.training.learner import Learner

ROOM = 4_000_000  # scores worked out at once


class Alone:
    """Ranks the true item of each sample among all items, by the network's score only.

    Args:
        items: Items of the log; item k has row k + 1.
        spans: What does not compete: `row[low[i]:high[i]]` are events whose items are barred for event i.
        item: int32 [n], the item of each event of the log.
    """

    def __init__(self, learner: Learner, items: int, spans: list, item: np.ndarray) -> None:
        self.learner, self.items, self.spans, self.item = learner, items, spans, item

    def ranks(self, sample: Sample, at: int, n: int) -> np.ndarray:
        """Return the rank of the true items of samples 0 … n - 1, which are events from `at` on.  float64 [n]."""
        k = self.learner.settings.history
        out = np.zeros(n)
        step = max(1, ROOM // self.items)
        every = np.arange(1, self.items + 1, dtype=np.int32)
        barred = np.zeros(self.items, bool)
        for begin in range(0, n, step):
            rows = slice(begin, min(begin + step, n))
            hist, age, user = sample.hist[rows, :k], sample.age[rows, :k], sample.user[rows]
            score, known = self.learner.score(
                hist, age, user, np.broadcast_to(every, (user.shape[0], self.items))
            )
            score = np.where(known, score, -np.inf).astype(np.float64)
            for s in range(user.shape[0]):
                i = at + begin + s
                gone = [self.item[span.row[span.low[i] : span.high[i]]] for span in self.spans]
                for which in gone:
                    barred[which] = True
                out[begin + s] = rank(score[s], int(sample.item[rows][s]) - 1, barred)
                for which in gone:
                    barred[which] = False
        return out
