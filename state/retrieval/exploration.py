"""Shelves: new items that have a word in common, and which of them fit best."""

from __future__ import annotations

import numpy as np
from numba import njit

from state.counter.history import slot
from state.counter.seen import find
from state.record.world import State

FRONT = 8  # items of a shelf that a request looks at, the newest


@njit(nogil=True, cache=True)
def fitting(
    front: np.ndarray,
    spread: np.ndarray,
    asked: np.ndarray,
    keep: float,
    taken: np.ndarray,
    shown: np.ndarray,
    most_taken: int,
    most_shown: int,
    out: np.ndarray,
    because: np.ndarray,
) -> int:
    """Write the items on some shelves that fit most, and the first shelf each is on; return how many.

    An item is worth what its shelves are together, and less the more often it was shown.  A shelf is worth less the
    more items it has had, and the later its turn.

    Args:
        keep: Worth of a turn against the one before.
        most_taken, most_shown: An item with so many events, or shown so often, is new no longer.

    Shapes:
        - front: int32 [shelves, FRONT], the newest first, then zeros; -1 in the first place: it is not known any more
        - spread: int64 [shelves], items a shelf has had; asked: int64 [2, n], shelves and their turns, from 0
        - taken, shown: int [items]
        - out: int32 [m], best first; because: int64 [m], places in `asked`
        - output: where a front is not known, or holds what is new no longer, -1 - its place in `asked`
    """
    shelf, turn = asked[0], asked[1]
    for p in range(shelf.shape[0]):
        for row in front[shelf[p]]:
            if row < 0 or (row > 0 and (taken[row] >= most_taken or shown[row] >= most_shown)):
                return -1 - p
    most, n = shelf.shape[0] * FRONT, 0
    items, first, sums = np.empty(most, np.int32), np.empty(most, np.int64), np.empty(most)
    for p in range(shelf.shape[0]):
        worth = keep ** turn[p] / np.log2(2.0 + spread[shelf[p]])
        for row in front[shelf[p]]:
            if row == 0:
                break
            at = 0
            while at < n and items[at] != row:
                at += 1
            if at == n:
                items[n], first[n], sums[n] = row, p, 0.0
                n += 1
            sums[at] += worth
    m = 0
    value = np.empty(out.shape[0])
    for k in range(n):
        now = sums[k] / (1.0 + 0.1 * shown[items[k]])
        if m == out.shape[0] and now <= value[m - 1]:
            continue
        at = min(m, out.shape[0] - 1)
        while at > 0 and value[at - 1] < now:
            out[at], because[at], value[at] = out[at - 1], because[at - 1], value[at - 1]
            at -= 1
        out[at], because[at], value[at] = items[k], first[k], now
        m = min(m + 1, out.shape[0])
    return m


@njit(nogil=True, cache=True)
def _of(category: np.ndarray, rows: np.ndarray) -> np.ndarray:
    out = np.zeros(rows.shape[0], np.int32)
    for k in range(rows.shape[0]):
        if rows[k] < category.shape[0]:
            out[k] = category[rows[k]]
    return out


@njit(nogil=True, cache=True)
def chosen(
    state: State,
    u: int,
    new: np.ndarray,
    category: np.ndarray,
    described: np.ndarray,
    barred: np.ndarray,
    shown: np.ndarray,
    places: int,
    k: int,
    cap: int,
) -> np.ndarray:
    """Return which new items take the last of the `k` places of user row `u`'s answer, places in `new`, int64 [n].

    Those that are in the answer, that the user has had, that are barred, or that nothing tells of any more, do not.

    Args:
        places: How many do at most.
        cap: How many items of a category an answer has at most; category 0 is none.

    Shapes:
        - new: int32 [n], the most fitting first; shown: int32 [m]
        - category: int32 [rows], of items as far as it reaches; described, barred: uint8 [items]
    """
    out, n = np.empty(places, np.int64), 0
    kinds, shown_kinds = _of(category, new), _of(category, shown)
    user = state.users[u] if u >= 0 else state.guest[0]
    for c in range(new.shape[0]):
        row, beside, there = new[c], 0, False
        if n == places:
            break
        for place in range(shown.shape[0]):
            there |= shown[place] == row
            beside += shown_kinds[place] == kinds[c] and place < k - n - 1
        for place in range(n):
            beside += kinds[out[place]] == kinds[c]
        if there or barred[row] or not described[row] or (kinds[c] != 0 and beside >= cap):
            continue
        if slot(user, row) >= 0 or (u >= 0 and find(state.seen, user.seen_head, user.seen_n, row) >= 0):
            continue
        out[n] = c
        n += 1
    return out[:n]
