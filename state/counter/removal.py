"""Removal of items from histories, and of whole histories: what is left closes up, and blocks left empty are free."""

from __future__ import annotations

import numpy as np
from numba import njit

from state.counter.history import BLOCKS
from state.counter.seen import free
from state.record.layout import INLINE, Row
from state.record.profile import OPENED, clear, profile
from state.record.world import Marks, State, World
from state.storage.table import mark


@njit(nogil=True, cache=True)
def _fill(rows: Row, user: Row, begin: int) -> None:
    """Copy items of a profile, from position `begin` on, to a user's row or a block."""
    for k in range(INLINE):
        j = begin + k
        rows.item[k], rows.index[k], rows.at[k], rows.t[k] = (
            user.item[j],
            user.index[j],
            user.at[j],
            user.t[j],
        )
        rows.count[k], rows.visits[k] = user.count[j], user.visits[j]
        rows.mask[k], rows.kind[k] = user.mask[j], user.kind[j]
        rows.dec[k, 0], rows.dec[k, 1] = user.dec[j, 0], user.dec[j, 1]


@njit(nogil=True, cache=True)
def _shorten(state: State, marks: Marks, u: int, since: int) -> None:
    """Write the history of the opened profile, of user row `u`, to its row and blocks; those it leaves empty are free.

    The row itself is not marked.

    Args:
        since: The first position that changed.
    """
    row, user, history = state.users[u], state.profile[OPENED], state.history
    row.slots, row.run = user.slots, user.run
    _fill(row, user, 0)
    block, n, last = row.overflow, INLINE, 0
    while block != 0 and n < user.slots:
        if since < n + INLINE:
            _fill(history[block], user, n)
            mark(marks.history, block)
        last, block, n = block, history[block].next, n + INLINE
    if last == 0:
        row.overflow = 0
    elif block != 0:
        history[last].next = 0
        mark(marks.history, last)
    while block != 0:
        over, behind = history[block], history[block].next
        over.owner = 0
        clear(over, 0, INLINE)
        over.next, history[0].next = history[0].next, block
        mark(marks.history, block)
        mark(marks.history, 0)
        block = behind


@njit(nogil=True, cache=True)
def _close_up(user: Row, evicted: np.ndarray, gone: int) -> int:
    """Remove items from the history of a profile: item `gone`, and evicted ones; the others close up, in order.

    Returns:
        The first position that changed.
    """
    item, index, at, times = user.item, user.index, user.at, user.t
    counts, visits, dec, masks, kinds = user.count, user.visits, user.dec, user.mask, user.kind
    left, since = 0, user.slots
    for j in range(user.slots):
        if item[j] == gone or (evicted.shape[0] > 0 and evicted[item[j]]):
            since = min(since, j)
            if j == 0:
                user.run = 0  # nothing is known of how long the user has been on the next one
            continue
        item[left], index[left], at[left], times[left] = item[j], index[j], at[j], times[j]
        counts[left], visits[left] = counts[j], visits[j]
        dec[left, 0], dec[left, 1] = dec[j, 0], dec[j, 1]
        masks[left], kinds[left] = masks[j], kinds[j]
        left += 1
    clear(user, left, user.slots)
    user.slots = left
    return since


@njit(nogil=True, cache=True)
def remove(state: State, marks: Marks, u: int, item: int) -> None:
    """Remove `item` from the history of user row `u`; the others close up, in order."""
    _shorten(state, marks, u, _close_up(profile(state, u), np.zeros(0, np.uint8), item))


@njit(nogil=True, cache=True)
def drop(state: State, marks: Marks, u: int, evicted: np.ndarray) -> bool:
    """Remove evicted items from the history of user row `u`; return whether one was there.

    Shapes:
        - evicted: uint8 [items]
    """
    user, found = state.users[u], False
    items, n, block = user.item, min(user.slots, INLINE), user.overflow
    for k in range(n):
        found |= evicted[items[k]] != 0
    while block != 0:
        items = state.history[block].item
        for k in range(min(user.slots - n, INLINE)):
            found |= evicted[items[k]] != 0
        n, block = n + INLINE, state.history[block].next
    if found:
        _shorten(state, marks, u, _close_up(profile(state, u), evicted, -1))
    return found


@njit(nogil=True, cache=True)
def blocks(state: State, rows: np.ndarray, out: np.ndarray) -> int:
    """Write the numbers of the overflow blocks of user rows, user by user; return how many."""
    n = 0
    for u in rows:
        block = state.users[u].overflow
        while block != 0:
            out[n] = block
            n += 1
            block = state.history[block].next
    return n


def release(world: World, rows: np.ndarray) -> np.ndarray:
    """Erase the overflow blocks of user rows, int64 [n], and free them; return their numbers, int64 [m].

    The users' own rows are not written.
    """
    table = world.history
    room = np.zeros(rows.shape[0] * BLOCKS, np.int64)
    found = room[: blocks(world.state, rows, room)]
    free(table, found)
    return found
