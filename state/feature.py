"""What the ranker sees of a candidate: counted features, one table, one place.

The same code serves training, evaluation and serving.  Logs are scaled to order one; shares lie in [0, 1];
half-lives are multiples of the stream's pace.  Column 0 is the blend: a fixed, sensible log-probability
with nothing learned, on which the learned ranker is a correction.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.record import FRESH, HALF, START, Scratch, State
from state.update import decay, slot

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


@njit(nogil=True, cache=True)
def _share(part: float, whole: float) -> float:
    """Return a scaled log share that is 0 for nothing."""
    return np.log((part + 1e-2) / (whole + 1.0) * 1e4 + 1.0) / 6.0


@njit(nogil=True, cache=True)
def _seconds(ms: float) -> float:
    return np.log1p(max(0.0, ms) / 1000.0) / 12.0


@njit(nogil=True, cache=True)
def _edge_share(dst: np.ndarray, w: np.ndarray, n: int, total: float, item: int) -> float:
    for k in range(n):
        if dst[k] == item:
            return w[k] / max(total, np.float32(1e-30))
    return 0.0


@njit(nogil=True, cache=True)
def blend(
    n: int, r: float, s: float, j: int, had: bool, fresh: float, pop: float, pushed: float, follows: float
) -> float:
    """Return the log of a fixed mixture: repeat the last item, go back to an older one, or take a new one.

    Args:
        n: Events of the user.
        r, s: Chance that the next event is on an item had before, on the last item.
        j: The candidate's place in the history, -1 if nowhere.
        had: The user has had it.
        fresh, pop, pushed, follows: Shares of newcomers' events, of all events, of one-hop weight, of
            transitions from the last item.
    """
    new = 0.6 * fresh + 0.4 * pop if n == 0 else 0.25 * fresh + 0.2 * pop + 0.4 * pushed + 0.15 * follows
    p = (1.0 - r) * new * (0.02 if had else 1.0)
    if j == 0:
        p += s
    elif j > 0:
        p += (max(r - s, 0.0) + 0.02 * r) * 0.38 / j**1.3
    return np.log(p + 1e-7)


@njit(nogil=True, cache=True)
def describe(state: State, scratch: Scratch, u: int, t: int, cand: np.ndarray, n: int, x: np.ndarray) -> None:
    """Write the features of `n` candidates as of time `t`.

    Shapes:
        - cand: int32 [C]
        - x: float32 [C, FEATURES]
    """
    world = state.world[0]
    rates = state.rates[0]
    pace = world.pace if world.pace > 0 else 1.0
    known = u >= 0 and state.users[u].n > 0
    user = state.users[max(u, 0)]
    count = user.n if known else 0
    last = user.item[0] if known else START
    last_edge = state.edges[last]
    start = state.edges[START]
    sticky = state.items[last].sticky if known else np.float32(0)
    r = (user.had * count + world.had * 4.0) / (count + 4.0) if known else 0.0
    s = (user.repeat * count + sticky * 3.0 + world.repeat) / (count + 4.0) if known else 0.0
    since = t - user.last_t if known else 0
    left = np.empty(HALF)
    for h in range(HALF):
        left[h] = decay(t - world.tot_t, rates.pop[h] * pace)
    pushed_all, all_pushed = 0.0, 0.0
    for k in range(scratch.touched_n[0]):
        pushed_all += scratch.acc[scratch.touched[k], 0]
        all_pushed += scratch.acc[scratch.touched[k], 3]
    for c in range(n):
        row = cand[c]
        item = state.items[row]
        f = x[c]
        f[:] = 0
        j = slot(user, row) if known else -1
        had = scratch.had[row] != 0
        if j >= 0:
            f[1] = 1
            f[2] = 1.0 / (1 + j)
            f[3] = j == 0
            f[4] = j == 1
            f[5] = np.log1p(user.count[j]) / 4
            f[6] = user.count[j] / count
            f[7] = _seconds(t - user.t[j])
            f[8] = 1.0 / max(1, count - user.index[j])
            f[9] = np.log1p(user.run) / 4 if j == 0 else 0.0
            f[10] = item.last_user == u
            f[11] = np.log1p(max(0, item.n - user.at[j])) / 6
            f[12] = np.log1p(user.visits[j]) / 3
            f[13] = user.visits[j] / count
            gap = t - user.t[j]
            f[14] = np.log1p(user.dec[j, 0] * decay(gap, rates.user[0] * pace)) / 3
            f[15] = np.log1p(user.dec[j, 1] * decay(gap, rates.user[1] * pace)) / 3
        f[16] = had
        f[17] = np.log1p(count) / 6
        if known:
            f[18] = _seconds(since)
            f[19] = user.repeat
            f[20] = sticky
            f[21] = np.log1p(user.session_n) / 4 if since <= rates.session else 0.0
            f[22] = user.had
            f[24] = f[18] - user.gap / 12
        else:
            f[23] = 1
        age = t - item.last_t
        for h in range(HALF):
            now = decay(age, rates.pop[h] * pace)
            f[25 + h] = _share(item.pop[h] * now, world.tot[h] * left[h])
            if h >= HALF - FRESH:
                f[36 + h] = _share(item.fresh[h - 1] * now, world.ftot[h - 1] * left[h])
                f[40 + h] = _share(item.switch[h - 1] * now, world.stot[h - 1] * left[h])
        f[30] = np.log1p(item.n) / 8
        f[31] = _seconds(age)
        f[32] = item.sticky
        f[33] = f[31] - item.gap / 12
        f[34] = np.log1p(item.last_run) / 4
        f[35] = _seconds(t - item.first_t)
        f[36] = item.users / max(1, item.n)
        follows = _edge_share(last_edge.next, last_edge.next_w, last_edge.nexts, last_edge.next_total, row)
        pushed = scratch.acc[row, 0] / max(pushed_all, 1e-9)
        f[45] = follows if known else 0.0
        f[46] = np.log1p(scratch.acc[row, 0] * 1e3) / 6
        f[47] = pushed
        f[48] = np.log1p(scratch.acc[row, 1] * 1e3) / 6
        f[49] = np.log1p(scratch.acc[row, 2] * 4) / 2
        f[50] = np.log1p(scratch.acc[row, 3] * 1e3) / 6
        f[51] = scratch.acc[row, 3] / max(all_pushed, 1e-9)
        if item.n > 0:
            heir = state.users[item.last_user]
            f[53] = heir.repeat
            f[54] = heir.slots > 0 and heir.item[0] == row
            f[55] = np.log1p(heir.n) / 6
        f[52] = _edge_share(start.dst, start.w, start.slots, start.total, row)
        fresh = item.fresh[2] * decay(age, rates.pop[3] * pace) / (world.ftot[2] * left[3] + 1.0)
        pop = item.pop[2] * decay(age, rates.pop[2] * pace) / (world.tot[2] * left[2] + 1.0)
        f[0] = blend(count, r, s, j, had, fresh, pop, pushed, follows if known else 0.0) / 4
