"""The counted features of candidates: what the ranker sees, a column each (see `column`).

The same code serves training, evaluation and serving.  Logs are scaled to order one; shares lie in [0, 1];
half-lives are multiples of the stream's pace.  The first column is the blend: a fixed, sensible log-probability
with nothing learned, on which the learned ranker is a correction.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from state.ranking import column
from state.ranking.popularity import popularity_columns
from state.record.decay import halved, log, log1p
from state.record.layout import START, Row
from state.record.profile import profile
from state.record.world import PEERS, PUSHED, PUSHED_ALL, WALKED, Scratch, State


class Habit(NamedTuple):
    """What a user's next event is like."""

    n: int  # events of the user
    repeat: float  # chance that it is on an item the user has seen
    same: float  # chance that it is on the user's last item


class Evidence(NamedTuple):
    """What the blend weighs of a candidate, a float each, or of all candidates, float64 [n] each."""

    fresh: Any  # share of newcomers' events
    pop: Any  # share of all events
    pushed: Any  # share of one-hop weight
    follows: Any  # share of transitions from the user's last item


@njit(nogil=True, cache=True)
def _seconds(ms: float) -> np.float32:
    return log1p(max(0.0, ms) / 1000.0) / np.float32(12)


@njit(nogil=True, cache=True)
def _spread(where: np.ndarray, dst: np.ndarray, w: np.ndarray, n: int, total: float, out: np.ndarray) -> None:
    """Write to each candidate its share of a row of edges."""
    for k in range(n):
        if where[dst[k]] > 0:
            out[where[dst[k]] - 1] = w[k] / max(total, np.float32(1e-30))


@njit(nogil=True, cache=True)
def habits(state: State, user: Row) -> Habit:
    """Return what a user's next event is like, by the user's running shares and everybody's."""
    world, n = state.world[0], user.n if user.n > 0 else 0
    sticky = float(state.items[user.item[0]].sticky) if user.n > 0 else 0.0
    if n == 0:
        return Habit(n, 0.0, 0.0)
    return Habit(
        n,
        (user.had * n + world.had * 4.0) / (n + 4.0),
        (user.repeat * n + sticky * 3.0 + world.repeat) / (n + 4.0),
    )


@njit(nogil=True, cache=True)
def blend_parts(habit: Habit, slot: int, seen: bool, one: Evidence) -> tuple[float, float, float, float]:
    """Return (own, new, popular, walked) of a fixed mixture, a probability own + new * (popular + walked).

    Args:
        slot: The candidate's position among the user's last items, -1 if it is none of them.
        seen: The user has seen it.
    """
    again, same = habit.repeat, habit.same
    own = 0.0
    if slot == 0:
        own = same
    elif slot > 0:
        own = (max(again - same, 0.0) + 0.02 * again) * 0.38 * np.exp(-1.3 * log(slot))
    new = (1.0 - again) * (0.02 if seen else 1.0)
    if habit.n == 0:
        return own, new, 0.6 * one.fresh + 0.4 * one.pop, 0.0
    return own, new, 0.25 * one.fresh + 0.2 * one.pop, 0.4 * one.pushed + 0.15 * one.follows


@njit(nogil=True, cache=True)
def blend(habit: Habit, slot: int, seen: bool, one: Evidence) -> np.float32:
    """Return the log of the mixture: repeat the last item, go back to an older one, or take a new one."""
    own, new, popular, walked = blend_parts(habit, slot, seen, one)
    return log(own + new * (popular + walked) + 1e-7)


@njit(nogil=True, cache=True)
def describe(state: State, scratch: Scratch, u: int, t: int, cand: np.ndarray, n: int, x: np.ndarray) -> None:
    """Write the features of `n` candidates, whose numbers `gather` and `put` have left in the scratch, as of `t`.

    Shapes:
        - cand: int32 [C]
        - x: float32 [C, FEATURES]
    """
    user, rows = profile(state, u), cand[:n]
    habit, slots = habits(state, user), np.full(n, -1, np.int8)
    of = Evidence(np.empty(n), np.empty(n), np.empty(n), np.zeros(n))
    x[:n] = 0
    own_columns(state, scratch, u, user, t, rows, slots, x)
    user_columns(state, user, t, n, x)
    popularity_columns(state, t, rows, of.pop, of.fresh, x)
    graph_columns(state, scratch, user, rows, of, x)
    for c in range(n):
        one = Evidence(of.fresh[c], of.pop[c], of.pushed[c], of.follows[c])
        x[c, column.BLEND] = blend(habit, int(slots[c]), x[c, column.OWN_HAD] > 0, one) / 4


