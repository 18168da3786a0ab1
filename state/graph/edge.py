"""The co-watch graph: item → item edges with decay and bounded slots.

An event links the user's last items to the new one, the closer in position the stronger.  The start node
(row 0) links to the items that newcomers take first.

Source: Sharma et al., GraphJet (VLDB 2016), for bounded adjacency in memory.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.record.decay import LN2
from state.record.layout import NEXT, SLOTS, Row

KEPT, NEW, EVICTED = 0, 1, 2  # outcomes of `link`
LIFT = 40.0  # half-lives a row's weights may be inflated by


@njit(nogil=True, cache=True)
def _lift(edge: Row, t: int, half: float) -> float:
    """Return the factor of weights added at `t`, after rescaling the row where that has grown too large."""
    if edge.half == 0.0:
        edge.half = half
        edge.t0 = t
        return 1.0
    power = (t - edge.t0) / edge.half
    if power > LIFT or abs(edge.half - half) > 0.05 * half:
        newest = max(t, edge.t0)  # a late event does not move the row's time back
        down = np.float32(np.exp(-LN2 * (newest - edge.t0) / edge.half))
        edge.total *= down
        edge.next_total *= down
        w, next_w = edge.w, edge.next_w
        for k in range(edge.slots):
            w[k] *= down
        for k in range(edge.nexts):
            next_w[k] *= down
        edge.t0 = newest
        edge.half = half
        power = (t - newest) / half
    return np.exp(LN2 * max(power, -LIFT))


@njit(nogil=True, cache=True)
def _index(to: np.ndarray, n: int, dst: int) -> int:
    """Return the index of `dst` among the first `n`, -1 if it is not there; it is there once at most."""
    sought, at = np.int32(dst), np.int32(0)
    for k in range(n):
        at += np.int32(k + 1) if to[k] == sought else np.int32(0)
    return int(at) - 1


@njit(nogil=True, cache=True)
def _weakest(w: np.ndarray) -> int:
    """Return the first index of the smallest of all weights."""
    low = w[0]
    for k in range(SLOTS):
        low = min(low, w[k])
    for k in range(SLOTS):
        if w[k] == low:
            return k
    return 0


@njit(nogil=True, cache=True)
def link(edge: Row, dst: int, weight: float, t: int, half: float) -> int:
    """Strengthen a row's edge to `dst` by `weight`; the weakest edge is evicted when the row is full.

    Returns:
        KEPT, NEW for a new edge, or EVICTED for one that replaced another.
    """
    amount = np.float32(weight * _lift(edge, t, half))
    seconds = np.uint32(max(0, t // 1000))
    to, w, at = edge.dst, edge.w, edge.at
    found, outcome = _index(to, edge.slots, dst), KEPT
    if found < 0:
        if edge.slots < SLOTS:
            found = edge.slots
            edge.slots += 1
            outcome = NEW
        else:
            found = _weakest(w)
            edge.total -= w[found]
            outcome = EVICTED
        to[found] = dst
        w[found] = np.float32(0.0)
        at[found] = 0
    w[found] += amount
    edge.total += amount
    at[found] = max(at[found], seconds)
    return outcome


@njit(nogil=True, cache=True)
def follow(edge: Row, dst: int, t: int, half: float) -> None:
    """Count that `dst` came directly after a row's item."""
    amount = np.float32(_lift(edge, t, half))
    to, w = edge.next, edge.next_w
    found = -1
    for k in range(edge.nexts):
        if to[k] == dst:
            found = k
            break
    if found < 0:
        if edge.nexts < NEXT:
            found = edge.nexts
            edge.nexts += 1
        else:
            found = 0
            for k in range(1, NEXT):
                if w[k] < w[found]:
                    found = k
            edge.next_total -= w[found]
        to[found] = dst
        w[found] = np.float32(0.0)
    w[found] += amount
    edge.next_total += amount


@njit(nogil=True, cache=True)
def chance(a: int, b: int, c: int) -> float:
    """Return a number in [0, 1) that depends on the three numbers alone (splitmix64)."""
    z = (
        np.uint64(a) * np.uint64(0x9E3779B97F4A7C15)
        + np.uint64(b) * np.uint64(0xBF58476D1CE4E5B9)
        + np.uint64(c)
    )
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.float64(z >> np.uint64(11)) / 9007199254740992.0


@njit(nogil=True, cache=True)
def edge_share(edge: Row, to: int) -> float:
    """Return the share of a row's weight on its edge to an item, 0 where there is none."""
    dst = edge.dst
    for k in range(edge.slots):
        if dst[k] == to:
            return edge.w[k] / edge.total if edge.total > 0 else 0.0
    return 0.0
