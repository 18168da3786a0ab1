"""Which items a user has had: a list of blocks, newest first, so that no seen item is shown again.

The user's row remembers its last few items in full; this list remembers the rest by name only.  It is
bounded: past the ceiling the oldest block is written anew.  Blocks that were let go wait in a chain that begins at
block 0, which holds nothing else, and are taken before new ones.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.record import BLOCK, START, Marks, Rows, State
from state.table import mark
from state.world import World


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
        free = state.seen[0].next
        room = free != 0 or world.blocks + 1 < state.seen.shape[0]
        if user.seen_n >= 2 * BLOCK and (user.seen_n >= state.rates[0].seen_max or not room):
            last, before = user.seen_head, 0
            while state.seen[last].next != 0:
                before, last = last, state.seen[last].next
            state.seen[before].next = 0
            mark(marks.seen, before)
            user.seen_n -= BLOCK
            block = last
        elif free != 0:
            state.seen[0].next = state.seen[free].next
            mark(marks.seen, 0)
            block = free
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


@njit(nogil=True, cache=True)
def blocks(state: State, rows: np.ndarray, out: np.ndarray) -> int:
    """Write the numbers of all seen blocks of user rows, newest first, user by user; return how many."""
    n = 0
    for u in rows:
        user = state.users[u]
        head, left = user.seen_head, user.seen_n
        while head != 0 and left > 0 and n < out.shape[0]:
            out[n] = head
            n += 1
            left -= BLOCK
            head = state.seen[head].next
    return n


def had(state: State, row: int) -> int:
    """Return how many items are on the list of user `row`; those that were let go are none."""
    left = int(state.users["seen_n"][row])
    room = np.zeros(-(-left // BLOCK), np.int64)
    found = room[: blocks(state, np.array([row]), room)]
    inside = np.full(found.shape[0], BLOCK)
    inside[:1] = left - ((left - 1) // BLOCK) * BLOCK
    items = state.seen["item"][found]
    return int(((items != START) & (np.arange(BLOCK) < inside[:, None])).sum())


def release(world: World, rows: np.ndarray) -> np.ndarray:
    """Erase the lists of user rows, int64 [n], and put their blocks to reuse; return their numbers, int64 [m].

    The users' own rows are not written.
    """
    state, table = world.state, world.seen
    room = np.zeros(int((-(-state.users["seen_n"][rows].astype(np.int64) // BLOCK)).sum()), np.int64)
    found = room[: blocks(state, rows, room)]
    if found.shape[0]:
        table.bytes[found] = 0
        table.array["next"][found[:-1]] = found[1:]
        table.array["next"][found[-1]] = table.array["next"][0]
        table.array["next"][0] = found[0]
        table.touch(np.append(found, 0))
    return found
