"""The compiled pass over events: what each one changes in history, counts, popularity and edges.

It goes event by event, because freshness is worth more than anything else here, at some hundreds of thousands of
events a second.  Only the rows of the event's user and items are written.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.counter.dislike import DISLIKE, dislike
from state.counter.history import remember, slot
from state.counter.leaderboard import raise_to, rescore, score
from state.counter.mixture import credit, due
from state.counter.seen import add, find, write_back
from state.graph.aging import ROWS, age
from state.graph.edge import EVICTED, NEW, follow, link
from state.record.decay import LN2
from state.record.layout import (
    BLOCK,
    BOARD,
    FIRST,
    FRESH,
    HALF,
    HISTORY,
    NEW_ITEMS,
    POPULAR,
    RECENT,
    RISING,
    SHOWN,
    START,
    TOTAL,
    Row,
)
from state.record.prefetch import fetch
from state.record.world import UNMEASURED, Marks, State
from state.storage.table import mark

IMPRESSION = 6  # event type code
STEP = 3.0  # by which the pace changes at most, once measured
AHEAD = 4  # events whose rows are fetched while others are applied


@njit(nogil=True, cache=True)
def decay_item(item: Row, t: int, state: State) -> float:
    """Bring an item's decayed counts to time `t`; return the weight an event at `t` has there."""
    rates = state.rates[0]
    pace = state.world[0].pace
    gap = t - item.last_t
    if gap <= 0 or item.n == 0:
        return 1.0
    halves, pop, fresh, switch = rates.pop, item.pop, item.fresh, item.switch
    for h in range(HALF):
        left = np.float32(np.exp(-LN2 * gap / (halves[h] * pace)))
        pop[h] *= left
        if h >= HALF - FRESH:
            fresh[h - 1] *= left
            switch[h - 1] *= left
    return 1.0


@njit(nogil=True, cache=True)
def _decay_world(state: State, t: int) -> None:
    world = state.world[0]
    rates = state.rates[0]
    gap = t - world.tot_t
    if gap > 0:
        halves, tot, ftot, stot = rates.pop, world.tot, world.ftot, world.stot
        for h in range(HALF):
            left = np.exp(-LN2 * gap / (halves[h] * world.pace))
            tot[h] *= left
            if h >= HALF - FRESH:
                ftot[h - 1] *= left
                stot[h - 1] *= left
        world.tot_t = t


@njit(nogil=True, cache=True)
def _mean_gap(world: Row) -> float:
    """Return the mean gap in ms since the pace was measured, and half of the gaps before; they count half from now on."""
    others = (world.gap_sum - world.longest) / (world.gap_n - 1.0)
    if world.gap_sum > STEP * others * world.gap_n:
        world.gap_sum -= world.longest
        world.gap_n -= 1.0
    new = max(1.0, world.gap_sum / world.gap_n)
    if world.pace != UNMEASURED:
        new = min(max(new, world.pace / STEP), world.pace * STEP)
    world.gap_sum *= 0.5
    world.gap_n *= 0.5
    world.longest = 0
    return new


@njit(nogil=True, cache=True)
def measure_pace(state: State, marks: Marks) -> None:
    """Measure the stream's pace: the mean time between two events of one item, newest events counting more.

    Half-lives are multiples of it, so that a stream of seconds and one of months need no setting.  It is
    measured when the number of events doubles, then every 65 536 events: event numbers, not batches or
    clocks, decide, so that a replay does the same.  A gap that alone moves the mean more than threefold does not count, and
    once measured the pace grows or falls at most threefold at a time: no single event of a wrong time moves it far.
    """
    world = state.world[0]
    rates = state.rates[0]
    world.check = world.events + min(world.events, 65_536)
    if rates.pace > 0 or world.gap_n < 8:
        return
    new = _mean_gap(world)
    if abs(new - world.pace) < 0.1 * world.pace:
        return
    world.pace = new
    for b in range(4):
        column = 1 if b == RISING else (3 if b == POPULAR else 2)
        half = new if b == TOTAL else (rates.pop[column if b != FIRST else column + 1] * new)
        rescore(state.boards, b, state.items, column, world.t0, half)
        mark(marks.boards, b)


