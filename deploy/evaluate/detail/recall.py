"""Recall of candidates: how often the next item of a user is among the candidates found before.

Finding needs no learned weights, so this is one pass over the counted state, under the protocol's own visibility
and with the protocol's own items left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deploy.evaluate.split import Split
from state.ranking.sample import replay
from state.record.setting import GraphSettings
from state.record.world import World
from state.retrieval.candidate import close, gather

LIMIT = 100  # candidates of a request


def places(log: Split, limit: int = LIMIT, progress: Callable[[int], object] = lambda n: None) -> np.ndarray:
    """Return the rank of each judged event's item in a list of at most `limit` candidates, in the order found.

    Shapes:
        - output: float64 [n], from 1, inf where it is not among them, NaN for events that are not judged
    """
    world = World(GraphSettings(), max_users=log.n_users + 1, max_items=log.n_items + 2)
    state, scratch, out = world.state, world.scratch(), np.zeros(limit, np.int32)
    rows = (log.items + 1).astype(np.int32)
    top = np.maximum.accumulate(rows) + 1
    spans = [(rows[span.row], span.low.tolist(), span.high.tolist()) for span in log.barred()]
    places = np.full(rows.shape[0], np.nan)
    world.state.world[0]["users"], world.state.world[0]["items"] = log.n_users, 1
    applied = 0
    for i, begin in zip(np.flatnonzero(log.judged).tolist(), log.begins()[log.judged].tolist(), strict=True):
        if begin > applied:
            part = slice(applied, begin)
            state.world[0]["items"] = top[begin - 1]
            replay(world, scratch, log.users[part], rows[part], log.t[part], log.kind[part])
            progress(begin - applied)
            applied = begin
        for item, low, high in spans:
            scratch.barred[item[low[i] : high[i]]] = 1
        scratch.barred[rows[i]] = 0
        n = gather(state, scratch, log.users[i], log.t[i], not log.exclude_seen, out)
        at = np.flatnonzero(out[:n] == rows[i])
        places[i] = at[0] + 1 if at.shape[0] else np.inf
        close(scratch, out, n)
        for item, low, high in spans:
            scratch.barred[item[low[i] : high[i]]] = 0
    return places
