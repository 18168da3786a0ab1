"""Attribution: why an item is in a user's answer, where candidates find it, and the parts of its score."""

from __future__ import annotations

import numpy as np
from numba import njit

from state.counter.history import slot
from state.graph.edge import edge_share
from state.graph.walk import seeds
from state.ranking import column
from state.ranking.feature import Evidence, blend_parts, habits
from state.ranking.popularity import NEWCOMERS, POP
from state.record.decay import decay, halved
from state.record.layout import FIRST, KEPT_OUT, NEW_ITEMS, POPULAR, RECENT, RISING, SLOTS, START, Row
from state.record.prefetch import fetch, fetch_head
from state.record.profile import position, profile
from state.record.world import PEERS, PUSHED, PUSHED_ALL, WALKED, Scratch, State
from state.retrieval.candidate import close, reach

AGAIN, TOGETHER, NEWCOMER, RISE, POPULARITY, NEW, NEXT, ALIKE, NEAR = range(9)  # causes
SOURCES = ("own", "push", "push_all", "walk", "near", "next", "first", "rising", "popular", "newest")
HOPS = 3  # last items from which two steps are followed
AHEAD = 8  # rows of edges prefetched before they are needed
HEAD = 32 + 4 * SLOTS  # bytes of a row, as far as where its edges lead


@njit(nogil=True, cache=True)
def last_kind(state: State, u: int, item: int) -> int:
    """Return the type code of a user's last event on an item, -1 where it is not known; a guest has viewed it."""
    if u < 0:
        return 0
    user = profile(state, u)
    j = position(user, item)
    return user.kind[j] if j >= 0 else -1


@njit(nogil=True, cache=True)
def causes(state: State, scratch: Scratch, u: int, rows: np.ndarray, out: np.ndarray) -> None:
    """Write why items are in an answer to user row `u`: the cause, and the user's item and event behind it.

    The first cause that holds: AGAIN, the user has taken it before; NEXT, it follows directly on the user's last item,
    with a share no smaller than as a neighbour; TOGETHER, it is a neighbour of one of the last items, the one that
    leads to it most; ALIKE, the last users of the last two items took it; NEAR, it is two steps away; NEWCOMER,
    newcomers take it; RISE, it rises; POPULARITY, it is popular; NEW, none of these.  Where no item of the user's led to
    it, that is the item itself, at time 0.

    Each data structure is scanned once for all items; those whose cause is found are no longer marked.

    Shapes:
        - rows: int32 [n], each once
        - out: int64 [n, 4]: cause, item, time in ms, and the kind of the user's last event on that item, -1 for none
    """
    n, where = rows.shape[0], scratch.where
    user = profile(state, u)
    cause, led = np.full(n, -1, np.int8), np.full(n, -1, np.int8)
    for k in range(n):
        where[rows[k]] = k + 1
    _direct(state, user, where, cause, led)
    left = 0
    for k in range(n):
        left += cause[k] < 0
        if cause[k] >= 0:
            where[rows[k]] = 0
    if left > 0:
        left -= _alike(state, u, user, where, cause, led)
    if left > 0:
        _near(state, user, left, where, cause, led)
    item, times, kinds = user.item, user.t, user.kind
    for k in range(n):
        row, j = rows[k], led[k]
        where[row] = 0
        if j >= 0:
            out[k, 0], out[k, 1], out[k, 2], out[k, 3] = cause[k], item[j], times[j], kinds[j]
        else:
            out[k, 0], out[k, 1], out[k, 2], out[k, 3] = _by_board(state, row), row, 0, -1


@njit(nogil=True, cache=True)
def _by_board(state: State, row: int) -> int:
    """Return the cause of an item that nothing of the user's led to."""
    flags = state.items[row].board
    if flags & (1 << FIRST):
        return NEWCOMER
    if flags & (1 << RISING):
        return RISE
    return POPULARITY if flags & (1 << POPULAR) else NEW


