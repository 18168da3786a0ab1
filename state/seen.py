"""Which items a user has had: a list of blocks, newest first, so that no seen item is shown again.

The user's row remembers its last few items in full; this list remembers of the rest which kinds of event they had
and when last.  It is bounded: past the ceiling the oldest block is written anew.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.record import BLOCK, HAD, KEPT_OUT, KINDS, Marks, Row, Rows, State
from state.table import mark


@njit(nogil=True, cache=True)
def find(seen: Rows, head: int, n: int, item: int) -> int:
    """Return the place of `item` among the `n` items of the list that begins at block `head`, -1 if nowhere.

    A place is the number of the block times BLOCK and the number inside the block.
    """
    inside = n - ((n - 1) // BLOCK) * BLOCK  # items in the newest block
    while head != 0 and n > 0:
        block = seen[head]
        items = block.item
        for k in range(inside):
            if items[k] == item:
                return head * BLOCK + k
        n -= inside
        inside = BLOCK
        head = block.next
    return -1


@njit(nogil=True, cache=True)
def leave(state: State, marks: Marks, user: Row, j: int) -> None:
    """Tell the list what the user's row knows of the item at slot `j`, which is about to leave the row."""
    place = find(state.seen, user.seen_head, user.seen_n, user.item[j])
    if place >= 0:
        block = state.seen[place // BLOCK]
        block.mask[place % BLOCK] |= user.mask[j]
        block.t[place % BLOCK] = max(block.t[place % BLOCK], np.uint32(max(0, user.t[j]) // 1000))
        mark(marks.seen, place // BLOCK)


@njit(nogil=True, cache=True)
def verdict(ttl: np.ndarray, mask: int, age: int) -> int:
    """Return KEPT_OUT when a kind of event an item was had by keeps it out for longer than `age` ms, else HAD."""
    for kind in range(KINDS):
        if mask & (1 << kind) and ttl[kind] > age:
            return KEPT_OUT
    return HAD


@njit(nogil=True, cache=True)
def add(state: State, marks: Marks, row: int, item: int, kind: int, t: int) -> None:
    """Put `item`, which is not in it and was had by an event of `kind` at `t`, on the list of user `row`."""
    user = state.users[row]
    used = user.seen_n % BLOCK
    if used == 0:
        world = state.world[0]
        room = world.blocks + 1 < state.seen.shape[0]
        if user.seen_n >= 2 * BLOCK and (user.seen_n >= state.rates[0].seen_max or not room):
            last, before = user.seen_head, 0
            while state.seen[last].next != 0:
                before, last = last, state.seen[last].next
            state.seen[before].next = 0
            mark(marks.seen, before)
            user.seen_n -= BLOCK
            block = last
        elif room:
            world.blocks += 1
            block = world.blocks
        else:
            return  # the table is full: the row's own history still hides the newest items
        state.seen[block].next = user.seen_head
        user.seen_head = block
    block = state.seen[user.seen_head]
    block.item[used], block.mask[used], block.t[used] = item, 1 << kind, max(0, t) // 1000
    user.seen_n += 1
    mark(marks.seen, user.seen_head)
