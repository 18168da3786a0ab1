"""Which new items fit a user best, by shelves: new items that have a word in common."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from state.counter.seen import find
from state.record.profile import position, profile
from state.record.selection import insert
from state.record.world import State

FRONT = 8  # newest items of a shelf that a request considers


class Front(NamedTuple):
    """The newest items on each shelf."""

    item: (
        np.ndarray
    )  # int32 [shelves, FRONT], the newest first, then zeros; -1 in the first: it is out of date
    total: np.ndarray  # int64 [shelves], items a shelf has had


class Exposure(NamedTuple):
    """How often items were taken and shown, and how often makes one new no longer."""

    taken: np.ndarray  # int [items]
    shown: np.ndarray  # int [items]
    most_taken: int
    most_shown: int


class Slots(NamedTuple):
    """How many items an answer has."""

    new: int  # new ones at most
    k: int  # all of them
    cap: int  # of a category at most; category 0 is none


@njit(nogil=True, cache=True)
def _worth(
    front: Front, asked: np.ndarray, keep: float, items: np.ndarray, first: np.ndarray, sums: np.ndarray
) -> int:
    """Write the items on some shelves, the first shelf each is on and the worth of its shelves; return how many."""
    shelf, turn, n = asked[0], asked[1], 0
    for p in range(shelf.shape[0]):
        worth = keep ** turn[p] / np.log2(2.0 + front.total[shelf[p]])
        for row in front.item[shelf[p]]:
            if row == 0:
                break
            at = 0
            while at < n and items[at] != row:
                at += 1
            if at == n:
                items[n], first[n], sums[n] = row, p, 0.0
                n += 1
            sums[at] += worth
    return n


@njit(nogil=True, cache=True)
def fitting(
    front: Front, asked: np.ndarray, keep: float, exposure: Exposure, out: np.ndarray, because: np.ndarray
) -> int:
    """Write the items on some shelves that fit most, and the first shelf each is on; return how many.

    An item's worth is that of its shelves together, and less the more often it was shown.  A shelf's worth is less the
    more items it has had, and the later its turn.

    Args:
        keep: Worth of a turn against the one before.

    Shapes:
        - asked: int64 [2, n], shelves and their turns, from 0
        - out: int32 [m], best first; because: int64 [m], positions in `asked`
        - output: where a front is out of date, or holds an item that is new no longer, -1 - its position in `asked`
    """
    taken, shown = exposure.taken, exposure.shown
    for p in range(asked.shape[1]):
        for row in front.item[asked[0, p]]:
            old = row > 0 and (taken[row] >= exposure.most_taken or shown[row] >= exposure.most_shown)
            if row < 0 or old:
                return -1 - p
    most = asked.shape[1] * FRONT
    items, first, sums = np.empty(most, np.int32), np.empty(most, np.int64), np.empty(most)
    n, m = _worth(front, asked, keep, items, first, sums), 0
    best, values = np.empty(out.shape[0], np.int64), np.empty(out.shape[0])
    for k in range(n):
        m = insert(best, values, m, out.shape[0], k, sums[k] / (1.0 + 0.1 * shown[items[k]]))
    for k in range(m):
        out[k], because[k] = items[best[k]], first[best[k]]
    return m


@njit(nogil=True, cache=True)
def _of(category: np.ndarray, rows: np.ndarray) -> np.ndarray:
    out = np.zeros(rows.shape[0], np.int32)
    for k in range(rows.shape[0]):
        if rows[k] < category.shape[0]:
            out[k] = category[rows[k]]
    return out


@njit(nogil=True, cache=True)
def _unseen(state: State, u: int, row: int) -> bool:
    """Return whether user row `u` has not seen an item yet."""
    user = profile(state, u)
    return position(user, row) < 0 and (u < 0 or find(state.seen, user.seen_head, user.seen_n, row) < 0)


@njit(nogil=True, cache=True)
def chosen(
    state: State,
    u: int,
    new: np.ndarray,
    category: np.ndarray,
    described: np.ndarray,
    barred: np.ndarray,
    shown: np.ndarray,
    slots: Slots,
) -> np.ndarray:
    """Return which new items go at the end of user row `u`'s answer, as positions in `new`, int64 [n].

    Left out are those in the answer, seen by the user, barred, or not described any more.  One pass: a cut costs a call for each new item.

    Shapes:
        - new: int32 [n], the most fitting first; shown: int32 [m], the answer
        - category: int32 [rows], of items as far as it reaches; described, barred: uint8 [items]
    """
    out, n = np.empty(slots.new, np.int64), 0
    kinds, shown_kinds = _of(category, new), _of(category, shown)
    for c in range(new.shape[0]):
        row, alike, there = new[c], 0, False
        if n == slots.new:
            break
        for k in range(shown.shape[0]):
            there |= shown[k] == row
            alike += shown_kinds[k] == kinds[c] and k < slots.k - n - 1
        for k in range(n):
            alike += kinds[out[k]] == kinds[c]
        full = kinds[c] != 0 and alike >= slots.cap
        if not (there or barred[row] or full) and described[row] and _unseen(state, u, row):
            out[n] = c
            n += 1
    return out[:n]
