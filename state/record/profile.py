"""A user's profile: the user's row and its overflow blocks in one record, as requests read them.

    user row | ... slots | overflow | 8 items |      block | owner | next | 8 items |
                              v
             owner, next -> | 8 items | next -> | 8 items | 0 |

Most users have few distinct items, so a row has room for eight and the others lie in up to three blocks, in the same
order: newest first.  A block says whose it is.  A reader whose block is another user's by now, or free again, before or
after it has read it, takes the history for as long as it is sure of.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.record.layout import HISTORY, INLINE, SHOWN, Row
from state.record.world import State

GUEST, OPENED = (
    0,
    1,
)  # rows of `State.profile`: a visitor without a row, zero for an unknown one; the user asked for last


@njit(nogil=True, cache=True)
def _copy(rows: Row, out: Row, begin: int) -> None:
    """Copy the items of a user's row or of a block to the profile, from position `begin` on."""
    item, index, at, times = rows.item, rows.index, rows.at, rows.t
    counts, visits, dec, masks, kinds = rows.count, rows.visits, rows.dec, rows.mask, rows.kind
    to_item, to_index, to_at, to_t = out.item, out.index, out.at, out.t
    to_count, to_visits, to_dec, to_mask, to_kind = out.count, out.visits, out.dec, out.mask, out.kind
    for k in range(INLINE):
        j = begin + k
        to_item[j], to_index[j], to_at[j], to_t[j] = item[k], index[k], at[k], times[k]
        to_count[j], to_visits[j], to_mask[j], to_kind[j] = counts[k], visits[k], masks[k], kinds[k]
        to_dec[j, 0], to_dec[j, 1] = dec[k, 0], dec[k, 1]


@njit(nogil=True, cache=True)
def clear(out: Row, begin: int, end: int) -> None:
    """Set the items `begin` to `end` of a record to zero."""
    item, index, at, times = out.item, out.index, out.at, out.t
    counts, visits, dec, masks, kinds = out.count, out.visits, out.dec, out.mask, out.kind
    for j in range(begin, end):
        item[j], index[j], at[j], times[j] = 0, 0, 0, 0
        counts[j], visits[j], dec[j, 0], dec[j, 1], masks[j], kinds[j] = 0, 0, 0, 0, 0, 0


@njit(nogil=True, cache=True)
def profile(state: State, u: int) -> Row:
    """Return user row `u`, -1 for the guest, with the whole history, as of now; the next call overwrites it."""
    out = state.profile[OPENED]
    if u < 0:
        return state.profile[GUEST]
    user, before = state.users[u], out.slots
    slots, block, n = min(user.slots, HISTORY), user.overflow, INLINE
    out.n, out.last_t, out.first_t, out.session_t = user.n, user.last_t, user.first_t, user.session_t
    out.session_n, out.run, out.seen_n, out.seen_head = (
        user.session_n,
        user.run,
        user.seen_n,
        user.seen_head,
    )
    out.repeat, out.had, out.gap, out.shown_n = user.repeat, user.had, user.gap, user.shown_n
    shown, to_shown = user.shown, out.shown
    for k in range(SHOWN):
        to_shown[k] = shown[k]
    _copy(user, out, 0)
    while n < slots and block != 0:
        over = state.history[block]
        if over.owner != u + 1:
            break
        _copy(over, out, n)
        if over.owner != u + 1:
            clear(out, n, n + INLINE)
            break
        n += INLINE
        block = over.next
    if before > n:
        clear(out, n, before)
    out.slots = min(slots, n)
    return out


@njit(nogil=True, cache=True)
def position(user: Row, item: int) -> int:
    """Return the position of `item` in the history of a profile, -1 if it has none."""
    items = user.item
    for j in range(user.slots):
        if items[j] == item:
            return j
    return -1


def visit(state: State, rows: np.ndarray, t: int) -> None:
    """Let the guest be a visitor who has viewed these items, int32 [n], the newest last; with none, an unknown one."""
    guest = state.profile[GUEST : GUEST + 1]
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
    user = profile(state, u)
    item, times = user.item, user.t
    for j in range(min(user.slots, hist.shape[0])):
        hist[j] = item[j]
        age[j] = max(0, t - times[j])


def profiles(state: State, rows: np.ndarray) -> np.ndarray:
    """Return the profiles of user rows, int [n], PROFILE [n]."""
    out = np.zeros(rows.shape[0], state.profile.dtype)
    _profiles(state, rows, out)
    return out


@njit(nogil=True, cache=True)
def _profiles(state: State, rows: np.ndarray, out: np.ndarray) -> None:
    for k in range(rows.shape[0]):
        out[k] = profile(state, rows[k])
