"""Weights of the sources of candidates: a mixture learned online by counting.

    worth(item) = sum over sources of weight · share of the item in the source

A share is the chance that the source gives the item: of one-hop weight, of popularity, and so on.  The weights are
those under which the items that users took for the first time were likely, so a stream of films relies on what goes
together, one of a shop's baskets also on what rises now, without a setting.  One event in 16 is sampled: each source
is credited with its part in the worth of the event's item, and old credit fades.

Source: Cappé and Moulines, On-line expectation–maximization (JRSS B 2009), for mixtures of given components.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.graph.edge import edge_share
from state.graph.trust import active
from state.graph.walk import CHANCES, EXPLORE, LONG, add
from state.record.decay import decay
from state.record.layout import (
    BOARD,
    FIRST,
    FRESH,
    HALF,
    POPULAR,
    RECENT,
    RISING,
    SOURCES,
    START,
    Row,
)
from state.record.profile import profile
from state.record.world import WORTH, Scratch, State

# The first four are columns of `Scratch.acc`.
PUSH, WALK, NEAR, ALL, NEXT, NEWCOMERS, RISE, POP = range(SOURCES)
NAMES = ("push", "walk", "near", "push_all", "next", "first", "rising", "popular")
PRIOR = 10.0  # credit of all sources together, evenly, before anything is seen
FADE = 1.0 - 1.0 / 2_000  # of credit, at every sampled event
LOOKED = 60  # bits of an event's hash that are left aside: one event in 16 is sampled
WALKED = 0.1  # weight of the walk against that of both pushes, whose second step it is
BOARDS = ((NEWCOMERS, FIRST, 3), (RISE, RISING, 1), (POP, POPULAR, 3))  # source, board, half-life


@njit(nogil=True, cache=True)
def weights(credit: np.ndarray) -> np.ndarray:
    """Return the weight of each source, float64 [SOURCES], 1 in all.

    Args:
        credit: float64 [SOURCES], of users with a history, row 1 of the state's, or of newcomers, row 0.
    """
    out, whole = np.zeros(SOURCES), 0.0
    for s in range(SOURCES):
        if s != WALK:
            out[s] = credit[s] + PRIOR / (SOURCES - 1)
    out[WALK] = WALKED * (out[PUSH] + out[ALL])
    for s in range(SOURCES):
        whole += out[s]
    return out / whole


@njit(nogil=True, cache=True)
def counts(state: State, b: int, h: int, t: int, out: np.ndarray) -> float:
    """Write the decayed counts, as of `t`, of the items on board `b` with half-life `h`; return their sum.

    Shapes:
        - out: float32 [BOARD], in the board's order
    """
    world, board = state.world[0], state.boards[b]
    scores, whole = board.score, 0.0
    now = (t - world.t0) / (state.rates[0].pop[h] * world.pace)
    for k in range(board.n):
        out[k] = np.exp2(scores[k] - now)
        whole += out[k]
    return max(whole, 1e-12)


@njit(nogil=True, cache=True)
def weigh(state: State, scratch: Scratch, user: Row, t: int) -> None:
    """Write the worth of each item found for a profile as of `t` into column `WORTH`.

    It follows the walks; items of boards and transitions join those that were touched.
    """
    by = weights(state.world[0].credit[1 if user.slots > 0 else 0])
    acc, many = scratch.acc, scratch.touched_n[0]
    sums = np.zeros(WORTH)
    for k in range(many):
        for s in range(WORTH):
            sums[s] += acc[k, s]
    for s in range(WORTH):
        sums[s] = by[s] / max(sums[s], 1e-12)
    unit = sums.astype(np.float32)
    for k in range(many):
        acc[k, WORTH] = (
            unit[PUSH] * acc[k, PUSH]
            + unit[WALK] * acc[k, WALK]
            + unit[NEAR] * acc[k, NEAR]
            + unit[ALL] * acc[k, ALL]
        )
    if user.slots > 0:
        edge = state.edges[user.item[0]]
        if edge.nexts > 0 and edge.next_total > 0:
            add(scratch, WORTH, edge.next, edge.next_w, edge.nexts, by[NEXT] / edge.next_total)
    amount = np.empty(BOARD, np.float32)
    for s, b, h in BOARDS:
        board = state.boards[b]
        whole = counts(state, b, h, t, amount)
        add(scratch, WORTH, board.item, amount, board.n, by[s] / whole)


@njit(nogil=True, cache=True)
def _pushed(state: State, user: Row, begin: int, row: int, out: np.ndarray) -> None:
    """Write the shares of one-hop weight on item `row`, from the last items and from all."""
    rates, edges, mine = state.rates[0], state.edges, user.item
    push, all_, whole, every, lead, seed, long = 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0
    for j in range(begin, user.slots):
        known, part = edges[mine[j]].slots > 0, edge_share(edges[mine[j]], row)
        all_ += long * part
        every += long if known else 0.0
        if j - begin < rates.seeds:
            push += seed * part
            whole += seed if known else 0.0
            lead += seed
        seed *= rates.seed_decay
        long *= LONG
    start = EXPLORE * lead if user.slots > begin else 1.0
    push += start * edge_share(edges[START], row)
    whole += start if edges[START].slots > 0 else 0.0
    out[PUSH] = push / max(whole, 1e-12)
    out[ALL] = all_ / max(every, 1e-12)


@njit(nogil=True, cache=True)
def _near(state: State, u: int, user: Row, begin: int, row: int) -> float:
    """Return the share of item `row` in what the last users of the last items took, and those whom the user trusts."""
    mine, near, whole, outer = user.item, 0.0, 0.0, 1.0
    trusted = np.empty(RECENT, np.int32)
    for r in range(active(state, u, trusted)):
        them = state.users[trusted[r]]
        for k in range(min(them.slots, CHANCES.shape[0])):
            whole += CHANCES[k] / (1.0 + r)
            if them.item[k] == row:
                near += CHANCES[k] / (1.0 + r)
    for j in range(begin, min(user.slots, begin + 2)):
        source = state.items[mine[j]]
        last = source.user
        for r in range(min(source.n, RECENT)):
            other = last[(source.head - 1 - r) % RECENT]
            if other == u or other < 0:
                continue
            them = state.users[other]
            for k in range(min(them.slots, CHANCES.shape[0])):
                whole += outer / (1.0 + r) * CHANCES[k]
                if them.item[k] == row:
                    near += outer / (1.0 + r) * CHANCES[k]
        outer *= 0.5
    return near / max(whole, 1e-12)


@njit(nogil=True, cache=True)
def shares(state: State, u: int, row: int, t: int, out: np.ndarray) -> bool:
    """Write the share of item `row` in each source for user row `u` as of `t`, the walk's is 0; return whether they are known.

    They are those that `weigh` adds up, of one item and without the walks.  Events at `t` itself, a basket's other
    items, are left out: they were not there before.

    Shapes:
        - out: float64 [SOURCES]
    """
    user, item, begin = profile(state, u), state.items[row], 0
    times = user.t
    while begin < user.slots and times[begin] >= t:
        begin += 1
    out[:] = 0
    _pushed(state, user, begin, row, out)
    out[NEAR] = _near(state, u, user, begin, row)
    if user.slots > begin:
        edge = state.edges[user.item[begin]]
        for s in range(edge.nexts):
            if edge.next[s] == row:
                out[NEXT] = edge.next_w[s] / max(edge.next_total, np.float32(1e-12))
    amount = np.empty(BOARD, np.float32)
    for s, b, h in BOARDS:
        if item.board & (1 << b):
            count = item.fresh[h - (HALF - FRESH)] if b == FIRST else item.pop[h]
            left = decay(t - item.last_t, state.rates[0].pop[h] * state.world[0].pace)
            out[s] = count * left / counts(state, b, h, t, amount)
    return user.slots > begin


@njit(nogil=True, cache=True)
def due(event: int) -> bool:
    """Return whether event number `event` of the stream is sampled; a hash decides, as streams have rhythms."""
    return (np.uint64(event) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(LOOKED) == 0


@njit(nogil=True, cache=True)
def credit(state: State, u: int, row: int, t: int) -> None:
    """Credit the sources with user row `u` taking item `row` for the first time at `t`, which is yet to be applied."""
    part = np.empty(SOURCES)
    known = shares(state, u, row, t, part)
    kept = state.world[0].credit[1 if known else 0]
    part *= weights(kept)
    whole = part.sum()
    if whole > 0:
        for s in range(SOURCES):
            kept[s] = FADE * kept[s] + part[s] / whole
