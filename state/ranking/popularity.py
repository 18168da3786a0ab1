"""How often, how lately and by whom each candidate is taken, and the log columns of that.

Candidates lie far apart in memory, so their rows are read once, one after another; what is a log of them is then worked
out column by column, several candidates at a time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.graph.walk import USER_HEAD
from state.ranking import column
from state.record.decay import decay, halved, log
from state.record.layout import FRESH, HALF
from state.record.prefetch import fetch, fetch_head
from state.record.world import State

AHEAD = 4  # candidates whose rows are prefetched before they are read
POP, NEWCOMERS = 2, 3  # half-lives of the blend's shares of all events, of newcomers' events
LEAST = np.float32(1e-2)  # events that a share has at least
TEN_THOUSANDTHS = np.float32(1e4)  # the unit of shares: one is 0 for next to nothing
SECOND = np.float32(1e-3)  # of a millisecond

# Columns that are logs, in the order they are worked out: decayed counts, counts, then times; and the scale of each.
FIRST, SWITCHES = HALF, HALF + FRESH  # where newcomers' counts, and those of switches, begin among them
SHARES = HALF + 2 * FRESH
TOTAL, RUN, HEIR, AGE, BORN = range(SHARES, SHARES + 5)
COLUMN = np.array(
    [
        *range(column.POP_0, column.POP_0 + HALF),
        *range(column.FRESH_0, column.FRESH_0 + FRESH),
        *range(column.SWITCH_0, column.SWITCH_0 + FRESH),
        *(column.POP_TOTAL, column.POP_RUN, column.HEIR_N, column.POP_AGE, column.POP_BORN),
    ]
)
SCALE = np.array([6] * SHARES + [8, 4, 6, 12, 12], np.float32)


@njit(nogil=True, cache=True)
def popularity_columns(
    state: State, t: int, rows: np.ndarray, pop: np.ndarray, fresh: np.ndarray, x: np.ndarray
) -> None:
    """Write the columns of candidates as of `t`.

    Shapes:
        - rows: int32 [n], candidates
        - pop, fresh: float64 [n], written: shares of all events, and of newcomers' events, for the blend
        - x: float32 [n or more, FEATURES or more]
    """
    n = rows.shape[0]
    value = np.empty((COLUMN.shape[0], n), np.float32)
    age, left = np.empty(n, np.float32), np.empty(n, np.float32)
    _read(state, t, rows, value, age, x)
    world, rates = state.world[0], state.rates[0]
    pace = world.pace if world.pace > 0 else 1.0
    for h in range(HALF):
        rate, kept = np.float32(1.0 / (rates.pop[h] * pace)), decay(t - world.tot_t, rates.pop[h] * pace)
        for c in range(n):
            left[c] = halved(age[c], rate)
        _share(value[h], left, world.tot[h] * kept, pop, h == POP)
        if h >= HALF - FRESH:
            k = h - (HALF - FRESH)
            _share(value[FIRST + k], left, world.ftot[k] * kept, fresh, h == NEWCOMERS)
            _share(value[SWITCHES + k], left, world.stot[k] * kept, fresh, False)
    for k in range(COLUMN.shape[0]):
        one, scale = value[k], SCALE[k]
        for c in range(n):
            one[c] = log(np.float32(1) + one[c]) / scale
    for c in range(n):
        for k in range(COLUMN.shape[0]):
            x[c, COLUMN[k]] = value[k, c]
        x[c, column.POP_PACE] += value[AGE, c]


@njit(nogil=True, cache=True)
def _read(state: State, t: int, rows: np.ndarray, value: np.ndarray, age: np.ndarray, x: np.ndarray) -> None:
    """Read the rows of candidates: write what logs are taken of, the age in ms, and the columns that are no logs.

    `POP_PACE` is left without the age.
    """
    items, n = state.items, rows.shape[0]
    pops, freshs, switches = items.pop, items.fresh, items.switch
    for c in range(n):
        if c + 2 * AHEAD < n:
            fetch(items, rows[c + 2 * AHEAD])
        if c + AHEAD < n:
            fetch_head(state.users, max(items[rows[c + AHEAD]].last_user, 0), USER_HEAD)
        row = rows[c]
        item, f = items[row], x[c]
        for h in range(HALF):
            value[h, c] = pops[row, h]
        for h in range(FRESH):
            value[FIRST + h, c] = freshs[row, h]
            value[SWITCHES + h, c] = switches[row, h]
        age[c] = max(0, t - item.last_t)
        value[TOTAL, c], value[RUN, c], value[HEIR, c] = item.n, item.last_run, 0
        value[AGE, c] = SECOND * age[c]
        value[BORN, c] = SECOND * np.float32(max(0, t - item.first_t))
        f[column.POP_STICKY] = item.sticky
        f[column.POP_PACE] = -item.gap / 12
        f[column.POP_USERS] = item.users / max(1, item.n)
        if item.n > 0 and item.last_user >= 0:
            heir = state.users[item.last_user]
            f[column.HEIR_REPEAT] = heir.repeat
            f[column.HEIR_HERE] = heir.slots > 0 and heir.item[0] == row
            value[HEIR, c] = heir.n


@njit(nogil=True, cache=True)
def _share(count: np.ndarray, left: np.ndarray, whole: float, share: np.ndarray, wanted: bool) -> None:
    """Replace counts, before they decay, by scaled shares of the decayed `whole`.

    Args:
        wanted: Whether to write the shares as they are to `share`, too.

    Shapes:
        - count, left: float32 [n], left: what is left of 1 after each candidate's age
        - share: float64 [n]
    """
    unit = np.float32(1.0 / (whole + 1.0))
    if wanted:
        for c in range(count.shape[0]):
            share[c] = count[c] * left[c] * unit
    for c in range(count.shape[0]):
        count[c] = (count[c] * left[c] + LEAST) * unit * TEN_THOUSANDTHS
