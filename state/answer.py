"""What a reader asks the tables: one compiled call a request, and none of them writes a row."""

from __future__ import annotations

import numpy as np
from numba import njit

from state.board import leaders
from state.candidate import close, gather, open_user, put, reach
from state.feature import describe
from state.history import decay
from state.record import BOARD, HISTORY, POPULAR, RISING, START, TOTAL, Scratch, State
from state.sample import past
from state.walk import push, top, visits

AGAIN, BECAUSE, NEWCOMER, RISE, POPULARITY, NEW = 0, 1, 2, 3, 4, 5  # why an item is in the answer


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
    reach(state, scratch, u, t)
    for c in range(cand.shape[0]):
        scratch.where[cand[c]] = c + 1
    describe(state, scratch, u, t, cand, cand.shape[0], x)
    past(state, u, t, hist, age)
    close(scratch, cand, cand.shape[0])


def visit(state: State, rows: np.ndarray, t: int) -> None:
    """Make the guest one who has looked at these items, int32 [n], the newest last; with none, one who is not known."""
    guest = state.guest
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


@njit(nogil=True, cache=True)
def fill(state: State, scratch: Scratch, u: int, own: bool, out: np.ndarray, n: int, k: int) -> int:
    """Append popular, then recent items until `out` holds `k`, as far as any are allowed; return how many."""
    open_user(state, scratch, u)
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
    close(scratch, out, n)
    return n


@njit(nogil=True, cache=True)
def seen(state: State, scratch: Scratch, u: int) -> int:
    """Return how many items a user has had, as far as the seen list reaches."""
    open_user(state, scratch, u)
    n = scratch.flagged_n[0] - scratch.had[START]  # which stands where an item was let go
    close(scratch, scratch.pick, 0)
    return n


@njit(nogil=True, cache=True)
def similar(state: State, scratch: Scratch, row: int, out: np.ndarray, weight: np.ndarray) -> int:
    """Write the items nearest to item `row` on the co-watch graph, best first; return how many."""
    scratch.pick[0] = row
    scratch.weight[0] = 1.0
    push(state, scratch, 1)
    visits(state, scratch, 1, state.rates[0].steps, row)
    for c in range(scratch.touched_n[0]):
        item = scratch.touched[c]
        scratch.acc[item, 0] += np.float32(0.2) * scratch.acc[item, 1]
    scratch.had[row] = 1
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


@njit(nogil=True, cache=True)
def why(state: State, u: int, row: int) -> tuple[int, int]:
    """Return why `row` is in an answer to user row `u`, and the item of theirs that led to it."""
    best, weight = -1, 0.0
    user = state.users[u] if u >= 0 else state.guest[0]
    share, item = 1.0, user.item
    for j in range(user.slots):
        if item[j] == row:
            return AGAIN, row
    for j in range(min(user.slots, state.rates[0].seeds)):
        edge = state.edges[item[j]]
        dst, w = edge.dst, edge.w
        for s in range(edge.slots):
            if dst[s] == row and edge.total > 0 and share * w[s] / edge.total > weight:
                best, weight = item[j], share * w[s] / edge.total
        share *= state.rates[0].seed_decay
    if best >= 0:
        return BECAUSE, best
    flags = state.items[row].board
    if flags & 4:
        return NEWCOMER, row
    if flags & 1:
        return RISE, row
    if flags & 2:
        return POPULARITY, row
    return NEW, row
