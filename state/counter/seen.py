"""Seen lists: the items each user has seen, in blocks, newest first, so that none is recommended again.

    user row | seen_head, seen_n |          block | next | 31 items | t of each, s | mask of each |
                  v
             | 5 items | next -> | 31 items | next -> | 31 items | 0 |

A user's history remembers the last items in full; the list remembers of the others by which kinds of event and
when last.  It is bounded: past the ceiling the oldest block is written anew.  Free blocks are chained from block 0,
which holds nothing else, and are taken before new ones.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit

from state.counter.history import remembered
from state.record.layout import (
    BLOCK,
    KEPT_OUT,
    KINDS,
    REPEATABLE,
    START,
    Row,
    Rows,
)
from state.record.world import Marks, State, World
from state.storage.table import Table, mark


# Not cached: numba 0.68 fails to compile a new caller of a generator that comes from a cache.
@njit(nogil=True)
def blocks_of(seen: Rows, head: int, n: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield the numbers of a list's blocks, newest first, each with how many items are in it.

    Args:
        head: The list's newest block, 0 for none.
        n: Items on the list; a reader may see one that does not fit `head`, so either ends the list.
        most: Items that are enough; the block that reaches them is the last.
    """
    while head != 0 and n > 0 and most > 0:
        inside = n - ((n - 1) // BLOCK) * BLOCK
        yield head, inside
        n -= inside
        most -= inside
        head = seen[head].next


@njit(nogil=True, cache=True)
def find(seen: Rows, head: int, n: int, item: int) -> int:
    """Return the position of `item` among the `n` items of the list that begins at block `head`, -1 if nowhere.

    A position is the number of the block times BLOCK and the number inside the block.
    """
    for block, inside in blocks_of(seen, head, n, n):
        items = seen[block].item
        for k in range(inside):
            if items[k] == item:
                return block * BLOCK + k
    return -1


@njit(nogil=True, cache=True)
def write_back(state: State, marks: Marks, user: Row, j: int) -> None:
    """Write to the list what the history knows of the item at slot `j`, which is about to leave it."""
    item, t, mask, _, _, _, _ = remembered(state.history, user, j)
    position = find(state.seen, user.seen_head, user.seen_n, item)
    if position >= 0:
        block = state.seen[position // BLOCK]
        block.mask[position % BLOCK] |= mask
        block.t[position % BLOCK] = max(block.t[position % BLOCK], np.uint32(max(0, t) // 1000))
        mark(marks.seen, position // BLOCK)


@njit(nogil=True, cache=True)
def verdict(ttl: np.ndarray, mask: int, age: int) -> int:
    """Return KEPT_OUT when one of the kinds of event on an item keeps it out for longer than `age` ms."""
    for kind in range(KINDS):
        if mask & (1 << kind) and ttl[kind] > age:
            return KEPT_OUT
    return REPEATABLE


@njit(nogil=True, cache=True)
def add(state: State, marks: Marks, row: int, item: int, kind: int, t: int) -> None:
    """Put `item`, which is not on it, on the list of user `row`, after an event of `kind` at `t`."""
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
            return  # the table is full: the user's history still hides the newest items
        state.seen[block].next = user.seen_head
        user.seen_head = block
    block = state.seen[user.seen_head]
    block.item[used], block.mask[used], block.t[used] = item, 1 << kind, max(0, t) // 1000
    user.seen_n += 1
    mark(marks.seen, user.seen_head)


@njit(nogil=True, cache=True)
def blocks(state: State, rows: np.ndarray, out: np.ndarray) -> int:
    """Write the numbers of all seen blocks of user rows, newest first, user by user; return how many."""
    n = 0
    for u in rows:
        user = state.users[u]
        for block, _ in blocks_of(state.seen, user.seen_head, user.seen_n, user.seen_n):
            if n < out.shape[0]:
                out[n] = block
                n += 1
    return n


def listed(state: State, row: int) -> int:
    """Return how many items are on the list of user `row`; those that were evicted are none."""
    left = int(state.users["seen_n"][row])
    room = np.zeros(-(-left // BLOCK), np.int64)
    found = room[: blocks(state, np.array([row]), room)]
    inside = np.full(found.shape[0], BLOCK)
    inside[:1] = left - ((left - 1) // BLOCK) * BLOCK
    items = state.seen["item"][found]
    return int(((items != START) & (np.arange(BLOCK) < inside[:, None])).sum())


def release(world: World, rows: np.ndarray) -> np.ndarray:
    """Erase the lists of user rows, int64 [n], and free their blocks; return their numbers, int64 [m].

    The users' own rows are not written.
    """
    state, table = world.state, world.seen
    room = np.zeros(int((-(-state.users["seen_n"][rows].astype(np.int64) // BLOCK)).sum()), np.int64)
    found = room[: blocks(state, rows, room)]
    free(table, found)
    return found


def free(table: Table, found: np.ndarray) -> None:
    """Erase blocks, int64 [n], and put them in front of the list of free ones that begins at block 0."""
    if found.shape[0]:
        table.bytes[found] = 0
        table.array["next"][found[:-1]] = found[1:]
        table.array["next"][found[-1]] = table.array["next"][0]
        table.array["next"][0] = found[0]
        table.touch(np.append(found, 0))
