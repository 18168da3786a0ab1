"""What a reader asks the tables: one compiled call a request, and none of them writes a row."""

from __future__ import annotations

import numpy as np
from numba import njit

from state.counter.history import decay
from state.counter.leaderboard import leaders
from state.graph.walk import push, top, visits
from state.ranking.feature import describe
from state.ranking.sample import past
from state.record.layout import (
    BOARD,
    HISTORY,
    KEPT_OUT,
    POPULAR,
    RISING,
    START,
    TOTAL,
    Scratch,
    State,
)
from state.retrieval.candidate import (
    close,
    gather,
    open_user,
    put,
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


def visit(state: State, rows: np.ndarray, t: int) -> None:
    """Make the guest one who has looked at these items, int32 [n], the newest last; with none, one who is not known."""
    guest = state.guest
    if guest["n"][0]:
        guest[0] = 0
    last = list(dict.fromkeys(reversed(rows.tolist())))[:HISTORY]
    if not last:
        return
    m, place = len(last), np.arange(len(last))
    guest["n"], guest["slots"], guest["session_n"], guest["run"] = m, m, m, 1
    guest["last_t"] = guest["first_t"] = guest["session_t"] = t
    guest["item"][0, :m], guest["index"][0, :m] = last, m - 1 - place
    guest["at"][0, :m] = np.minimum(state.items["n"][last], 2**31 - 1)
    guest["count"][0, :m] = guest["visits"][0, :m] = guest["dec"][0, :m] = 1
    guest["t"][0, :m] = t
    guest["mask"][0, :m] = 1  # viewed


@njit(nogil=True, cache=True)
def fill(
    state: State,
    scratch: Scratch,
    u: int,
    t: int,
    own: bool,
    out: np.ndarray,
    n: int,
    k: int,
    described: np.ndarray,
) -> int:
    """Append popular, then recent, then described items until `out` holds `k`, as far as any are allowed.

    Shapes:
        - described: uint8 [items], 1 where a catalogue tells of an item, whether or not it has had events
        - output: how many are in `out`
    """
    open_user(state, scratch, u, t)
    for c in range(n):
        scratch.where[out[c]] = c + 1
    room = out[:k]
    for b in (POPULAR, RISING, TOTAL):
        m = leaders(state.boards[b], scratch.pick, BOARD)
        for c in range(m):
            n = put(scratch, room, n, scratch.pick[c], own)
    row = state.world[0].items - 1
    while n < k and row > START:
        if state.items[row].n > 0:
            n = put(scratch, room, n, row, own)
        row -= 1
    row = state.world[0].items - 1
    while n < k and row > START:
        if described[row]:
            n = put(scratch, room, n, row, own)
        row -= 1
    close(scratch, out, n)
    return n


@njit(nogil=True, cache=True)
def seen(state: State, scratch: Scratch, u: int, t: int) -> int:
    """Return how many items are kept out for a user having had them, as far as the seen list reaches."""
    open_user(state, scratch, u, t)
    n = 0
    for k in range(scratch.flagged_n[0]):
        item = scratch.flagged[k]
        n += scratch.had[item] >= KEPT_OUT and item != START  # which stands where an item was let go
    close(scratch, scratch.pick, 0)
    return n


@njit(nogil=True, cache=True)
def similar(state: State, scratch: Scratch, row: int, out: np.ndarray, weight: np.ndarray) -> int:
    """Write the items nearest to item `row` on the co-watch graph, best first; return how many."""
    scratch.pick[0] = row
    scratch.weight[0] = 1.0
    push(state, scratch, 1)
    visits(state, scratch, 1, state.rates[0].steps, row, True)
    for c in range(scratch.touched_n[0]):
        scratch.acc[c, 0] += np.float32(0.2) * scratch.acc[c, 1]
    scratch.had[row] = KEPT_OUT
    n = top(scratch, 0, out, weight, out.shape[0], True)
    scratch.had[row] = 0
    close(scratch, out, 0)
    return n


@njit(nogil=True, cache=True)
def trending(state: State, t: int, barred: np.ndarray, out: np.ndarray, weight: np.ndarray) -> int:
    """Write the rising items that are not barred and their decayed counts as of `t`, best first; return how many."""
    rows = np.empty(BOARD, np.int32)
    m = leaders(state.boards[RISING], rows, BOARD)
    half = state.rates[0].pop[1] * state.world[0].pace
    n = 0
    for c in range(m):
        if n < out.shape[0] and not barred[rows[c]]:
            item = state.items[rows[c]]
            out[n], weight[n] = rows[c], item.pop[1] * decay(t - item.last_t, half)
            n += 1
    return n
