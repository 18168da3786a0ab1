"""Clusters of a long history on the co-watch graph, each represented by its newest item.

Going from the newest item to the oldest, an item joins the cluster of the first representative it is linked with
closely, one way or the other; the others represent themselves, as long as there is room.  A cluster weighs what its
items weigh together, so that an interest of long standing counts beside what came last.

Source: Pal et al., PinnerSage (KDD 2020), for users as a few clusters, each represented by one of its items; there
clusters come from embeddings, here from the graph that is walked, so that what is new is clustered at once.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.graph.edge import edge_share
from state.record.layout import HISTORY, Row, Rows

CLOSE = 0.05  # share of a row's weight that an edge of a close link has
SHARE = 0.93  # weight of an item of the history against the next newer one


@njit(nogil=True, cache=True)
def represent(edges: Rows, user: Row, most: int, pick: np.ndarray, weight: np.ndarray) -> int:
    """Write the representatives of a history, newest first, and the weights of their clusters; return how many.

    Shapes:
        - pick: int32 [>= most], weight: float32 [>= most]
    """
    item = user.item
    n, share = 0, 1.0
    for j in range(min(user.slots, HISTORY)):
        joined = -1
        for c in range(n):
            if edge_share(edges[pick[c]], item[j]) >= CLOSE or edge_share(edges[item[j]], pick[c]) >= CLOSE:
                joined = c
                break
        if joined >= 0:
            weight[joined] += np.float32(share)
        elif n < most:
            pick[n], weight[n] = item[j], share
            n += 1
        share *= SHARE
    return n
