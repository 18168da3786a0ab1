"""What a reader asks the tables: one compiled call a request, and none of them writes a row."""

from __future__ import annotations

import numpy as np
from numba import njit

from state.ranking.feature import describe
from state.ranking.sample import past
from state.record.world import Scratch, State
from state.retrieval.candidate import (
    close,
    gather,
    reach,
)


@njit(nogil=True, cache=True)
def prepare(
    state: State,
    scratch: Scratch,
    u: int,
    t: int,
    own: bool,
    cand: np.ndarray,
    x: np.ndarray,
    hist: np.ndarray,
    age: np.ndarray,
) -> int:
    """Write the candidates of user row `u` (-1: unknown), their features and the user's last items.

    Shapes:
        - cand: int32 [C]; x: float32 [C, FEATURES]; hist: int32 [K]; age: int64 [K], ms
        - output: how many candidates
    """
    n = gather(state, scratch, u, t, own, cand)
    describe(state, scratch, u, t, cand, n, x)
    past(state, u, t, hist, age)
    close(scratch, cand, n)
    return n


@njit(nogil=True, cache=True)
def order(
    state: State,
    scratch: Scratch,
    u: int,
    t: int,
    cand: np.ndarray,
    x: np.ndarray,
    hist: np.ndarray,
    age: np.ndarray,
) -> None:
    """Write the features of items that the caller brings, and the user's last items.

    Shapes:
        - cand: int32 [C], rows above 0, each once; x, hist, age: as for `prepare`
    """
    reach(state, scratch, u, t, True)
    for c in range(cand.shape[0]):
        scratch.where[cand[c]] = c + 1
    describe(state, scratch, u, t, cand, cand.shape[0], x)
    past(state, u, t, hist, age)
    close(scratch, cand, cand.shape[0])