@njit(nogil=True, cache=True)
def own_columns(
    state: State,
    scratch: Scratch,
    u: int,
    user: Row,
    t: int,
    rows: np.ndarray,
    slots: np.ndarray,
    x: np.ndarray,
) -> None:
    """Write what the user did with each candidate, and its position among the user's last items.

    Shapes:
        - rows: int32 [n], candidates
        - slots: int8 [n], -1 where a candidate is none of the last items
    """
    rates = state.rates[0]
    pace = state.world[0].pace if state.world[0].pace > 0 else 1.0
    where, seen, mine = scratch.where, scratch.seen, user.item
    for c in range(rows.shape[0]):
        x[c, column.OWN_HAD] = seen[rows[c]] != 0
    if user.n <= 0:
        return
    counts, times, visits, decs, ats, indices = user.count, user.t, user.visits, user.dec, user.at, user.index
    short, long = 1.0 / (rates.user[0] * pace), 1.0 / (rates.user[1] * pace)
    for j in range(user.slots):
        c = where[mine[j]] - 1
        if c < 0:
            continue
        item, f, gap = state.items[mine[j]], x[c], t - times[j]
        slots[c] = j
        f[column.OWN] = 1
        f[column.OWN_RECENCY] = 1.0 / (1 + j)
        f[column.OWN_LAST] = j == 0
        f[column.OWN_BEFORE] = j == 1
        f[column.OWN_COUNT] = log1p(counts[j]) / 4
        f[column.OWN_SHARE] = counts[j] / user.n
        f[column.OWN_AGE] = _seconds(gap)
        f[column.OWN_GAP] = 1.0 / max(1, user.n - indices[j])
        f[column.OWN_RUN] = log1p(user.run) / 4 if j == 0 else 0.0
        f[column.OWN_MINE] = item.last_user == u
        f[column.OWN_OTHERS] = log1p(max(0, item.n - ats[j])) / 6
        f[column.OWN_VISITS] = log1p(visits[j]) / 3
        f[column.OWN_VISIT_SHARE] = visits[j] / user.n
        f[column.OWN_DEC_SHORT] = log1p(decs[j, 0] * halved(gap, short)) / 3
        f[column.OWN_DEC_LONG] = log1p(decs[j, 1] * halved(gap, long)) / 3


@njit(nogil=True, cache=True)
def user_columns(state: State, user: Row, t: int, n: int, x: np.ndarray) -> None:
    """Write how the user behaves, the same for each of `n` candidates."""
    if n == 0:
        return
    f = x[0]
    f[column.USER_N] = log1p(user.n if user.n > 0 else 0) / 6
    if user.n > 0:
        since = t - user.last_t
        f[column.USER_GAP] = _seconds(since)
        f[column.USER_REPEAT] = user.repeat
        f[column.USER_STICKY] = state.items[user.item[0]].sticky
        f[column.USER_SESSION] = log1p(user.session_n) / 4 if since <= state.rates[0].session else 0.0
        f[column.USER_HAD] = user.had
        f[column.USER_PACE] = f[column.USER_GAP] - user.gap / 12
    else:
        f[column.USER_NEW] = 1
    for c in range(1, n):
        for k in range(column.USER_N, column.USER_PACE + 1):
            x[c, k] = f[k]


@njit(nogil=True, cache=True)
def graph_columns(
    state: State, scratch: Scratch, user: Row, rows: np.ndarray, of: Evidence, x: np.ndarray
) -> None:
    """Write how near each candidate is on the co-watch graph; shares of weight go to the evidence too."""
    acc, found, where = scratch.acc, scratch.found, scratch.where
    start = state.edges[START]
    _spread(where, start.dst, start.w, start.slots, start.total, x[:, column.START])
    if user.n > 0:
        last, follows = state.edges[user.item[0]], x[:, column.NEXT_LAST]
        _spread(where, last.next, last.next_w, last.nexts, last.next_total, follows)
        for c in range(rows.shape[0]):
            of.follows[c] = follows[c]
    pushed, pushed_all = 0.0, 0.0
    for k in range(scratch.touched_n[0]):
        pushed += acc[k, PUSHED]
        pushed_all += acc[k, PUSHED_ALL]
    for c in range(rows.shape[0]):
        f, at = x[c], int(found[rows[c]]) - 1
        of.pushed[c] = 0.0
        if at >= 0:
            one = float(acc[at, PUSHED])
            of.pushed[c] = one / max(pushed, 1e-9)
            f[column.PUSH] = log1p(one * 1e3) / 6
            f[column.WALK] = log1p(acc[at, WALKED] * 1e3) / 6
            f[column.NEAR] = log1p(acc[at, PEERS] * 4) / 2
            f[column.PUSH_ALL] = log1p(acc[at, PUSHED_ALL] * 1e3) / 6
            f[column.PUSH_ALL_SHARE] = acc[at, PUSHED_ALL] / max(pushed_all, 1e-9)
        f[column.PUSH_SHARE] = of.pushed[c]
