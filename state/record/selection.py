"""The k largest of many: insertion into a sorted list, and the value from which on the k largest lie."""

from __future__ import annotations

import numpy as np
from numba import njit

SHORT = 20  # bits of a number left aside at first


@njit(nogil=True, cache=True)
def insert(items: np.ndarray, values: np.ndarray, n: int, limit: int, item: int, value: float) -> int:
    """Insert into the first `n` items by falling value, `limit` at most; return how many there are then.

    Among equal values the earlier one stays before the later one.
    """
    if n == limit and value <= values[n - 1]:
        return n
    at = n if n < limit else limit - 1
    while at > 0 and values[at - 1] < value:
        items[at], values[at] = items[at - 1], values[at - 1]
        at -= 1
    items[at], values[at] = item, value
    return min(n + 1, limit)


@njit(nogil=True, cache=True)
def nth_largest(values: np.ndarray, n: int) -> np.float32:
    """Return the `n`-th largest of some numbers, `n` from 1; their order changes.

    `np.partition` gives the same, and takes three seconds to compile wherever it is called.

    Source: C. A. R. Hoare, "Algorithm 65: Find", Communications of the ACM, 1961.
    """
    low, high, at = 0, values.shape[0] - 1, n - 1
    while low < high:
        pivot, i, j = values[(low + high) // 2], low, high
        while i <= j:
            while values[i] > pivot:
                i += 1
            while values[j] < pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if at <= j:
            high = j
        elif at >= i:
            low = i
        else:
            break
    return values[at]


@njit(nogil=True, cache=True)
def threshold(values: np.ndarray, n: int) -> tuple[float, int]:
    """Return the `n`-th largest of some numbers above 0, float32 [m], and how many of those equal to it are among the n.

    The bits of such a number, read as an integer, are in its order: the first of them say nearly all.
    """
    first = values.view(np.int32) >> SHORT
    count, low, above = np.zeros(1 + (np.int32(0x7FFFFFFF) >> SHORT), np.int32), first.max(), 0
    for k in range(first.shape[0]):
        count[first[k]] += 1
    while above + count[low] < n:
        above += count[low]
        low -= 1
    last, m = np.empty(count[low], np.float32), 0
    for k in range(first.shape[0]):
        if first[k] == low:
            last[m] = values[k]
            m += 1
    least = float(nth_largest(last, n - above))
    for k in range(m):
        above += last[k] > least
    return least, n - above
