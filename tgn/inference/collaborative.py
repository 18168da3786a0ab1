"""Low-rank EASE item vectors, refitted as the stream grows.

    score(user, item) = 10 · sum over the user's last items, newest first, of 0.9**position · left[item before] · right[item]

`left @ right.T` is the best low-rank form of the closed-form item–item model; it knows what goes together over
the whole stream, where the attention knows what follows what now.

Source: Steck, Embarrassingly Shallow Autoencoders for Sparse Data (WWW 2019), for the item–item model.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numba import njit

from tgn.inference.attention import ANY_ORDER

SCALE = 10.0  # brings scores to the size of logits


class SlowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the item vectors are fitted."""

    rank: int = 64
    items: int = 2_000  # that take part at most, those with most users
    ridge: float = 300.0
    keep: float = 0.9  # weight of an item of the history against the next newer one
    first: int = 1_000  # events before the first fit
    growth: float = 1.25  # of the stream, between two fits


@njit(nogil=True, cache=True, fastmath=ANY_ORDER)
def score(
    table: np.ndarray, hist: np.ndarray, cand: np.ndarray, keep: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the score of each candidate, and whether the item has taken part in a fit.

    Shapes:
        - table: float32 [items, 2 * rank + 1]: left, right, and 1 once fitted
        - hist: int32 [n, K], newest first, -1 where unused; cand: int32 [n, C], -1 where unused
        - output: float32 [n, C], bool [n, C]
    """
    rank = table.shape[1] // 2
    user = np.zeros(rank, np.float32)
    out, known = np.zeros(cand.shape, np.float32), np.zeros(cand.shape, np.bool_)
    for i in range(cand.shape[0]):
        user[:] = 0
        weight = np.float32(SCALE)
        for k in range(hist.shape[1]):
            if hist[i, k] < 0:
                break
            row = table[hist[i, k]]
            for e in range(rank):
                user[e] += weight * row[e]
            weight *= np.float32(keep)
        for c in range(cand.shape[1]):
            row = table[max(cand[i, c], 0)]
            if row[2 * rank] <= 0 or cand[i, c] < 0 or hist[i, 0] < 0:
                continue
            total = np.float32(0)
            for e in range(rank):
                total += user[e] * row[rank + e]
            out[i, c], known[i, c] = total, True
    return out, known


@njit(nogil=True, cache=True, fastmath=ANY_ORDER)
def likeness(table: np.ndarray, item: int, rows: np.ndarray) -> np.ndarray:
    """Return the model's weight of each item for `item`; 0 for the item itself and for items in no fit.

    Shapes:
        - table: as for `score`; only the rows asked about are looked at
        - rows: int32 [n]
        - output: float32 [n]
    """
    rank = table.shape[1] // 2
    left, out = table[item], np.zeros(rows.shape[0], np.float32)
    for k in range(rows.shape[0]):
        right, total = table[rows[k]], np.float32(0)
        if right[2 * rank] > 0 and rows[k] != item:
            for e in range(rank):
                total += left[e] * right[rank + e]
        out[k] = total
    return out
