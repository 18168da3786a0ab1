"""The co-watch graph: item → item edges with decay, bounded slots and aging.

An event links the user's last items to the new one, the closer in position the stronger.  The start node
(row 0) links to the items that newcomers take first.

Source: Sharma et al., GraphJet (VLDB 2016), for bounded adjacency in memory; edge aging follows published
production practice: a fixed share of the edges older than a month, of those older than two, and so on.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.record import NEXT, SLOTS, Marks, Row, State
from state.table import mark

LN2 = 0.6931471805599453
LIFT = 40.0  # half-lives a row's weights may be inflated by


@njit(nogil=True, cache=True)
def _lift(edge: Row, t: int, half: float) -> float:
    """Return the factor an event at `t` adds with, after bringing the row down if it must be."""
    if edge.half == 0.0:
        edge.half = half
        edge.t0 = t
        return 1.0
    power = (t - edge.t0) / edge.half
    if power > LIFT or abs(edge.half - half) > 0.05 * half:
        down = np.float32(np.exp(-LN2 * power))
        edge.total *= down
        edge.next_total *= down
        for k in range(edge.slots):
            edge.w[k] *= down
        for k in range(edge.nexts):
            edge.next_w[k] *= down
        edge.t0 = t
        edge.half = half
        return 1.0
    return np.exp(LN2 * max(power, -LIFT))


@njit(nogil=True, cache=True)
def link(state: State, marks: Marks, src: int, dst: int, weight: float, t: int, half: float) -> None:
    """Strengthen the edge src → dst by `weight`; the weakest edge gives way when the row is full."""
    edge = state.edges[src]
    amount = np.float32(weight * _lift(edge, t, half))
    seconds = np.uint32(max(0, t // 1000))
    found = -1
    for k in range(edge.slots):
        if edge.dst[k] == dst:
            found = k
            break
    if found < 0:
        if edge.slots < SLOTS:
            found = edge.slots
            edge.slots += 1
            state.world[0].edges += 1
        else:
            found = 0
            for k in range(1, SLOTS):
                if edge.w[k] < edge.w[found]:
                    found = k
            edge.total -= edge.w[found]
            state.world[0].evicted += 1
        edge.dst[found] = dst
        edge.w[found] = np.float32(0.0)
        edge.at[found] = 0
    edge.w[found] += amount
    edge.total += amount
    edge.at[found] = max(edge.at[found], seconds)
    mark(marks.edges, src)


@njit(nogil=True, cache=True)
def follow(state: State, marks: Marks, src: int, dst: int, t: int, half: float) -> None:
    """Count that `dst` came directly after `src`."""
    edge = state.edges[src]
    amount = np.float32(_lift(edge, t, half))
    found = -1
    for k in range(edge.nexts):
        if edge.next[k] == dst:
            found = k
            break
    if found < 0:
        if edge.nexts < NEXT:
            found = edge.nexts
            edge.nexts += 1
        else:
            found = 0
            for k in range(1, NEXT):
                if edge.next_w[k] < edge.next_w[found]:
                    found = k
            edge.next_total -= edge.next_w[found]
        edge.next[found] = dst
        edge.next_w[found] = np.float32(0.0)
    edge.next_w[found] += amount
    edge.next_total += amount
    mark(marks.edges, src)


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
def age(state: State, marks: Marks, epoch: int, t: int) -> int:
    """Drop `share` of the edges older than a month, of those older than two months, …; return how many.

    An edge's age counts from its last reinforcement.  Which edges go depends on (src, dst, epoch) alone.
    """
    rates = state.rates[0]
    world = state.world[0]
    dropped = 0
    for src in range(world.items):
        edge = state.edges[src]
        k = 0
        changed = False
        while k < edge.slots:
            months = int((t - np.int64(edge.at[k]) * 1000) / rates.month)
            keep = (1.0 - rates.share) ** max(0, months)
            if months > 0 and chance(src, edge.dst[k], epoch) >= keep:
                last = edge.slots - 1
                edge.total -= edge.w[k]
                edge.dst[k], edge.w[k], edge.at[k] = edge.dst[last], edge.w[last], edge.at[last]
                edge.slots = last
                dropped += 1
                changed = True
            else:
                k += 1
        if changed:
            mark(marks.edges, src)
    world.edges -= dropped
    world.aged += dropped
    return dropped
