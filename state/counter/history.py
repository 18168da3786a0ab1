"""A user's last distinct items, newest first: eight in the user's row, the others in its overflow blocks.

An item that is taken moves to the front, and those before it make room, from the row to the first block, and from block
to block.  A user has as many blocks as the history needs, each with its owner.  Free blocks are chained from block 0,
which holds nothing else, and are taken before new ones; there are as many as all users may need.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.record.decay import decay
from state.record.layout import HISTORY, INLINE, Row, Rows
from state.record.prefetch import fetch
from state.record.world import State
from state.storage.table import Mark, mark

BLOCKS = HISTORY // INLINE - 1  # overflow blocks of a user at most

# Kernels that every event calls take the table alone, not the whole state: all arrays of an argument are counted at a call.


@njit(nogil=True, cache=True)
def slot(history: Rows, user: Row, u: int, item: int) -> int:
    """Return the slot of `item` in the history of a user, of row `u`, -1 if it has none."""
    items, slots = user.item, user.slots
    for j in range(min(slots, INLINE)):
        if items[j] == item:
            return j
    n, block = INLINE, user.overflow
    while n < slots and block != 0 and history[block].owner == u + 1:
        items = history[block].item
        for k in range(min(slots - n, INLINE)):
            if items[k] == item:
                return n + k
        n += INLINE
        block = history[block].next
    return -1


@njit(nogil=True, cache=True)
def prefetch_history(history: Rows, user: Row, depth: int) -> None:
    """Prefetch a user's overflow block number `depth`, from 0, if there is one; those before it are in the cache by now."""
    if user.slots > (depth + 1) * INLINE:
        block = user.overflow
        for _ in range(depth):
            block = history[block].next
        fetch(history, block)


@njit(nogil=True, cache=True)
def _block(history: Rows, user: Row, depth: int) -> int:
    """Return the user's overflow block number `depth`, from 0."""
    block = user.overflow
    for _ in range(depth):
        block = history[block].next
    return block


@njit(nogil=True, cache=True)
def _of(rows: Row, k: int) -> tuple[int, int, int, float, float, float, float]:
    """Return (item, time, kinds, count, visits, both decayed counts) of place `k` in a user's row or a block."""
    return (
        rows.item[k],
        rows.t[k],
        rows.mask[k],
        rows.count[k],
        rows.visits[k],
        rows.dec[k, 0],
        rows.dec[k, 1],
    )


@njit(nogil=True, cache=True)
def remembered(history: Rows, user: Row, j: int) -> tuple[int, int, int, float, float, float, float]:
    """Return (item, time of the last event, kinds of events, count, visits, both decayed counts) of a user's slot `j`."""
    if j < INLINE:
        return _of(user, j)
    return _of(history[_block(history, user, j // INLINE - 1)], j % INLINE)


@njit(nogil=True, cache=True)
def _shift(rows: Row, last: int) -> None:
    """Move what is at places 0 to `last` - 1 of a user's row or a block one place back."""
    item, index, at, times = rows.item, rows.index, rows.at, rows.t
    counts, visits, dec, masks, kinds = rows.count, rows.visits, rows.dec, rows.mask, rows.kind
    for k in range(last, 0, -1):
        item[k], index[k], at[k], times[k] = item[k - 1], index[k - 1], at[k - 1], times[k - 1]
        counts[k], visits[k] = counts[k - 1], visits[k - 1]
        masks[k], kinds[k] = masks[k - 1], kinds[k - 1]
        dec[k, 0], dec[k, 1] = dec[k - 1, 0], dec[k - 1, 1]


@njit(nogil=True, cache=True)
def _carry(rows: Row, out: Row) -> None:
    """Copy what is at the last place of a user's row or a block to the first one of the block behind it."""
    k = INLINE - 1
    out.item[0], out.index[0], out.at[0], out.t[0] = rows.item[k], rows.index[k], rows.at[k], rows.t[k]
    out.count[0], out.visits[0] = rows.count[k], rows.visits[k]
    out.mask[0], out.kind[0] = rows.mask[k], rows.kind[k]
    out.dec[0, 0], out.dec[0, 1] = rows.dec[k, 0], rows.dec[k, 1]


@njit(nogil=True, cache=True)
def _make_way(history: Rows, marks: Mark, user: Row, j: int) -> None:
    """Move the slots before `j` one place back."""
    for depth in range(j // INLINE - 1, -1, -1):
        block = _block(history, user, depth)
        over = history[block]
        _shift(over, min(j - (depth + 1) * INLINE, INLINE - 1))
        if depth > 0:
            _carry(history[_block(history, user, depth - 1)], over)
        else:
            _carry(user, over)
        mark(marks, block)
    _shift(user, min(j, INLINE - 1))


@njit(nogil=True, cache=True)
def _extend(world: Row, history: Rows, marks: Mark, user: Row, u: int) -> None:
    """Give a user, of row `u`, one more overflow block, behind the others."""
    block = history[0].next
    if block != 0:
        history[0].next = history[block].next
        mark(marks, 0)
    else:
        world.overflows += 1
        block = world.overflows
    history[block].next = 0
    history[block].owner = u + 1
    mark(marks, block)
    depth = user.slots // INLINE - 1
    if depth == 0:
        user.overflow = block
    else:
        last = _block(history, user, depth - 1)
        history[last].next = block
        mark(marks, last)


@njit(nogil=True, cache=True)
def remember(state: State, marks: Mark, u: int, j: int, row: int, t: int, mask: int, kind: int) -> None:
    """Move item `row` (at slot `j`, -1 if new) to the front of the history of user row `u`.

    Args:
        marks: Of the overflow blocks.
        mask: Kinds of the user's earlier events on it that the history does not know.
    """
    user, rates, history = state.users[u], state.rates[0], state.history
    unit = state.world[0].pace
    count, visits = np.float32(0.0), np.float32(0.0)
    d0, d1 = np.float32(0.0), np.float32(0.0)
    slots = user.slots
    if j < 0:
        j = min(slots, HISTORY - 1)
        if slots < HISTORY:
            if slots >= INLINE and slots % INLINE == 0:
                _extend(state.world[0], history, marks, user, u)
            slots += 1
    else:
        _, last, kinds, count, visits, short, long = remembered(history, user, j)  # type: ignore[assignment]
        mask |= kinds
        d0 = np.float32(short * decay(t - last, rates.user[0] * unit))
        d1 = np.float32(long * decay(t - last, rates.user[1] * unit))
    newest = t
    if j > 0:
        _make_way(history, marks, user, j)
        visits += np.float32(1.0)
        user.run = 0
    elif count > 0:
        newest = max(t, user.t[0])
    else:
        visits = np.float32(1.0)
    user.run += 1
    user.item[0], user.index[0], user.at[0] = row, np.int32(user.n), np.int32(state.items[row].n)
    user.count[0], user.visits[0], user.t[0] = count + np.float32(1.0), visits, newest
    user.mask[0], user.kind[0] = mask | (1 << kind), kind
    user.dec[0, 0], user.dec[0, 1] = d0 + np.float32(1.0), d1 + np.float32(1.0)
    user.slots = slots
