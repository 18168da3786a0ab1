"""Which items a user has had: a list of blocks, newest first, so that no seen item is shown again.

The user's row remembers its last few items in full; this list remembers the rest by name only.  It is
bounded: past the ceiling the oldest block is written anew.
"""

from __future__ import annotations

from numba import njit

from state.record import BLOCK, Marks, Rows, State
from state.table import mark


@njit(nogil=True, cache=True)
def has(seen: Rows, head: int, n: int, item: int) -> bool:
    """Tell whether `item` is among the `n` items of the list that begins at block `head`."""
    inside = n - ((n - 1) // BLOCK) * BLOCK  # items in the newest block
    while head != 0 and n > 0:
        block = seen[head]
        items = block.item
        for k in range(inside):
            if items[k] == item:
                return True
        n -= inside
        inside = BLOCK
        head = block.next
    return False


@njit(nogil=True, cache=True)
def add(state: State, marks: Marks, row: int, item: int) -> None:
    """Put `item`, which is not in it, on the list of user `row`."""
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
    state.seen[user.seen_head].item[used] = item
    user.seen_n += 1
    mark(marks.seen, user.seen_head)
