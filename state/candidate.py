"""Candidates: the hundred or so items worth ranking for a user now.

Own history where repeats make sense, items pushed and walked from the last items, direct transitions, what
the last users of the same items did, rising, popular and newcomers' items, and the newest ones.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.board import leaders
from state.record import (
    BLOCK,
    BOARD,
    FIRST,
    HISTORY,
    KEPT_OUT,
    NEWS,
    NEXT,
    POPULAR,
    RISING,
    START,
    Scratch,
    State,
)
from state.seen import verdict
from state.walk import neighbours, push, push_all, seeds, top, visits

CANDIDATES = 192  # at most, for one request

PUSHED, LONG, WALKED, NEAR, FIRSTS, RISE, POP, NEWEST = 24, 24, 8, 8, 12, 16, 40, 4


@njit(nogil=True, cache=True)
def _flag(
    scratch: Scratch, items: np.ndarray, masks: np.ndarray, times: np.ndarray, unit: int, m: int, t: int
) -> None:
    """Flag `m` items that were had, last at `times` times `unit` ms."""
    had, flagged, n, ttl = scratch.had, scratch.flagged, scratch.flagged_n[0], scratch.ttl
    for k in range(m):
        item = items[k]
        if had[item] == 0 and n < flagged.shape[0]:
            had[item] = verdict(ttl, masks[k], t - int(times[k]) * unit)
            flagged[n] = item
            n += 1
    scratch.flagged_n[0] = n


@njit(nogil=True, cache=True)
def open_user(state: State, scratch: Scratch, u: int, t: int) -> None:
    """Flag every item the user has had: HAD, or KEPT_OUT where the scratch's rules keep it out at `t`."""
    user = state.users[u] if u >= 0 else state.guest[0]
    _flag(scratch, user.item, user.mask, user.t, 1, user.slots, t)
    head, n = user.seen_head, user.seen_n
    inside = n - ((n - 1) // BLOCK) * BLOCK
    while head != 0 and n > 0:
        block = state.seen[head]
        _flag(scratch, block.item, block.mask, block.t, 1000, inside, t)
        n -= inside
        inside = BLOCK
        head = block.next


@njit(nogil=True, cache=True)
def close(scratch: Scratch, out: np.ndarray, n: int) -> None:
    """Leave the scratch as it was found: all zero.

    It goes by its own lists: the user's row may have changed under a reader in the meantime.
    """
    where, acc, had = scratch.where, scratch.acc, scratch.had
    touched, flagged = scratch.touched, scratch.flagged
    for k in range(n):
        where[out[k]] = 0
    for k in range(scratch.touched_n[0]):
        sums = acc[touched[k]]
        sums[0] = sums[1] = sums[2] = sums[3] = 0
    for k in range(scratch.flagged_n[0]):
        had[flagged[k]] = 0
    scratch.touched_n[0] = 0
    scratch.flagged_n[0] = 0


@njit(nogil=True, cache=True)
def put(scratch: Scratch, out: np.ndarray, n: int, item: int, own: bool) -> int:
    """Append `item` unless it is there, is the start node, is barred, or is kept out for having been had."""
    if n >= out.shape[0] or item == START or scratch.where[item] != 0 or scratch.barred[item]:
        return n
    if not own and scratch.had[item] >= KEPT_OUT:
        return n
    out[n] = item
    scratch.where[item] = n + 1
    return n + 1


@njit(nogil=True, cache=True)
def _put_all(
    scratch: Scratch, out: np.ndarray, n: int, items: np.ndarray, m: int, limit: int, own: bool
) -> int:
    where, had, barred = scratch.where, scratch.had, scratch.barred
    stop = min(n + limit, out.shape[0])
    for k in range(m):
        item = items[k]
        if n >= stop:
            break
        if item != START and where[item] == 0 and not barred[item] and (own or had[item] < KEPT_OUT):
            out[n] = item
            n += 1
            where[item] = n
    return n


@njit(nogil=True, cache=True)
def reach(state: State, scratch: Scratch, u: int, t: int, own: bool = True) -> None:
    """Flag what the user has had, and walk from their last items; sums are left in the scratch."""
    open_user(state, scratch, u, t)
    m = seeds(state, u, scratch.pick, scratch.weight)
    push(state, scratch, m)
    visits(state, scratch, m, state.rates[0].steps, u + 2, own)
    push_all(state, scratch, u)
    neighbours(state, scratch, u, t)


@njit(nogil=True, cache=True)
def gather(state: State, scratch: Scratch, u: int, t: int, own: bool, out: np.ndarray) -> int:
    """Write candidates for user row `u` (-1: the guest) into `out`; return how many.

    The scratch keeps what the walks found, for `feature.describe`; `close` empties it.
    """
    world = state.world[0]
    reach(state, scratch, u, t, own)
    n = 0
    # In less room the walks, which fill what is left, make way first.
    share = min(1.0, out.shape[0] / CANDIDATES)
    few, many = share * share, np.sqrt(share)
    user = state.users[u] if u >= 0 else state.guest[0]
    n = _put_all(scratch, out, n, user.item, user.slots, HISTORY, own)
    for column, whole in ((0, PUSHED), (3, LONG), (1, WALKED), (2, NEAR)):
        limit = int(few * whole)
        m = top(scratch, column, scratch.pick, scratch.weight, limit, not own)
        n = _put_all(scratch, out, n, scratch.pick, m, limit, own)
    if user.slots > 0:
        edge = state.edges[user.item[0]]
        n = _put_all(scratch, out, n, edge.next, edge.nexts, int(few * NEXT), own)
    for b, whole in ((FIRST, FIRSTS), (RISING, RISE), (POPULAR, POP)):
        limit = int(many * whole)
        m = leaders(state.boards[b], scratch.pick, min(2 * whole, BOARD))
        n = _put_all(scratch, out, n, scratch.pick, m, limit, own)
    news, stop = world.new, min(out.shape[0], n + NEWEST)
    for k in range(min(world.news, NEWS)):
        if n >= stop:
            break
        n = put(scratch, out, n, news[(world.news - 1 - k) % NEWS], own)
    # Room is left for users with a short history, and where their own items may not come again.
    for column, part in ((0, 2), (3, 1)):
        room = min((out.shape[0] - n + part - 1) // part, scratch.pick.shape[0])
        m = top(scratch, column, scratch.pick, scratch.weight, room, not own)
        n = _put_all(scratch, out, n, scratch.pick, m, room, own)
    return n
