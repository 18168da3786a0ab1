"""Fallback candidates: popular, recent, then described items, where ranked ones are too few."""

from __future__ import annotations

import numpy as np
from numba import njit

from state.counter.leaderboard import leaders
from state.record.layout import BOARD, KEPT_OUT, POPULAR, RISING, START, TOTAL
from state.record.profile import profile
from state.record.world import Scratch, State
from state.retrieval.candidate import close, open_user, put


@njit(nogil=True, cache=True)
def fill(
    state: State,
    scratch: Scratch,
    u: int,
    t: int,
    own: bool,
    out: np.ndarray,
    n: int,
    described: np.ndarray,
) -> int:
    """Append popular, then recent, then described items to the `n` in `out`, as far as any are allowed.

    Shapes:
        - out: int32 [k]
        - described: uint8 [items], 1 where a catalogue describes an item, whether or not it has had events
        - output: how many are in `out`
    """
    open_user(state, scratch, profile(state, u), t)
    for c in range(n):
        scratch.where[out[c]] = c + 1
    for b in (POPULAR, RISING, TOTAL):
        m = leaders(state.boards[b], scratch.pick, BOARD)
        for c in range(m):
            n = put(scratch, out, n, scratch.pick[c], own)
    row = state.world[0].items - 1
    while n < out.shape[0] and row > START:
        if state.items[row].n > 0:
            n = put(scratch, out, n, row, own)
        row -= 1
    row = state.world[0].items - 1
    while n < out.shape[0] and row > START:
        if described[row]:
            n = put(scratch, out, n, row, own)
        row -= 1
    close(scratch, out, n)
    return n


@njit(nogil=True, cache=True)
def seen(state: State, scratch: Scratch, u: int, t: int) -> int:
    """Return how many items are kept out as seen by the user, as far as the seen list reaches."""
    open_user(state, scratch, profile(state, u), t)
    n = 0
    for k in range(scratch.flagged_n[0]):
        item = scratch.flagged[k]
        n += scratch.seen[item] >= KEPT_OUT and item != START  # which replaces an evicted item
    close(scratch, scratch.pick, 0)
    return n
