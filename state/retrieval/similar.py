"""Kin: what belongs together over the whole life of the stream, whatever is the fashion now.

Edges decay, are aged and give way to stronger ones, so they tell what goes together lately.  The seen lists forget
nothing (up to their ceiling), so for the whole life it is users that are counted: those who have had both items.
Up to `COUNTED` users every one is looked at, and counts are exact (as far as lists reach); of more users, evenly drawn
ones are, and the last users of the item besides, so that a rare item, too, has somebody to tell of it.  Where the
lists of those who had it are too long for one question, it goes by every second of them, every third, …
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.graph.walk import push, top, visits
from state.record.layout import BLOCK, KEPT_OUT, RECENT, START
from state.record.world import Scratch, State
from state.retrieval.candidate import close

COUNTED = 8_192  # users looked at for one question
LATEST = 256  # items of a user's list, the newest
PLACES = 32_768  # places of lists counted for one question
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
def kin(state: State, scratch: Scratch, row: int, counted: int, out: np.ndarray, weight: np.ndarray) -> int:
    """Write the items that belong most with item `row`, best first, and how much; return how many.

    Barred items are left out.  How much is the cosine of the two items' users, from 0 to 1, less doubt where few
    users had both.

    Shapes:
        - out: int32 [k]; weight: float32 [k]
    """
    items, asked, most = state.items, _asked(state, row, counted), min(scratch.touched.shape[0], PLACES)
    heads, counts = state.users["seen_head"], state.users["seen_n"]
    following, listed = state.seen["next"], state.seen["item"]
    acc, found, touched, many = scratch.acc, scratch.found, scratch.touched, 0
    n, work = 0, 0
    for u in asked:
        head, left, has = heads[u], min(counts[u], LATEST), False
        inside = counts[u] - ((counts[u] - 1) // BLOCK) * BLOCK
        while head != 0 and left > 0 and not has:
            for k in range(inside):
                has |= listed[head, k] == row
            left -= inside
            inside = BLOCK
            head = following[head]
        if has:
            asked[n] = u
            n += 1
            work += min(counts[u], LATEST)
    owners = asked[: n : max(1, (work + most - 1) // most)]
    for u in owners:
        head, left = heads[u], min(counts[u], LATEST)
        inside = counts[u] - ((counts[u] - 1) // BLOCK) * BLOCK
        while head != 0 and left > 0:
            for k in range(inside):
                item = listed[head, k]
                if item != row and item > START:
                    if found[item] == 0:
                        if many == most:
                            continue
                        touched[many], acc[many, 0] = item, 0
                        many += 1
                        found[item] = many
                    acc[found[item] - 1, 0] += np.float32(1)
            left -= inside
            inside = BLOCK
            head = following[head]
    scratch.touched_n[0] = many
    size = max(1, owners.shape[0])
    mine = max(size, items[row].users)
    for c in range(many):
        both = acc[c, 0]
        theirs = max(items[touched[c]].users, np.int64(1))
        cosine = min(1.0, both / size * np.sqrt(mine / theirs))
        acc[c, 0] = np.float32(cosine * both / (both + DOUBT))
    n = top(scratch, 0, out, weight, out.shape[0], False)
    close(scratch, out, 0)
    return n


@njit(nogil=True, cache=True)
def similar(state: State, scratch: Scratch, row: int, out: np.ndarray, weight: np.ndarray) -> int:
    """Write the items nearest to item `row` on the co-watch graph, best first; return how many."""
    scratch.pick[0] = row
    scratch.weight[0] = 1.0
    push(state, scratch, 1)
    visits(state, scratch, 1, state.rates[0].steps, row, True)
    for c in range(scratch.touched_n[0]):
        scratch.acc[c, 0] += np.float32(0.2) * scratch.acc[c, 1]
    scratch.had[row] = KEPT_OUT
    n = top(scratch, 0, out, weight, out.shape[0], True)
    scratch.had[row] = 0
    close(scratch, out, 0)
    return n
