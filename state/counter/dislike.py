"""A dislike: the item is kept out of the user's answers and pulls nothing."""

from __future__ import annotations

import numpy as np
from numba import njit

from state.counter.history import slot
from state.counter.removal import remove
from state.counter.seen import add, find, write_back
from state.record.layout import BLOCK
from state.record.world import Marks, State
from state.storage.table import mark

DISLIKE = 3  # event type code


@njit(nogil=True, cache=True)
def dislike(state: State, marks: Marks, u: int, row: int, t: int) -> None:
    """Note that user row `u` dislikes item row `row` at `t`.

    The item stands in the seen list and leaves the history, so that no edge, walk, reason or popularity comes of it; edges
    from before, when the user still took it, decay as they would.
    """
    user = state.users[u]
    j = slot(state.history, user, u, row)
    if j >= 0:
        write_back(state, marks, user, j)
        remove(state, marks, u, row)
    position = find(state.seen, user.seen_head, user.seen_n, row)
    if position < 0:
        add(state, marks, u, row, DISLIKE, t)
    else:
        block = state.seen[position // BLOCK]
        block.mask[position % BLOCK] |= 1 << DISLIKE
        block.t[position % BLOCK] = max(block.t[position % BLOCK], np.uint32(max(0, t) // 1000))
        mark(marks.seen, position // BLOCK)
    if user.n == 0:
        user.first_t = t
    user.n += 1
    user.shown_n = 0
    user.last_t = max(user.last_t, t)
    mark(marks.users, u)
