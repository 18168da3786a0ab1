"""Trending items: the largest decayed counts, non-personalised."""

from __future__ import annotations

import numpy as np

from state.counter.trend import between, trend, trending
from stream.answer.request import Trending
from stream.answer.similar import NONE, Found
from stream.ingest.writer import Engine


def rising(engine: Engine, request: Trending) -> tuple[Found, int]:
    """Items with the largest decayed counts, and the half-life of the counts in ms.

    The usual half-life without a rule is answered from a board that is always kept; else every item is looked at.
    """
    state = engine.state
    rows, weights = np.zeros(request.k, np.int32), np.zeros(request.k, np.float32)
    t, half = int(state.world[0]["t"]), float(request.half_life_ms)
    taken = int(between(state, half)[3])
    with engine.scorer.barring(NONE, request.filter, t, request.category) as scratch:
        if half or request.filter is not None or request.category:
            size = min(int(state.world[0]["items"]), scratch.barred.shape[0])
            n = trend(state, t, half, scratch.barred, size, rows, weights)
        else:
            n = trending(state, t, scratch.barred, rows, weights)
    return (rows[:n], weights[:n]), taken
