"""What the ranker sees of a candidate: counted features, one table, one place.

The same code serves training, evaluation and serving.  Logs are scaled to order one; shares lie in [0, 1];
half-lives are multiples of the stream's pace.  Column 0 is the blend: a fixed, sensible log-probability
with nothing learned, on which the learned ranker is a correction.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.graph.walk import USER_HEAD
from state.record.approximation import halved, log, log1p
from state.record.decay import decay
from state.record.layout import FRESH, HALF, START
from state.record.prefetch import fetch, fetch_head
from state.record.world import Scratch, State

NAMES = (
    "blend",  # log of the fixed mixture
    "own",  # 1 if among the user's last items
    "own_recency",  # 1 / recency rank
    "own_last",
    "own_before",  # last but one
    "own_count",
    "own_share",  # of the user's events
    "own_age",  # log seconds since the user's last visit
    "own_gap",  # 1 / the user's events since
    "own_run",  # log run length on the last item
    "own_mine",  # nobody else came since
    "own_others",  # log of others' events since
    "own_visits",
    "own_visit_share",
    "own_dec_short",
    "own_dec_long",
    "own_had",  # had at any time
    "user_n",
    "user_gap",  # log seconds since the user's last event
    "user_repeat",
    "user_sticky",  # stickiness of the user's last item
    "user_session",
    "user_had",
    "user_new",
    "user_pace",  # this gap against the user's usual gap
    "pop_0",  # log share of all events, five half-lives
    "pop_1",
    "pop_2",
    "pop_3",
    "pop_4",
    "pop_total",
    "pop_age",  # log seconds since anybody's last event
    "pop_sticky",
    "pop_pace",  # that age against the item's usual gap
    "pop_run",
    "pop_born",  # log seconds since the first event
    "pop_users",  # distinct users per event
    "fresh_0",  # log share of newcomers' events, four half-lives
    "fresh_1",
    "fresh_2",
    "fresh_3",
    "switch_0",  # log share of switches, four half-lives
    "switch_1",
    "switch_2",
    "switch_3",
    "next_last",  # share of direct transitions from the last item
    "push",  # log of one-hop weight
    "push_share",
    "walk",  # log of walk visits
    "near",  # paths through recent users
    "push_all",  # log of one-hop weight from the whole history
    "push_all_share",
    "start",  # share of the start node
    "heir_repeat",  # how often the item's last user repeats an item
    "heir_here",  # the item is still the last one of its last user
    "heir_n",  # log events of the item's last user
)
FEATURES = len(NAMES)
AHEAD = 4  # candidates whose rows are asked for before they are described


@njit(nogil=True, cache=True)
def _share(part: float, whole: float) -> np.float32:
    """Return a scaled log share that is 0 for nothing."""
    return log1p((part + 1e-2) / (whole + 1.0) * 1e4) / np.float32(6)


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
def habits(
    n: int, had: float, repeat: float, sticky: float, all_had: float, all_repeat: float
) -> tuple[float, float]:
    """Return the chance that a user's next event is on an item had before, and that it is on the last item.

    Args:
        n: Events of the user; none has no habits.
        had, repeat: The user's running shares; all_had, all_repeat: everybody's.
        sticky: Of the user's last item.
    """
    if n == 0:
        return 0.0, 0.0
    return (had * n + all_had * 4.0) / (n + 4.0), (repeat * n + sticky * 3.0 + all_repeat) / (n + 4.0)


@njit(nogil=True, cache=True)
def mixture(
    n: int, r: float, s: float, j: int, had: bool, fresh: float, pop: float, pushed: float, follows: float
) -> tuple[float, float, float, float]:
    """Return (own, new, popular, walked) of a fixed mixture, a probability own + new * (popular + walked).

    Args:
        n: Events of the user.
        r, s: Chance that the next event is on an item had before, on the last item.
        j: The candidate's place in the history, -1 if nowhere.
        had: The user has had it.
        fresh, pop, pushed, follows: Shares of newcomers' events, of all events, of one-hop weight, of
            transitions from the last item.
    """
    own = 0.0
    if j == 0:
        own = s
    elif j > 0:
        own = (max(r - s, 0.0) + 0.02 * r) * 0.38 * np.exp(-1.3 * log(j))
    new = (1.0 - r) * (0.02 if had else 1.0)
    if n == 0:
        return own, new, 0.6 * fresh + 0.4 * pop, 0.0
    return own, new, 0.25 * fresh + 0.2 * pop, 0.4 * pushed + 0.15 * follows


@njit(nogil=True, cache=True)
def blend(
    n: int, r: float, s: float, j: int, had: bool, fresh: float, pop: float, pushed: float, follows: float
) -> np.float32:
    """Return the log of `mixture`: repeat the last item, go back to an older one, or take a new one."""
    own, new, popular, walked = mixture(n, r, s, j, had, fresh, pop, pushed, follows)
    return log(own + new * (popular + walked) + 1e-7)


@njit(nogil=True, cache=True)
def describe(state: State, scratch: Scratch, u: int, t: int, cand: np.ndarray, n: int, x: np.ndarray) -> None:
    """Write the features of `n` candidates, whose numbers `gather` and `put` have left in the scratch, as of `t`.

    Shapes:
        - cand: int32 [C]
        - x: float32 [C, FEATURES]
    """
    world = state.world[0]
    rates = state.rates[0]
    pace = world.pace if world.pace > 0 else 1.0
    user = state.users[u] if u >= 0 else state.guest[0]
    known = user.n > 0
    count = user.n if known else 0
    last = user.item[0] if known else START
    last_edge = state.edges[last]
    start = state.edges[START]
    sticky = state.items[last].sticky if known else np.float32(0)
    r, s = habits(count, user.had, user.repeat, float(sticky), world.had, world.repeat)
    since = t - user.last_t if known else 0
    rate, own = np.empty(HALF), np.empty(2)
    whole, first, switches = np.empty(HALF), np.empty(HALF), np.empty(HALF)
    for h in range(HALF):
        rate[h] = 1.0 / (rates.pop[h] * pace)
        left = decay(t - world.tot_t, rates.pop[h] * pace)
        whole[h] = world.tot[h] * left
        if h >= HALF - FRESH:
            first[h], switches[h] = world.ftot[h - 1] * left, world.stot[h - 1] * left
    for h in range(2):
        own[h] = 1.0 / (rates.user[h] * pace)
    pushed_all, all_pushed = 0.0, 0.0
    acc, found, flagged = scratch.acc, scratch.found, scratch.had
    for k in range(scratch.touched_n[0]):
        pushed_all += acc[k, 0]
        all_pushed += acc[k, 3]
    counts, times, visits, decs, ats, indices = user.count, user.t, user.visits, user.dec, user.at, user.index
    pops, freshs, switcheds = state.items.pop, state.items.fresh, state.items.switch
    where, place, follow = scratch.where, np.full(n, -1, np.int8), np.zeros(n, np.float32)
    x[:n] = 0
    _spread(where, start.dst, start.w, start.slots, start.total, x[:, 52])
    _spread(where, last_edge.next, last_edge.next_w, last_edge.nexts, last_edge.next_total, follow)
    if known:
        mine = user.item
        for j in range(user.slots):
            if where[mine[j]] > 0:
                place[where[mine[j]] - 1] = j
    for c in range(n):
        if c + 2 * AHEAD < n:
            fetch(state.items, cand[c + 2 * AHEAD])
        if c + AHEAD < n:
            fetch_head(state.users, max(state.items[cand[c + AHEAD]].last_user, 0), USER_HEAD)
        row = cand[c]
        item = state.items[row]
        f = x[c]
        j = int(place[c])
        had = flagged[row] != 0
        if j >= 0:
            f[1] = 1
            f[2] = 1.0 / (1 + j)
            f[3] = j == 0
            f[4] = j == 1
            f[5] = log1p(counts[j]) / 4
            f[6] = counts[j] / count
            f[7] = _seconds(t - times[j])
            f[8] = 1.0 / max(1, count - indices[j])
            f[9] = log1p(user.run) / 4 if j == 0 else 0.0
            f[10] = item.last_user == u
            f[11] = log1p(max(0, item.n - ats[j])) / 6
            f[12] = log1p(visits[j]) / 3
            f[13] = visits[j] / count
            gap = t - times[j]
            f[14] = log1p(decs[j, 0] * halved(gap, own[0])) / 3
            f[15] = log1p(decs[j, 1] * halved(gap, own[1])) / 3
        f[16] = had
        f[17] = log1p(count) / 6
        if known:
            f[18] = _seconds(since)
            f[19] = user.repeat
            f[20] = sticky
            f[21] = log1p(user.session_n) / 4 if since <= rates.session else 0.0
            f[22] = user.had
            f[24] = f[18] - user.gap / 12
        else:
            f[23] = 1
        age = t - item.last_t
        pop, fresh = 0.0, 0.0
        for h in range(HALF):
            now = halved(age, rate[h])
            f[25 + h] = _share(pops[row, h] * now, whole[h])
            if h == 2:
                pop = pops[row, h] * now / (whole[h] + 1.0)
            if h >= HALF - FRESH:
                f[36 + h] = _share(freshs[row, h - 1] * now, first[h])
                f[40 + h] = _share(switcheds[row, h - 1] * now, switches[h])
                if h == 3:
                    fresh = freshs[row, h - 1] * now / (first[h] + 1.0)
        f[30] = log1p(item.n) / 8
        f[31] = _seconds(age)
        f[32] = item.sticky
        f[33] = f[31] - item.gap / 12
        f[34] = log1p(item.last_run) / 4
        f[35] = _seconds(t - item.first_t)
        f[36] = item.users / max(1, item.n)
        follows = follow[c]
        at = int(found[row]) - 1
        one = float(acc[at, 0]) if at >= 0 else 0.0
        pushed = one / max(pushed_all, 1e-9)
        f[45] = follows if known else 0.0
        f[46] = log1p(one * 1e3) / 6
        f[47] = pushed
        if at >= 0:
            f[48] = log1p(acc[at, 1] * 1e3) / 6
            f[49] = log1p(acc[at, 2] * 4) / 2
            f[50] = log1p(acc[at, 3] * 1e3) / 6
            f[51] = acc[at, 3] / max(all_pushed, 1e-9)
        if item.n > 0 and item.last_user >= 0:
            heir = state.users[item.last_user]
            f[53] = heir.repeat
            f[54] = heir.slots > 0 and heir.item[0] == row
            f[55] = log1p(heir.n) / 6
        f[0] = blend(count, r, s, j, had, fresh, pop, pushed, follows if known else 0.0) / 4
