"""Item-to-item similarity: now, on the co-watch graph; over the whole life of the stream, by the users of both items.

Edges decay, are aged and give way to stronger ones, so they show what goes together lately.  The seen lists forget
nothing (up to their ceiling), so for the whole life users are counted: those who have taken both items.
Up to `COUNTED` users every one is looked at, and counts are exact (as far as lists reach); of more users, evenly drawn
ones are, and the last users of the item besides, so that a rare item has some, too.  Where the lists of those who took
it are too long for one request, every second of them is taken, every third, …
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.counter.seen import blocks_of
from state.graph.walk import push, top, visits
from state.record.layout import KEPT_OUT, RECENT, START
from state.record.world import PUSHED, WALKED, Scratch, State
from state.retrieval.candidate import close

COUNTED = 8_192  # users looked at for one request
LATEST = 256  # items of a user's list, the newest
POSITIONS = 32_768  # list entries counted for one request
DOUBT = 3.0  # users in common that are believed by half a half: n of them count n / (n + 3)


@njit(nogil=True, cache=True)
def _asked(state: State, row: int, most: int) -> np.ndarray:
    """Return the rows of the users to look at, each once, int32 [n]."""
    users, last = int(state.world[0].users), state.items[row].user
    stride = max(1, (users + most - 1) // most)
    out, n = np.empty(users // stride + 1 + RECENT, np.int32), 0
    for u in range(0, users, stride):
        out[n] = u
        n += 1
    for r in range(RECENT):
        twice = last[r] < 0 or last[r] % stride == 0
        for before in range(r):
            twice |= last[before] == last[r]
        if not twice:
            out[n] = last[r]
            n += 1
    return out[:n]


@njit(nogil=True, cache=True)
def _owners(state: State, users: np.ndarray, row: int, most: int) -> np.ndarray:
    """Return those of some users who have taken an item, evenly drawn where their lists are longer than `most` in all."""
    heads, counts, listed = state.users["seen_head"], state.users["seen_n"], state.seen["item"]
    n, work = 0, 0
    for u in users:
        has = False
        for block, inside in blocks_of(state.seen, heads[u], counts[u], LATEST):
            for k in range(inside):
                has |= listed[block, k] == row
            if has:
                break
        if has:
            users[n] = u
            n += 1
            work += min(counts[u], LATEST)
    return users[: n : max(1, (work + most - 1) // most)]


@njit(nogil=True, cache=True)
def _count_items(state: State, scratch: Scratch, owners: np.ndarray, row: int, most: int) -> None:
    """Count for each other item, in the first column of the scratch, how many of some users have taken it."""
    heads, counts, listed = state.users["seen_head"], state.users["seen_n"], state.seen["item"]
    acc, found, touched, many = scratch.acc, scratch.found, scratch.touched, 0
    for u in owners:
        for block, inside in blocks_of(state.seen, heads[u], counts[u], LATEST):
            for k in range(inside):
                item = listed[block, k]
                if item == row or item <= START or (found[item] == 0 and many == most):
                    continue
                if found[item] == 0:
                    touched[many], acc[many, PUSHED] = item, 0
                    many += 1
                    found[item] = many
                acc[found[item] - 1, PUSHED] += np.float32(1)
    scratch.touched_n[0] = many


@njit(nogil=True, cache=True)
def similar_by_users(
    state: State, scratch: Scratch, row: int, counted: int, out: np.ndarray, weight: np.ndarray
) -> int:
    """Write the items most similar to item `row` by the users of both, best first, and how similar; return how many.

    Barred items are left out.  Similarity is the cosine of the two items' users, from 0 to 1, less doubt where few
    users took both.

    Args:
        counted: Users looked at, at most, beside the last ones of the item.

    Shapes:
        - out: int32 [k]; weight: float32 [k]
    """
    items, most = state.items, min(scratch.touched.shape[0], POSITIONS)
    owners = _owners(state, _asked(state, row, counted), row, most)
    _count_items(state, scratch, owners, row, most)
    acc, touched = scratch.acc, scratch.touched
    size = max(1, owners.shape[0])
    mine = max(size, items[row].users)
    for c in range(scratch.touched_n[0]):
        both = acc[c, PUSHED]
        theirs = max(items[touched[c]].users, np.int64(1))
        cosine = min(1.0, both / size * np.sqrt(mine / theirs))
        acc[c, PUSHED] = np.float32(cosine * both / (both + DOUBT))
    n = top(scratch, PUSHED, out, weight, out.shape[0], False)
    close(scratch, out, 0)
    return n


@njit(nogil=True, cache=True)
def similar(state: State, scratch: Scratch, row: int, out: np.ndarray, weight: np.ndarray) -> int:
    """Write the items nearest to item `row` on the co-watch graph, best first, and how near; return how many."""
    scratch.pick[0] = row
    scratch.weight[0] = 1.0
    push(state, scratch, 1)
    visits(state, scratch, 1, state.rates[0].steps, row)
    for c in range(scratch.touched_n[0]):
        scratch.acc[c, PUSHED] += np.float32(0.2) * scratch.acc[c, WALKED]
    scratch.seen[row] = KEPT_OUT
    n = top(scratch, PUSHED, out, weight, out.shape[0], True)
    scratch.seen[row] = 0
    close(scratch, out, 0)
    return n