@njit(nogil=True, cache=True)
def link_all(state: State, marks: Marks, user: Row, row: int, t: int, first: bool) -> None:
    """Link the user's last items, the start node for a `first` one, to item `row`, and back."""
    rates = state.rates[0]
    world, edges = state.world[0], state.edges
    half = rates.edge * world.pace
    if first:
        outcome = link(edges[START], row, 1.0, t, half)
        world.edges += outcome == NEW
        world.evicted += outcome == EVICTED
        mark(marks.edges, START)
        return
    item, times = user.item, user.t
    if user.slots == 0 or item[0] == row:  # the user's last item may have been evicted
        return
    fetch(edges, row)
    for j in range(min(user.slots, rates.reach)):
        fetch(edges, item[j])
    follow(edges[item[0]], row, t, half)
    mark(marks.edges, item[0])
    weight, linked = 1.0, False
    for j in range(min(user.slots, rates.reach)):
        if t - times[j] > rates.window:
            break
        if item[j] != row:
            there = link(edges[item[j]], row, weight, t, half)
            back = link(edges[row], item[j], rates.backward * weight, t, half)
            world.edges += (there == NEW) + (back == NEW)
            world.evicted += (there == EVICTED) + (back == EVICTED)
            mark(marks.edges, item[j])
            linked = True
        weight *= rates.closeness
    if linked:
        mark(marks.edges, row)


@njit(nogil=True, cache=True)
def _count(state: State, marks: Marks, row: int, u: int, t: int, first: bool, switch: bool) -> None:
    """Count an event on item `row`, and keep the leaderboards; one pass: a cut costs a fetch of the row."""
    world = state.world[0]
    rates = state.rates[0]
    item = state.items[row]
    _decay_world(state, t)
    if item.n == 0:
        item.first_t = t
        world.new[world.news % NEW_ITEMS] = row
        world.news += 1
    else:
        gap = max(0, t - item.last_t)
        world.gap_sum += gap
        world.longest = max(world.longest, gap)
        world.gap_n += 1.0
        seconds = np.float32(np.log1p(gap / 1000.0))
        item.gap = seconds if item.n == 1 else item.gap + np.float32(0.2) * (seconds - item.gap)
    decay_item(item, t, state)
    late, behind = item.last_t - t, world.tot_t - t
    halves, pop, fresh, switched = rates.pop, item.pop, item.fresh, item.switch
    tot, ftot, stot = world.tot, world.ftot, world.stot
    for h in range(HALF):
        one = 1.0 if late <= 0 else np.exp(-LN2 * late / (halves[h] * world.pace))
        all_ = 1.0 if behind <= 0 else np.exp(-LN2 * behind / (halves[h] * world.pace))
        pop[h] += np.float32(one)
        tot[h] += all_
        if h > 0 and first:
            fresh[h - 1] += np.float32(one)
            ftot[h - 1] += all_
        if h > 0 and switch:
            switched[h - 1] += np.float32(one)
            stot[h - 1] += all_
    item.n += 1
    item.last_run = item.last_run + 1 if item.last_user == u else 1
    item.last_user = u
    if item.n == 1 or item.user[(item.head - 1) % RECENT] != u:
        item.user[item.head] = u
        item.user_t[item.head] = t
        item.head = (item.head + 1) % RECENT
    item.last_t = t if late <= 0 or item.n == 1 else item.last_t
    mark(marks.items, row)
    at = item.last_t
    raise_to(state, marks, RISING, row, score(item.pop[1], at, world.t0, rates.pop[1] * world.pace))
    raise_to(state, marks, POPULAR, row, score(item.pop[3], at, world.t0, rates.pop[3] * world.pace))
    raise_to(state, marks, TOTAL, row, np.log2(np.float64(item.n)))
    if first:
        raise_to(state, marks, FIRST, row, score(item.fresh[2], at, world.t0, rates.pop[3] * world.pace))


