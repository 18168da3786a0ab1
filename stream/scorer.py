"""What a reader thinks of candidates: counted features, learned scores, and the ranker that serves."""

from __future__ import annotations

import numpy as np

from state.answer import order, prepare
from state.feature import FEATURES, NAMES
from state.record import HISTORY
from stream.generation import Generation
from stream.request import MAX_K
from stream.status import RANKERS
from tgn.forward import Forward, row_inputs
from tgn.slow import score
from tgn.vector import Twin

RECENCY, POPULARITY = NAMES.index("own_recency"), NAMES.index("pop_3")


class Scorer:
    """Finds and scores candidates for one request at a time; reads tables, writes none.

    Shapes:
        - cand: int32 [MAX_K], the candidates of the request at hand; how many is returned by what finds them
        - x: float32 [MAX_K, features and learned inputs], a row each
        - hist: int32 [HISTORY], age: int64 [HISTORY] ms: the user's last items, newest first
    """

    def __init__(self, generation: Generation) -> None:
        self.generation, self.state = generation, generation.world.state
        self.scratch = generation.world.scratch()
        self.cand = np.zeros(MAX_K, np.int32)
        self.hist, self.age = np.full(HISTORY, -1, np.int32), np.zeros(HISTORY, np.int64)
        self.twin = Twin({name: t.array for name, t in generation.learned.items()}, generation.tgn)
        self.forward = Forward(generation.learned["ranker"].array[0], FEATURES, MAX_K)
        self.x = self.forward.x

    def find(self, u: int, t: int, own: bool, limit: int) -> int:
        """Write at most `limit` candidates of user row `u` (-1: the guest) as of `t`; return how many.

        Args:
            own: Whether items the user has had may be among them.
        """
        cand = self.cand[:limit]
        return int(prepare(self.state, self.scratch, u, t, own, cand, self.x, self.hist, self.age))

    def bring(self, u: int, t: int, rows: np.ndarray) -> int:
        """Write the items that the caller brings, int32 [n], each once, as candidates; return how many."""
        self.cand[: rows.shape[0]] = rows
        order(self.state, self.scratch, u, t, self.cand[: rows.shape[0]], self.x, self.hist, self.age)
        return rows.shape[0]

    def score(self, u: int, n: int) -> np.ndarray:
        """Return the scores of the first `n` candidates by the ranker that serves, float32 [n]."""
        x = self.x[:n]
        ranker = RANKERS[int(self.generation.status["serving"])]
        if ranker == "own_recency":
            return x[:, RECENCY] + 1e-3 * x[:, 0]
        if ranker == "popularity":
            return x[:, POPULARITY]
        if ranker == "riverwalk" and n:
            self.learned_inputs(u, n)
            learned = self.forward.logits(n)
            if np.isfinite(learned.sum()):
                return learned
        return x[:, 0] * 4

    def learned_inputs(self, u: int, n: int) -> None:
        """Write what the learned scores give the ranker."""
        generation, cand = self.generation, self.cand[:n]
        k = generation.tgn.history
        temporal, known = self.twin.score_known(self.hist[:k], self.age[:k], u, cand)
        self.x[:n, FEATURES : FEATURES + 3] = row_inputs(temporal, known)
        slow = generation.learned["slow"].array
        by_slow = score(slow, self.hist[None], cand[None], generation.slow.keep)
        self.x[:n, FEATURES + 3 :] = row_inputs(by_slow[0][0], by_slow[1][0])
