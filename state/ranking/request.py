"""Candidates and features of one request, in one compiled call that writes no row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from state.ranking.feature import describe
from state.record.profile import recent_items
from state.record.world import Scratch, State
from state.retrieval.candidate import (
    close,
    gather,
    reach,
)


class View(NamedTuple):
    """Where the candidates of a request and what the ranker sees of them are written."""

    cand: np.ndarray  # int32 [C], rows
    x: np.ndarray  # float32 [C or more, FEATURES or more]
    hist: np.ndarray  # int32 [K], the user's last items, newest first, -1 where unused
    age: np.ndarray  # int64 [K], ms since the user's last event on each


@njit(nogil=True, cache=True)
def prepare(state: State, scratch: Scratch, u: int, t: int, own: bool, view: View) -> int:
    """Write the candidates of user row `u` (-1: the guest), their features and the user's last items; return how many.

    Args:
        own: Whether items the user has seen may be candidates.
    """
    n = gather(state, scratch, u, t, own, view.cand)
    _describe(state, scratch, u, t, n, view)
    return n


@njit(nogil=True, cache=True)
def order(state: State, scratch: Scratch, u: int, t: int, view: View) -> None:
    """Write the features of candidates that the caller brings, rows above 0, each once, and the user's last items."""
    reach(state, scratch, u, t)
    for c in range(view.cand.shape[0]):
        scratch.where[view.cand[c]] = c + 1
    _describe(state, scratch, u, t, view.cand.shape[0], view)


@njit(nogil=True, cache=True)
def _describe(state: State, scratch: Scratch, u: int, t: int, n: int, view: View) -> None:
    describe(state, scratch, u, t, view.cand, n, view.x)
    recent_items(state, u, t, view.hist, view.age)
    close(scratch, view.cand, n)