@njit(nogil=True, cache=True)
def _direct(state: State, user: Row, where: np.ndarray, cause: np.ndarray, led: np.ndarray) -> None:
    """Find the user's own items, those that follow the last one, and neighbours of the last ones.

    One pass: a cut costs a second walk over the edges.
    """
    edges, item, slots = state.edges, user.item, user.slots
    weight, first, share = np.zeros(cause.shape[0]), np.zeros(cause.shape[0]), 1.0
    for j in range(min(slots, state.rates[0].seeds)):
        fetch(edges, item[j])
    for j in range(min(slots, state.rates[0].seeds)):
        edge = edges[item[j]]
        dst, w, total = edge.dst, edge.w, edge.total
        for s in range(edge.slots if total > 0 else 0):
            k = where[dst[s]] - 1
            if k >= 0:
                if j == 0:
                    first[k] = w[s] / total
                if share * w[s] / total > weight[k]:
                    cause[k], led[k], weight[k] = TOGETHER, j, share * w[s] / total
        share *= state.rates[0].seed_decay
    if slots > 0:
        edge = edges[item[0]]
        following, w, total = edge.next, edge.next_w, edge.next_total
        for s in range(edge.nexts if total > 0 else 0):
            k = where[following[s]] - 1
            if k >= 0 and led[k] <= 0 and w[s] / total >= first[k]:
                cause[k], led[k] = NEXT, 0
    for j in range(slots):
        k = where[item[j]] - 1
        if k >= 0:
            cause[k], led[k] = AGAIN, j


@njit(nogil=True, cache=True)
def _alike(state: State, u: int, user: Row, where: np.ndarray, cause: np.ndarray, led: np.ndarray) -> int:
    """Find the marked items that the last users of the user's last two items took; return how many."""
    item, found = user.item, 0
    for j in range(min(user.slots, 2)):
        source = state.items[item[j]]
        last = source.user
        for r in range(min(source.n, RECENT)):
            other = last[(source.head - 1 - r) % RECENT]
            if other < 0 or other == u or slot(state.history, state.users[other], other, item[j]) < 0:
                continue
            them = state.users[other]
            theirs = them.item
            for s in range(min(them.slots, 4)):
                k = where[theirs[s]] - 1
                if k >= 0 and cause[k] < 0:
                    cause[k], led[k] = ALIKE, j
                    found += 1
    return found


@njit(nogil=True, cache=True)
def _near(state: State, user: Row, left: int, where: np.ndarray, cause: np.ndarray, led: np.ndarray) -> None:
    """Find the marked items two steps away, until none is left; one pass: a cut costs its early end."""
    edges, item = state.edges, user.item
    dsts, ws, slots, totals = edges["dst"], edges["w"], edges["slots"], edges["total"]
    for j in range(min(user.slots, HOPS)):
        edge = edges[item[j]]
        dst, w = edge.dst, edge.w
        for s in range(edge.slots if edge.total > 0 else 0):
            over = dst[s]
            fetch_head(edges, dst[min(s + AHEAD, SLOTS - 1)], HEAD)
            for c in range(slots[over] if w[s] > 0 and totals[over] > 0 else 0):
                k = where[dsts[over, c]] - 1
                if k >= 0 and cause[k] < 0 and ws[over, c] > 0:
                    cause[k], led[k] = NEAR, j
                    left -= 1
            if left == 0:
                return


@njit(nogil=True, cache=True)
def _two_steps(state: State, src: int, row: int) -> float:
    """Return the chance to be at `row` after two steps from `src`."""
    edge = state.edges[src]
    if edge.slots == 0 or edge.total <= 0:
        return 0.0
    dst, w, total = edge.dst, edge.w, 0.0
    dsts, ws, slots, totals = state.edges["dst"], state.edges["w"], state.edges["slots"], state.edges["total"]
    for s in range(edge.slots):
        over = dst[s]
        for k in range(slots[over]):
            if dsts[over, k] == row and totals[over] > 0:
                total += w[s] * (ws[over, k] / totals[over])
    return total / edge.total


@njit(nogil=True, cache=True)
def shares(state: State, scratch: Scratch, u: int, row: int, pick: np.ndarray, share: np.ndarray) -> int:
    """Write the items a user's walks start from, and each one's share of the walks' weight on `row`; return how many.

    The weight is what a walk from there gives on average in its first two steps.  Shares add up to 1, or all are 0.

    Shapes:
        - pick: int32 [n], share: float64 [n], room for all seeds (`record.BOARD`)
    """
    n, whole = seeds(state, profile(state, u), scratch.pick, scratch.weight), 0.0
    for k in range(n):
        one = edge_share(state.edges[scratch.pick[k]], row)
        two = (1.0 - state.rates[0].restart) * _two_steps(state, scratch.pick[k], row)
        pick[k], share[k] = scratch.pick[k], scratch.weight[k] * (one + two)
        whole += share[k]
    if whole > 0:
        for k in range(n):
            share[k] /= whole
    return n


