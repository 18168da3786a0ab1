"""Lists that are for everybody: items like an item, items that rise."""

from __future__ import annotations

import numpy as np

from state.counter.cooccurrence import busiest
from state.counter.trend import between, trend, trending
from state.retrieval.similar import COUNTED, similar, similar_by_users
from stream.answer.request import Similar
from stream.ingest.writer import Engine
from tgn.inference.collaborative import likeness

NONE = np.zeros(0, np.int32)
Found = tuple[np.ndarray, np.ndarray]  # rows int32 [n], best first, and weights float32 [n]


def alike(engine: Engine, row: int, request: Similar) -> Found:
    """Items like item `row`.

    Now: the nearest on the co-watch graph, whose weights decay.  Over all time: those that the same users have had.
    While there are few users they are all counted, and so are the last users of an item that has few; beyond that the
    slow collaborative vectors tell, which are fitted to the lists of all users.
    """
    state, k = engine.state, request.k
    rows, weights = np.zeros(k, np.int32), np.zeros(k, np.float32)
    with engine.scorer.barring(NONE, request.filter, int(state.world[0]["t"]), request.category) as scratch:
        if not request.all_time:
            n = similar(state, scratch, row, rows, weights)
            return rows[:n], weights[:n]
        table = engine.generation.learned["slow"].array
        if int(state.world[0]["users"]) > COUNTED and table[row, -1] > 0:
            busy = busiest(state, engine.generation.slow.items)
            weight = likeness(table, row, busy)
            weight[scratch.barred[busy] > 0] = 0
            best = np.argsort(-weight, kind="stable")[:k]
            best = best[weight[best] > 0]
            return busy[best], weight[best]
        n = similar_by_users(state, scratch, row, COUNTED, rows, weights)
        return rows[:n], weights[:n]


def warm(engine: Engine) -> None:
    """Compile the kernels of these lists."""
    state, scratch = engine.state, engine.scorer.scratch
    rows, weights = np.zeros(1, np.int32), np.zeros(1, np.float32)
    similar(state, scratch, 0, rows, weights)
    similar_by_users(state, scratch, 0, COUNTED, rows, weights)
    likeness(engine.generation.learned["slow"].array, 0, busiest(state, 1))
    trending(state, 0, scratch.barred, rows, weights)
    between(state, 0.0)
    trend(state, 0, 0.0, scratch.barred, 0, rows, weights)
