"""A user's last distinct items, newest first, in the user's row."""

from __future__ import annotations

import numpy as np
from numba import njit

from state.record.decay import decay
from state.record.layout import HISTORY, Row
from state.record.world import State


@njit(nogil=True, cache=True)
def slot(user: Row, item: int) -> int:
    """Return the slot of `item` in the user's history, -1 if it has none."""
    items = user.item
    for j in range(user.slots):
        if items[j] == item:
            return j
    return -1


@njit(nogil=True, cache=True)
def remember(state: State, user: Row, j: int, row: int, t: int, seq: int, mask: int, kind: int) -> None:
    """Move item `row` (at slot `j`, -1 if new) to the front of the user's history.

    Args:
        mask: Kinds of the user's earlier events on it that the row does not know.
    """
    rates = state.rates[0]
    unit = state.world[0].pace
    count, visits = np.float32(0.0), np.float32(0.0)
    d0, d1 = np.float32(0.0), np.float32(0.0)
    if j < 0:
        j = min(user.slots, HISTORY - 1)
        if user.slots < HISTORY:
            user.slots += 1
    else:
        mask |= user.mask[j]
        gap = t - user.t[j]
        count, visits = user.count[j], user.visits[j]
        d0 = np.float32(user.dec[j, 0] * decay(gap, rates.user[0] * unit))
        d1 = np.float32(user.dec[j, 1] * decay(gap, rates.user[1] * unit))
    newest = t
    if j > 0:
        item, index, at, times = user.item, user.index, user.at, user.t
        counts, runs, dec, masks, kinds = user.count, user.visits, user.dec, user.mask, user.kind
        for k in range(j, 0, -1):
            item[k], index[k], at[k], times[k] = item[k - 1], index[k - 1], at[k - 1], times[k - 1]
            counts[k], runs[k] = counts[k - 1], runs[k - 1]
            masks[k], kinds[k] = masks[k - 1], kinds[k - 1]
            dec[k, 0], dec[k, 1] = dec[k - 1, 0], dec[k - 1, 1]
        visits += np.float32(1.0)
        user.run = 0
    elif count > 0:
        newest = max(t, user.t[0])
    else:
        visits = np.float32(1.0)
    user.run += 1
    user.item[0], user.index[0], user.at[0] = row, np.int32(user.n), np.int32(seq)
    user.count[0], user.visits[0], user.t[0] = count + np.float32(1.0), visits, newest
    user.mask[0], user.kind[0] = mask | (1 << kind), kind
    user.dec[0, 0], user.dec[0, 1] = d0 + np.float32(1.0), d1 + np.float32(1.0)


@njit(nogil=True, cache=True)
def remove(user: Row, j: int) -> None:
    """Remove slot `j` from the user's history; the others close up, in order."""
    item, index, at, times = user.item, user.index, user.at, user.t
    counts, visits, dec, masks, kinds = user.count, user.visits, user.dec, user.mask, user.kind
    if j == 0:
        user.run = 0  # nothing is known of how long the user has been on the next one
    last = user.slots - 1
    for k in range(j, last):
        item[k], index[k], at[k], times[k] = item[k + 1], index[k + 1], at[k + 1], times[k + 1]
        counts[k], visits[k] = counts[k + 1], visits[k + 1]
        dec[k, 0], dec[k, 1] = dec[k + 1, 0], dec[k + 1, 1]
        masks[k], kinds[k] = masks[k + 1], kinds[k + 1]
    item[last], index[last], at[last], times[last] = 0, 0, 0, 0
    counts[last], visits[last], masks[last], kinds[last] = 0, 0, 0, 0
    dec[last, 0], dec[last, 1] = 0, 0
    user.slots = last


def visit(state: State, rows: np.ndarray, t: int) -> None:
    """Let the guest be a visitor who has viewed these items, int32 [n], the newest last; with none, an unknown one."""
    guest = state.guest
    if guest["n"][0]:
        guest[0] = 0
    last = list(dict.fromkeys(reversed(rows.tolist())))[:HISTORY]
    if not last:
        return
    m, order = len(last), np.arange(len(last))
    guest["n"], guest["slots"], guest["session_n"], guest["run"] = m, m, m, 1
    guest["last_t"] = guest["first_t"] = guest["session_t"] = t
    guest["item"][0, :m], guest["index"][0, :m] = last, m - 1 - order
    guest["at"][0, :m] = np.minimum(state.items["n"][last], 2**31 - 1)
    guest["count"][0, :m] = guest["visits"][0, :m] = guest["dec"][0, :m] = 1
    guest["t"][0, :m] = t
    guest["mask"][0, :m] = 1  # viewed


@njit(nogil=True, cache=True)
def recent_items(state: State, u: int, t: int, hist: np.ndarray, age: np.ndarray) -> None:
    """Write a user's last items and their ages, newest first."""
    hist[:] = -1
    age[:] = 0
    user = state.users[u] if u >= 0 else state.guest[0]
    item, times = user.item, user.t
    for j in range(min(user.slots, hist.shape[0])):
        hist[j] = item[j]
        age[j] = max(0, t - times[j])
