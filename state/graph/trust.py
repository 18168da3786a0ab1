"""Trust: users whom a user trusts count as neighbours, and what they took last is a candidate.

`State.trusted` holds rows of users, those of user u from `State.trust_at[u]` to `State.trust_at[u + 1]`; without trust both
are empty.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.record.layout import RECENT
from state.record.selection import insert
from state.record.world import State

MOST = 64  # users whom one user trusts that are looked at


def table(pairs: np.ndarray, n_users: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `trust_at` int64 [n_users + 1] and `trusted` int32 [e].

    Args:
        pairs: Who trusts (row 0) whom (row 1), int32 [2, m]; of one user the first `MOST` are kept.
    """
    order = np.argsort(pairs[0], kind="stable")
    who, whom = pairs[0][order], pairs[1][order]
    first = np.searchsorted(who, who)
    kept = np.arange(who.shape[0]) - first < MOST
    counts = np.bincount(who[kept], minlength=n_users)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), whom[kept].astype(np.int32)


@njit(nogil=True, cache=True)
def active(state: State, u: int, out: np.ndarray) -> int:
    """Write the users whom `u` trusts who took something last, latest first; return how many.

    Shapes:
        - out: int32 [RECENT]
    """
    if u < 0 or u + 1 >= state.trust_at.shape[0]:
        return 0
    when, n = np.empty(RECENT), 0
    for k in range(state.trust_at[u], state.trust_at[u + 1]):
        them = state.users[state.trusted[k]]
        if them.n > 0:
            n = insert(out, when, n, RECENT, state.trusted[k], float(them.last_t))
    return n
