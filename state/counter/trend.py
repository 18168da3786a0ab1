"""Trending items: the largest decayed counts, at the half-life of the request.

Five counts are kept of an item, each with a half-life of its own (multiples of the stream's pace).  Between two of
them the count is interpolated: the geometric mean of the neighbours, weighted by where the half-life lies between
theirs on a logarithmic scale.  That lies between the two as the true count does, and is right for an item whose events
come evenly.  On Online Retail 17 to 20 of the true first 20 are in the answer, and counts are mostly
within a tenth.  A half-life shorter than the shortest kept, or longer than the longest, is taken as that one.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.counter.leaderboard import leaders
from state.record.decay import decay, halved, log
from state.record.layout import BOARD, HALF, RISING, START
from state.record.selection import insert, nth_largest
from state.record.world import State

USUAL = 1  # the count that the board of rising items is kept by


@njit(nogil=True, cache=True)
def between(state: State, half: float) -> tuple[int, int, float, float]:
    """Return the counts on either side of a half-life in ms, the weight of the second, and the half-life taken.

    A half-life of 0 is the default one.
    """
    rates, pace = state.rates[0].pop, state.world[0].pace
    if half <= 0:
        return USUAL, USUAL, 0.0, rates[USUAL] * pace
    if half <= rates[0] * pace:
        return 0, 0, 0.0, rates[0] * pace
    for h in range(1, HALF):
        if half < rates[h] * pace:
            below = rates[h - 1] * pace
            return h - 1, h, np.log(half / below) / np.log(rates[h] * pace / below), half
    return HALF - 1, HALF - 1, 0.0, rates[HALF - 1] * pace


@njit(nogil=True, cache=True)
def _keep_largest(rows: np.ndarray, values: np.ndarray, limit: int) -> np.float32:
    """Move the `limit` largest values and their rows to the front, order kept; return the smallest of them."""
    m = rows.shape[0]
    low, above, n = nth_largest(values.copy(), limit), 0, 0
    for k in range(m):
        above += values[k] > low
    for k in range(m):
        if values[k] > low or (values[k] == low and above < limit):
            above += values[k] == low
            rows[n], values[n] = rows[k], values[k]
            n += 1
    return low


@njit(nogil=True, cache=True)
def trend(
    state: State, t: int, half: float, barred: np.ndarray, size: int, out: np.ndarray, weight: np.ndarray
) -> int:
    """Write the items that are not barred with the largest counts as of `t`, best first; return how many.

    Args:
        half: Half-life in ms, 0 for the default one.
        size: Rows of items.

    Shapes:
        - out: int32 [k]; weight: float32 [k], the counts
    """
    a, b, part, _ = between(state, half)
    rates, pace = state.rates[0].pop, state.world[0].pace
    rate = (1.0 - part) / (rates[a] * pace) + part / (rates[b] * pace)
    counts, times = state.items.pop, state.items.last_t
    share, limit = np.float32(part), out.shape[0]
    rows, values = np.empty(4 * limit + 64, np.int32), np.empty(4 * limit + 64, np.float32)
    low, n = np.float32(0), 0
    for row in range(START + 1, size):
        most = counts[row, b]
        if (
            most <= low or barred[row]
        ):  # a count of a longer half-life is the larger one, and time takes from it
            continue
        left = halved(t - times[row], rate)
        value = most * left
        if value <= low:
            continue
        if a != b:
            least = counts[row, a]
            if least <= 1e-30:
                continue
            value = left * np.exp(log(least) + share * (log(most) - log(least)))
            if value <= low:
                continue
        rows[n], values[n] = row, value
        n += 1
        if n == rows.shape[0]:
            low, n = _keep_largest(rows, values, limit), limit
    if n > limit:
        _keep_largest(rows[:n], values[:n], limit)
    found = 0
    for k in range(min(n, limit)):
        found = insert(out, weight, found, limit, rows[k], values[k])
    return found


@njit(nogil=True, cache=True)
def trending(state: State, t: int, barred: np.ndarray, out: np.ndarray, weight: np.ndarray) -> int:
    """Write the rising items that are not barred and their decayed counts as of `t`, best first; return how many."""
    rows = np.empty(BOARD, np.int32)
    m = leaders(state.boards[RISING], rows, BOARD)
    half = state.rates[0].pop[1] * state.world[0].pace
    n = 0
    for c in range(m):
        if n < out.shape[0] and not barred[rows[c]]:
            item = state.items[rows[c]]
            out[n], weight[n] = rows[c], item.pop[1] * decay(t - item.last_t, half)
            n += 1
    return n
