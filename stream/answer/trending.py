"""Trending items: the largest decayed counts, non-personalised."""

from __future__ import annotations

import numpy as np

from state.counter.trend import between, trend, trending
from stream.answer.recommender import Recommender
from stream.answer.request import Trending
from stream.answer.similar import Found


def trending_items(recommender: Recommender, request: Trending) -> tuple[Found, int]:
    """Return the items with the largest decayed counts, and the half-life of the counts in ms.

    The usual half-life without a rule is answered from a leaderboard that is always kept; else every item is looked at.
    """
    rows, weights = np.zeros(request.k, np.int32), np.zeros(request.k, np.float32)
    half = float(request.half_life_ms)
    with recommender.retrieval(filter=request.filter, category=request.category) as room:
        state, barred = room.state, room.scratch.barred
        taken = int(between(state, half)[3])
        if half or request.filter is not None or request.category:
            size = min(int(state.world[0]["items"]), barred.shape[0])
            n = trend(state, room.t, half, barred, size, rows, weights)
        else:
            n = trending(state, room.t, barred, rows, weights)
    return (rows[:n], weights[:n]), taken


def warm(recommender: Recommender) -> None:
    """Compile the kernels of trending items."""
    rows, weights = np.zeros(1, np.int32), np.zeros(1, np.float32)
    with recommender.retrieval() as room:
        trending(room.state, 0, room.scratch.barred, rows, weights)
        between(room.state, 0.0)
        trend(room.state, 0, 0.0, room.scratch.barred, 0, rows, weights)
