"""Item-item co-occurrence counts (Gram matrix): how many users have taken both, for the collaborative vectors."""

from __future__ import annotations

import numpy as np
from numba import njit

from state.counter.seen import blocks_of
from state.record.layout import START
from state.record.world import State

LATEST = 256  # distinct items counted of a user, the newest
WORK = 60_000_000  # pairs counted at most; beyond that, users are drawn evenly


@njit(nogil=True, cache=True)
def busiest(state: State, limit: int) -> np.ndarray:
    """Return the rows of the items with most users, at most `limit`, ascending.  int32 [m]."""
    size = state.world[0].items
    users = np.zeros(size, np.int64)
    for row in range(START + 1, size):
        users[row] = min(state.items[row].users, 1 << 30)
    counts = np.zeros(
        4096, np.int64
    )  # items by the number of their users: the limit's number is found in one pass
    for row in range(START + 1, size):
        counts[min(users[row], 4095)] += 1
    least, above = 4096, 0
    while least > 2 and above + counts[least - 1] <= limit:
        least -= 1
        above += counts[least]
    out = np.zeros(min(limit, size), np.int32)
    m = 0
    for row in range(START + 1, size):
        if m < out.shape[0] and users[row] >= least:
            out[m] = row
            m += 1
    return out[:m]


@njit(nogil=True, cache=True)
def _columns(state: State, u: int, column: np.ndarray, out: np.ndarray) -> int:
    """Write the columns of the newest items on a user's list, as far as they have one; return how many."""
    user, n = state.users[u], 0
    for block, inside in blocks_of(state.seen, user.seen_head, user.seen_n, user.seen_n):
        items = state.seen[block].item
        for k in range(inside):
            item = items[inside - 1 - k]
            if n < out.shape[0] and 0 <= item < column.shape[0] and column[item] >= 0:
                out[n] = column[item]
                n += 1
        if n == out.shape[0]:
            break
    return n


@njit(nogil=True, cache=True)
def gram(state: State, rows: np.ndarray) -> np.ndarray:
    """Count for every pair of some items the users who have taken both; the diagonal holds each item's users.

    Shapes:
        - rows: int32 [m], ascending item rows
        - output: float32 [m, m]
    """
    m = rows.shape[0]
    out = np.zeros((m, m), np.float32)
    column = np.full(state.items.shape[0] if m == 0 else rows[m - 1] + 1, -1, np.int32)
    for k in range(m):
        column[rows[k]] = k
    users = state.world[0].users
    work = 0
    for u in range(users):
        work += min(state.users[u].seen_n, LATEST) ** 2
    stride = max(1, work // WORK)
    mine = np.zeros(LATEST, np.int32)
    for u in range(0, users, stride):
        n = _columns(state, u, column, mine)
        for a in range(n):
            for b in range(n):
                out[mine[a], mine[b]] += 1
    if stride > 1:
        out *= np.float32(stride)
    return out