@njit(nogil=True, cache=True)
def _board_rank(state: State, b: int, row: int) -> int:
    board = state.boards[b]
    item, scores = board.item, board.score
    for k in range(board.n):
        if item[k] == row:
            return 1 + np.sum(scores[: board.n] > scores[k])
    return 0


@njit(nogil=True, cache=True)
def _walk_rank(scratch: Scratch, column: int, row: int, own: bool) -> int:
    acc, seen, touched, barred = scratch.acc, scratch.seen, scratch.touched, scratch.barred
    at, rank = scratch.found[row] - 1, 1
    if at < 0 or acc[at, column] <= 0:
        return 0
    for k in range(scratch.touched_n[0]):
        other = touched[k]
        allowed = other != START and not barred[other] and (own or seen[other] < KEPT_OUT)
        rank += acc[k, column] > acc[at, column] and allowed
    return rank


@njit(nogil=True, cache=True)
def _next_rank(state: State, user: Row, row: int) -> int:
    edge, rank = state.edges[user.item[0]], 0
    for s in range(edge.nexts if user.slots > 0 else 0):
        if edge.next[s] == row:
            rank = 1
            for other in range(edge.nexts):
                rank += edge.next_w[other] > edge.next_w[s]
    return rank


@njit(nogil=True, cache=True)
def _newest_rank(state: State, row: int) -> int:
    world, rank = state.world[0], 0
    for k in range(min(world.news, NEW_ITEMS)):
        if world.new[(world.news - 1 - k) % NEW_ITEMS] == row:
            rank = k + 1
    return rank


@njit(nogil=True, cache=True)
def source_ranks(
    state: State, scratch: Scratch, u: int, t: int, own: bool, row: int, out: np.ndarray
) -> None:
    """Write the rank of `row` in each of the `SOURCES` of candidates, from 1; 0 where it is in none.

    Args:
        own: Whether items the user has seen count.

    Shapes:
        - out: int32 [SOURCES]
    """
    user = reach(state, scratch, u, t)
    out[0] = position(user, row) + 1
    out[1], out[2] = _walk_rank(scratch, PUSHED, row, own), _walk_rank(scratch, PUSHED_ALL, row, own)
    out[3], out[4] = _walk_rank(scratch, WALKED, row, own), _walk_rank(scratch, PEERS, row, own)
    out[5] = _next_rank(state, user, row)
    out[6], out[7] = _board_rank(state, FIRST, row), _board_rank(state, RISING, row)
    out[8], out[9] = _board_rank(state, POPULAR, row), _newest_rank(state, row)
    close(scratch, out, 0)


@njit(nogil=True, cache=True)
def parts(state: State, u: int, t: int, cand: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    """Write the parts of the blend of described candidates: own, new, popular, walked (see `feature.blend_parts`).

    Shapes:
        - cand: int32 [n]; x: float32 [n, FEATURES or more], from `describe`
        - out: float64 [n, 4]; log(own + new * (popular + walked) + 1e-7) / 4 is the blend's column of x
    """
    world, rates = state.world[0], state.rates[0]
    pace = world.pace if world.pace > 0 else 1.0
    habit = habits(state, profile(state, u))
    short, long = rates.pop[POP] * pace, rates.pop[NEWCOMERS] * pace
    whole = world.tot[POP] * decay(t - world.tot_t, short)
    first = world.ftot[NEWCOMERS - 1] * decay(t - world.tot_t, long)
    for c in range(cand.shape[0]):
        item, f = state.items[cand[c]], x[c]
        age = t - item.last_t
        one = Evidence(
            item.fresh[NEWCOMERS - 1] * halved(age, 1.0 / long) / (first + 1.0),
            item.pop[POP] * halved(age, 1.0 / short) / (whole + 1.0),
            float(f[column.PUSH_SHARE]),
            float(f[column.NEXT_LAST]),
        )
        j = int(np.rint(1.0 / f[column.OWN_RECENCY])) - 1 if f[column.OWN] > 0 else -1
        out[c] = blend_parts(habit, j, f[column.OWN_HAD] > 0, one)
