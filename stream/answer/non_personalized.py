"""Non-personalised lists: similar items, lately on the co-watch graph or over all time by shared users; trending items."""

from __future__ import annotations

import numpy as np

from state.counter.cooccurrence import busiest
from state.counter.trend import between, trend, trending
from state.retrieval.similar import COUNTED, similar, similar_by_users
from stream.answer.recommender import Recommender
from stream.answer.request import Similar, Trending
from tgn.inference.collaborative import likeness

Found = tuple[np.ndarray, np.ndarray]  # rows int32 [n], best first, and weights float32 [n]


def similar_items(recommender: Recommender, row: int, request: Similar) -> Found:
    """Return the items most similar to item `row`.

    Lately: the nearest on the co-watch graph, whose weights decay.  Over all time: those that the same users have had.
    While there are few users they are all counted, and so are the last users of an item that has few; beyond that the
    low-rank EASE vectors tell, which are fitted to the lists of all users.
    """
    k, generation = request.k, recommender.generation
    rows, weights = np.zeros(k, np.int32), np.zeros(k, np.float32)
    with recommender.retrieval(filter=request.filter, category=request.category) as room:
        state, scratch = room.state, room.scratch
        if not request.all_time:
            n = similar(state, scratch, row, rows, weights)
            return rows[:n], weights[:n]
        table = generation.learned["slow"].array
        if int(state.world[0]["users"]) > COUNTED and table[row, -1] > 0:
            busy = busiest(state, generation.slow.items)
            weight = likeness(table, row, busy)
            weight[scratch.barred[busy] > 0] = 0
            best = np.argsort(-weight, kind="stable")[:k]
            best = best[weight[best] > 0]
            return busy[best], weight[best]
        n = similar_by_users(state, scratch, row, COUNTED, rows, weights)
        return rows[:n], weights[:n]


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


def warm_similar(recommender: Recommender) -> None:
    """Compile the kernels of these lists."""
    rows, weights = np.zeros(1, np.int32), np.zeros(1, np.float32)
    with recommender.retrieval() as room:
        similar(room.state, room.scratch, 0, rows, weights)
        similar_by_users(room.state, room.scratch, 0, COUNTED, rows, weights)
        likeness(room.generation.learned["slow"].array, 0, busiest(room.state, 1))


def warm_trending(recommender: Recommender) -> None:
    """Compile the kernels of trending items."""
    rows, weights = np.zeros(1, np.int32), np.zeros(1, np.float32)
    with recommender.retrieval() as room:
        between(room.state, 0.0)
        trending(room.state, 0, room.scratch.barred, rows, weights)
        trend(room.state, 0, 0.0, room.scratch.barred, 0, rows, weights)