@njit(nogil=True, cache=True)
def _user_context(state: State, marks: Marks, user: Row, j: int, seen: bool, t: int) -> None:
    """Update the running means of how this user behaves."""
    world = state.world[0]
    if user.session_n > 0:
        same = np.float32(1.0 if j == 0 else 0.0)
        rate = np.float32(max(0.1, 1.0 / (1.0 + user.n)))
        user.repeat += rate * (same - user.repeat)
        user.had += rate * (np.float32(seen) - user.had)
        if user.slots > 0:
            last = state.items[user.item[0]]
            last.sticky += np.float32(max(0.1, 1.0 / (1.0 + last.n))) * (same - last.sticky)
            mark(marks.items, user.item[0])
        slow = max(0.002, 1.0 / (1.0 + world.events))
        world.had += slow * (np.float64(seen) - world.had)
        world.repeat += slow * (np.float64(same) - world.repeat)
        seconds = np.float32(np.log1p(max(0, t - user.last_t) / 1000.0))
        user.gap = seconds if user.n == 1 else user.gap + np.float32(0.2) * (seconds - user.gap)
    elif user.n == 0:
        user.first_t = t
    if user.session_n == 0 or t - user.last_t > state.rates[0].session:
        user.session_t = t
        user.session_n = 0
    user.session_n += 1


@njit(nogil=True, cache=True)
def prefetch_rows(state: State, u: int, row: int) -> None:
    """Prefetch the rows that an event of user row `u` on item row `row` will need."""
    fetch(state.users, u)
    fetch(state.items, row)
    fetch(state.edges, row)


@njit(nogil=True, cache=True)
def _take(state: State, marks: Marks, u: int, row: int, t: int, kind: int) -> None:
    """Count an event of a user who takes an item, link it, and move it to the front of the history."""
    user = state.users[u]
    j = slot(state.history, user, u, row)
    position = -1 if j >= 0 else find(state.seen, user.seen_head, user.seen_n, row)
    seen = j >= 0 or position >= 0
    if due(state.world[0].events) and t >= user.last_t and not seen and state.items[row].n > 0:
        credit(state, u, row, t)
    first = user.session_n == 0
    _user_context(state, marks, user, j, seen, t)
    link_all(state, marks, user, row, t, first)
    _count(state, marks, row, u, t, first, not first and j != 0)
    if not seen:
        add(state, marks, u, row, kind, t)
        state.items[row].users += 1
        mark(marks.items, row)
    if j < 0 and user.slots == HISTORY:
        write_back(state, marks, user, HISTORY - 1)
    mask = state.seen[position // BLOCK].mask[position % BLOCK] if position >= 0 else 0
    remember(state, marks.history, u, j, row, t, mask, kind)
    user.n += 1
    user.shown_n = 0
    user.last_t = max(user.last_t, t)
    mark(marks.users, u)


@njit(nogil=True, cache=True)
def apply(state: State, marks: Marks, u: int, row: int, t: int, kind: int) -> None:
    """Apply one event of user row `u` on item row `row` at time `t`; one pass: a cut costs a fetch of both rows."""
    world = state.world[0]
    if kind == IMPRESSION:
        world.impressions += 1
        world.heard = max(world.heard, t)
        user = state.users[u]
        user.shown[user.shown_n % SHOWN] = row
        user.shown_n += 1
        mark(marks.users, u)
        return
    if world.events == 0:
        world.t0 = t
        world.tot_t = t
        world.check = 64
        world.epoch = np.int64(t // state.rates[0].every)
    world.late += t < world.t
    if kind == DISLIKE:
        dislike(state, marks, u, row, t)
    else:
        _take(state, marks, u, row, t, kind)
    world.events += 1
    world.t = max(world.t, t)
    if world.events >= world.check:
        measure_pace(state, marks)
    age(state, marks, ROWS)


assert BOARD >= HISTORY
