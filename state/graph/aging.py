"""Edge aging: drop a share of the old edges of the co-watch graph on a schedule.

A pass visits a few rows with each event, so that it never delays the stream; its position is kept in the world's row,
and event numbers alone move it, so that a replay does the same.  A new pass begins when the schedule says so and the
one before has ended.

Source: edge aging follows published production practice: a fixed share of the edges older than a month, of
those older than two, and so on.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.graph.edge import chance
from state.record.world import Marks, State
from state.storage.table import mark

ROWS = 4  # of the pass under way that are visited with each event
BANDS = (0, 1, 2, 3, 6, 12)  # months; where the bands of `bands` begin


@njit(nogil=True, cache=True)
def _age_row(state: State, marks: Marks, src: int) -> None:
    """Drop a share of a row's old edges."""
    rates, world, edge = state.rates[0], state.world[0], state.edges[src]
    to, w, at = edge.dst, edge.w, edge.at
    due = world.epoch * rates.every
    k, aged = 0, 0
    while k < edge.slots:
        months = int((due - 1000.0 * at[k]) / rates.month)
        if months > 0 and chance(src, to[k], world.epoch) >= (1.0 - rates.share) ** months:
            last = edge.slots - 1
            edge.total -= w[k]
            to[k], w[k], at[k] = to[last], w[last], at[last]
            edge.slots = last
            aged += 1
        else:
            k += 1
    if aged > 0:
        world.edges -= aged
        world.aged += aged
        mark(marks.edges, src)


@njit(nogil=True, cache=True)
def age(state: State, marks: Marks, rows: int) -> None:
    """Begin a pass when one is due; visit at most `rows` more rows of the one under way.

    Of the edges last reinforced a month before the pass was due, `share` are dropped, of those two months before as much
    again of what is left, and so on: which ones depends on (src, dst, epoch) alone.
    """
    world, rates = state.world[0], state.rates[0]
    epoch = np.int64(world.t // rates.every)
    if world.unaged == 0 and epoch != world.epoch:
        world.epoch = epoch
        world.unaged = world.items if rates.share > 0 else 0
    for _ in range(min(rows, world.unaged)):
        world.unaged -= 1
        _age_row(state, marks, world.unaged)


@njit(nogil=True, cache=True)
def bands(state: State, begin: int, end: int, counts: np.ndarray) -> None:
    """Add the edges of rows `begin` to `end` to the counts of their age bands.

    Shapes:
        - counts: int64 [len(BANDS)]; an edge's age is that of its last reinforcement, as of now
    """
    world, rates = state.world[0], state.rates[0]
    now = world.t // 1000
    starts = np.empty(len(BANDS), np.int64)
    for b in range(len(BANDS)):
        starts[b] = np.int64(BANDS[b] * rates.month / 1000.0)
    for src in range(begin, min(end, world.items)):
        edge = state.edges[src]
        at = edge.at
        for k in range(edge.slots):
            b = len(BANDS) - 1
            while b > 0 and now - at[k] < starts[b]:
                b -= 1
            counts[b] += 1
