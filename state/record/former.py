"""Rows of earlier layouts: stores that hold them open, and their rows are written anew with the next save."""

from __future__ import annotations

import numpy as np

from state.record.layout import HISTORY, INLINE, OVERFLOW, PROFILE, USER, Rows

SHORT_WORLD = 712  # bytes of a WORLD row of format 3, which ends before `overflows`
ITEMS = ("item", "index", "at", "count", "visits", "dec", "t", "mask", "kind")
HABITS = tuple(name for name in PROFILE.fields or () if name not in ITEMS)

assert PROFILE.itemsize == 1320, "a user's row of format 3"


def shortened(users: Rows, rows: np.ndarray, first: int) -> tuple[Rows, Rows]:
    """Return users of format 3, whose rows hold the whole history, as rows and overflow blocks.

    Args:
        users: PROFILE [n].
        rows: Their row numbers, int [n].
        first: Number of the first free overflow block.

    Shapes:
        - output: USER [n]; OVERFLOW [m], the blocks `first` to `first` + m - 1
    """
    short = np.zeros(users.shape[0], USER)
    for name in HABITS:
        short[name] = users[name]
    for name in ITEMS:
        short[name] = users[name][:, :INLINE]
    count = -(-np.maximum(users["slots"].astype(np.int64) - INLINE, 0) // INLINE)
    begin = np.cumsum(count) - count
    blocks = np.zeros(int(count.sum()), OVERFLOW)
    some = np.flatnonzero(count)
    short["overflow"][some] = first + begin[some]
    for depth in range(HISTORY // INLINE - 1):
        some = np.flatnonzero(count > depth)
        at, part = begin[some] + depth, slice((depth + 1) * INLINE, (depth + 2) * INLINE)
        blocks["owner"][at] = rows[some] + 1
        blocks["next"][at] = np.where(count[some] > depth + 1, first + at + 1, 0)
        for name in ITEMS:
            blocks[name][at] = users[name][some, part]
    return short, blocks
