"""Candidate retrieval: the hundred or so items worth ranking for a user now.

The user's own items where repeats make sense, items pushed and walked from the last items, direct transitions, what
the last users of the same items took, rising, popular and newcomers' items, and the newest ones.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.counter.mixture import weigh
from state.counter.seen import blocks_of, verdict
from state.graph.walk import (
    neighbours,
    push,
    push_all,
    seeds,
    visits,
)
from state.record.layout import (
    HISTORY,
    KEPT_OUT,
    NEW_ITEMS,
    START,
    Row,
)
from state.record.profile import profile
from state.record.selection import threshold
from state.record.world import WORTH, Scratch, State

CANDIDATES = 192  # at most, for one request

NEWEST = 4  # of them, that are the newest items there are


@njit(nogil=True, cache=True)
def _flag(
    scratch: Scratch, items: np.ndarray, masks: np.ndarray, times: np.ndarray, unit: int, m: int, t: int
) -> None:
    """Flag `m` items that were seen, last at `times` times `unit` ms."""
    seen, flagged, n, ttl = scratch.seen, scratch.flagged, scratch.flagged_n[0], scratch.ttl
    for k in range(m):
        item = items[k]
        if seen[item] == 0 and n < flagged.shape[0]:
            seen[item] = verdict(ttl, masks[k], t - int(times[k]) * unit)
            flagged[n] = item
            n += 1
    scratch.flagged_n[0] = n


@njit(nogil=True, cache=True)
def open_user(state: State, scratch: Scratch, user: Row, t: int) -> None:
    """Flag every item the user has seen: REPEATABLE, or KEPT_OUT where the scratch's rules say so at `t`."""
    _flag(scratch, user.item, user.mask, user.t, 1, user.slots, t)
    for head, n in blocks_of(state.seen, user.seen_head, user.seen_n, user.seen_n):
        block = state.seen[head]
        _flag(scratch, block.item, block.mask, block.t, 1000, n, t)


@njit(nogil=True, cache=True)
def close(scratch: Scratch, out: np.ndarray, n: int) -> None:
    """Reset the scratch to zeros, by its own lists: a user's row may have changed under a reader in the meantime."""
    where, found, seen = scratch.where, scratch.found, scratch.seen
    touched, flagged = scratch.touched, scratch.flagged
    for k in range(n):
        where[out[k]] = 0
    for k in range(scratch.touched_n[0]):
        found[touched[k]] = 0
    for k in range(scratch.flagged_n[0]):
        seen[flagged[k]] = 0
    scratch.touched_n[0] = 0
    scratch.flagged_n[0] = 0


@njit(nogil=True, cache=True)
def put(scratch: Scratch, out: np.ndarray, n: int, item: int, own: bool) -> int:
    """Append `item` unless it is there, is the start node, is barred, or is kept out as seen."""
    if n >= out.shape[0] or item == START or scratch.where[item] != 0 or scratch.barred[item]:
        return n
    if not own and scratch.seen[item] >= KEPT_OUT:
        return n
    out[n] = item
    scratch.where[item] = n + 1
    return n + 1


@njit(nogil=True, cache=True)
def _put_all(
    scratch: Scratch, out: np.ndarray, n: int, items: np.ndarray, m: int, limit: int, own: bool
) -> int:
    where, seen, barred = scratch.where, scratch.seen, scratch.barred
    stop = min(n + limit, out.shape[0])
    for k in range(m):
        item = items[k]
        if n >= stop:
            break
        if item != START and where[item] == 0 and not barred[item] and (own or seen[item] < KEPT_OUT):
            out[n] = item
            n += 1
            where[item] = n
    return n


@njit(nogil=True, cache=True)
def reach(state: State, scratch: Scratch, u: int, t: int) -> Row:
    """Flag what the user has seen, and walk from their last items; sums are left in the scratch.  Return the profile."""
    user = profile(state, u)
    open_user(state, scratch, user, t)
    m = seeds(state, user, scratch.pick, scratch.weight)
    push(state, scratch, m)
    visits(state, scratch, m, state.rates[0].steps, u + 2)
    push_all(state, scratch, user)
    neighbours(state, scratch, u, user)
    return user


@njit(nogil=True, cache=True)
def _best(scratch: Scratch, out: np.ndarray, n: int, own: bool) -> int:
    """Append the items of largest worth, as far as there is room, in no order; return how many are in `out`.

    One pass: a cut costs a call for each touched item.
    """
    room = out.shape[0] - n
    if room <= 0:
        return n
    where, seen, barred = scratch.where, scratch.seen, scratch.barred
    acc, touched = scratch.acc, scratch.touched
    free, worth, m = np.empty(scratch.touched_n[0], np.int32), np.empty(scratch.touched_n[0], np.float32), 0
    for k in range(scratch.touched_n[0]):
        item, value = touched[k], acc[k, WORTH]
        if (
            value > 0
            and item != START
            and where[item] == 0
            and not barred[item]
            and (own or seen[item] < KEPT_OUT)
        ):
            free[m], worth[m] = item, value
            m += 1
    low, equal = 0.0, 0
    if m > room:
        low, equal = threshold(worth[:m], room)
    for k in range(m):
        if worth[k] > low or (worth[k] == low and equal > 0):
            equal -= worth[k] == low
            out[n] = free[k]
            n += 1
            where[free[k]] = n
    return n


@njit(nogil=True, cache=True)
def gather(state: State, scratch: Scratch, u: int, t: int, own: bool, out: np.ndarray) -> int:
    """Write candidates for user row `u` (-1: the guest) into `out`; return how many.

    The user's own items, newest first, where they may come again; a few of the newest items there are; and of all
    that was found, those of largest worth (`mixture`).  The scratch keeps what the walks found, for `feature.describe`;
    `close` empties it.
    """
    world = state.world[0]
    user = reach(state, scratch, u, t)
    weigh(state, scratch, user, t)
    n = _put_all(scratch, out, 0, user.item, user.slots, HISTORY, own)
    newest, stop = world.new, min(out.shape[0], n + max(1, NEWEST * out.shape[0] // CANDIDATES))
    for k in range(min(world.news, NEW_ITEMS)):
        if n >= stop:
            break
        n = put(scratch, out, n, newest[(world.news - 1 - k) % NEW_ITEMS], own)
    return _best(scratch, out, n, own)
