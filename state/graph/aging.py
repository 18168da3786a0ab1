"""Edge aging: old edges are thinned out on a schedule, and those go that only hubs are behind.

A pass visits a few rows an event, so that it never holds the stream up; how far it is stands in the world's
row, and event numbers alone move it, so that a replay does the same.  A new pass begins when the schedule says
so and the one before has ended.

Source: edge aging follows published production practice: a fixed share of the edges older than a month, of
those older than two, and so on.  Eksombatchai et al., Pixie (WWW 2018), section 3.2, prune a hub's edges by their
degree and likeness; here likeness is lift, which the counts at hand tell.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.graph.edge import chance
from state.record.decay import decay
from state.record.layout import HALF, START
from state.record.prefetch import fetch
from state.record.world import Marks, State
from state.storage.table import mark

ROWS = 4  # of the pass under way that are visited with each event
BANDS = (0, 1, 2, 3, 6, 12)  # months; where the bands of `bands` begin


@njit(nogil=True, cache=True)
def _age_row(state: State, marks: Marks, src: int) -> None:
    """Drop a share of a row's old edges, and its edges that are weaker than chance."""
    rates, world, edge = state.rates[0], state.world[0], state.edges[src]
    to, w, at = edge.dst, edge.w, edge.at
    items, total = state.items, edge.total
    due = world.epoch * rates.every
    half = rates.pop[HALF - 1] * world.pace
    whole = world.tot[HALF - 1] * decay(world.t - world.tot_t, half)
    hub = rates.hub / whole if src != START and whole > 0 else 0.0
    if hub > 0:
        for k in range(edge.slots):
            fetch(items, to[k])
    k, aged, noise = 0, 0, 0
    while k < edge.slots:
        gone = False
        months = int((due - 1000.0 * at[k]) / rates.month)
        if months > 0 and chance(src, to[k], world.epoch) >= (1.0 - rates.share) ** months:
            gone = True
            aged += 1
        elif hub > 0:
            item = items[to[k]]
            part = total * hub * item.pop[HALF - 1]
            gone = w[k] < part and w[k] < part * decay(world.t - item.last_t, half)
            noise += gone
        if gone:
            last = edge.slots - 1
            edge.total -= w[k]
            to[k], w[k], at[k] = to[last], w[last], at[last]
            edge.slots = last
        else:
            k += 1
    if aged + noise > 0:
        world.edges -= aged + noise
        world.aged += aged
        world.hub += noise
        mark(marks.edges, src)


@njit(nogil=True, cache=True)
def age(state: State, marks: Marks, rows: int) -> None:
    """Begin a pass when one is due; visit at most `rows` more rows of the one under way.

    Of the edges last reinforced a month before the pass was due, `share` go, of those two months before as much
    again of what is left, and so on: which ones depends on (src, dst, epoch) alone.  Of the others those go whose
    part of the row is less than `hub` times the part their item has in all events.
    """
    world, rates = state.world[0], state.rates[0]
    epoch = np.int64(world.t // rates.every)
    if world.unaged == 0 and epoch != world.epoch:
        world.epoch = epoch
        world.unaged = world.items if rates.share > 0 or rates.hub > 0 else 0
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
