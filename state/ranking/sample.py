"""Samples: what the ranker would have seen just before an event, written while the pass goes over it.

Events come in visibility groups: every sampled event of a group is described before any event of the group
is applied.  On a live stream each event is its own group.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from state.counter.history import slot
from state.counter.update import AHEAD, apply, expect
from state.graph.edge import chance
from state.ranking.feature import FEATURES, describe
from state.record.decay import decay
from state.record.layout import (
    HISTORY,
    KEPT_OUT,
    POPULAR,
    SHOWN,
    START,
    Row,
)
from state.record.world import Marks, Scratch, State
from state.retrieval.candidate import CANDIDATES, close, gather, put

UNIFORM = 24  # items drawn at random into a training sample
WIDTH = CANDIDATES + UNIFORM + SHOWN + 1


class Sample(NamedTuple):
    """Arrays of S samples; candidates first, then the true item if it was not one, then random items."""

    cand: np.ndarray  # int32 [S, WIDTH], 0 where unused
    x: np.ndarray  # float32 [S, WIDTH, FEATURES]
    found: np.ndarray  # int32 [S], candidates found by `gather`
    shown: np.ndarray  # uint8 [S, WIDTH], 1 where the item was shown to the user and not taken
    n: np.ndarray  # int32 [S], with those added for training
    label: np.ndarray  # int32 [S], place of the true item, -1 if it has no row with events yet
    user: Row  # int32 [S]
    item: Row  # int32 [S]
    t: np.ndarray  # int64 [S]
    hist: np.ndarray  # int32 [S, K], newest first, -1 where unused
    age: np.ndarray  # int64 [S, K], ms
    better: np.ndarray  # int64 [S], items outside the candidates that popularity puts before the true one; -1 if not worked out
    equal: np.ndarray  # int64 [S], … and beside it
    own_rank: (
        np.ndarray
    )  # int32 [S], place in the user's own items by recency, 0 if nowhere, -1 if it may not be asked for
    pop_rank: np.ndarray  # int32 [S], place on the leaderboard of popularity, 0 if nowhere


def empty(samples: int) -> Sample:
    """Return room for `samples` samples."""
    return Sample(
        np.zeros((samples, WIDTH), np.int32),
        np.zeros((samples, WIDTH, FEATURES), np.float32),
        np.zeros(samples, np.int32),
        np.zeros((samples, WIDTH), np.uint8),
        np.zeros(samples, np.int32),
        np.zeros(samples, np.int32),
        np.zeros(samples, np.int32),
        np.zeros(samples, np.int32),
        np.zeros(samples, np.int64),
        np.full((samples, HISTORY), -1, np.int32),
        np.zeros((samples, HISTORY), np.int64),
        np.zeros(samples, np.int64),
        np.zeros(samples, np.int64),
        np.zeros(samples, np.int32),
        np.zeros(samples, np.int32),
    )


@njit(nogil=True, cache=True)
def past(state: State, u: int, t: int, hist: np.ndarray, age: np.ndarray) -> None:
    """Write a user's last items and their ages, newest first."""
    hist[:] = -1
    age[:] = 0
    user = state.users[u] if u >= 0 else state.guest[0]
    item, times = user.item, user.t
    for j in range(min(user.slots, hist.shape[0])):
        hist[j] = item[j]
        age[j] = max(0, t - times[j])


@njit(nogil=True, cache=True)
def _background(state: State, scratch: Scratch, row: int, t: int, own: bool) -> tuple[int, int]:
    """Count the items outside the candidates that popularity puts before, and beside, item `row`."""
    half = state.rates[0].pop[3] * state.world[0].pace
    mine = state.items[row].pop[3] * decay(t - state.items[row].last_t, half)
    better, equal = 0, 0
    for other in range(START + 1, state.world[0].items):
        if scratch.where[other] != 0 or other == row or (not own and scratch.had[other] >= KEPT_OUT):
            continue
        item = state.items[other]
        theirs = item.pop[3] * decay(t - item.last_t, half) if item.n > 0 else 0.0
        if theirs > mine:
            better += 1
        elif theirs == mine:
            equal += 1
    return better, equal


@njit(nogil=True, cache=True)
def _board_rank(state: State, scratch: Scratch, row: int, own: bool) -> int:
    board = state.boards[POPULAR]
    items, scores = board.item, board.score
    if not state.items[row].board & (1 << POPULAR):
        return 0
    mine = 0.0
    for k in range(board.n):
        if items[k] == row:
            mine = scores[k]
    rank = 1
    for k in range(board.n):
        if scores[k] > mine and (own or scratch.had[items[k]] < KEPT_OUT):
            rank += 1
    return rank


@njit(nogil=True, cache=True)
def emit(
    state: State,
    scratch: Scratch,
    u: int,
    row: int,
    t: int,
    own: bool,
    exact: bool,
    train: bool,
    s: int,
    out: Sample,
) -> None:
    """Write sample `s`: the candidates for user `u` at `t`, their features, and where the true item is."""
    cand, x = out.cand[s], out.x[s]
    cand[:] = 0
    n = gather(state, scratch, u, t, own, cand[:CANDIDATES])
    found = n
    label = scratch.where[row] - 1
    seen_before = state.items[row].n > 0
    out.better[s], out.equal[s] = 0, 0
    out.shown[s, :] = 0
    if label < 0:
        out.better[s] = -1
        if exact:
            out.better[s], out.equal[s] = _background(state, scratch, row, t, own)
    if train and seen_before and (own or scratch.had[row] < KEPT_OUT):
        n = put(scratch, cand, n, row, own)
        label = scratch.where[row] - 1
        user = state.users[u]
        for k in range(min(user.shown_n, SHOWN)):
            other = user.shown[k]
            if other != row:
                n = put(scratch, cand, n, other, own)
                if scratch.where[other] > 0:
                    out.shown[s, scratch.where[other] - 1] = 1
        size = state.world[0].items - 1
        for k in range(UNIFORM):
            other = START + 1 + int(chance(state.world[0].events, u, k) * size)
            if state.items[other].n > 0:
                n = put(scratch, cand, n, other, own)
    describe(state, scratch, u, t, cand, n, x)
    out.found[s], out.n[s], out.label[s] = found, n, label
    out.user[s], out.item[s], out.t[s] = u, row, t
    past(state, u, t, out.hist[s], out.age[s])
    out.own_rank[s] = slot(state.users[u], row) + 1 if state.users[u].n > 0 else 0
    if not own and scratch.had[row] >= KEPT_OUT:
        out.own_rank[s] = -1
    out.pop_rank[s] = _board_rank(state, scratch, row, own)
    close(scratch, cand, n)


@njit(nogil=True, cache=True)
def look(
    state: State,
    scratch: Scratch,
    users: np.ndarray,
    items: np.ndarray,
    t: np.ndarray,
    own: bool,
    exact: bool,
    train: bool,
    out: Sample,
) -> None:
    """Describe events without applying them: all see the same state."""
    for i in range(users.shape[0]):
        emit(state, scratch, users[i], items[i], t[i], own, exact, train, i, out)


@njit(nogil=True, cache=True)
def learn(
    state: State,
    marks: Marks,
    scratch: Scratch,
    users: np.ndarray,
    items: np.ndarray,
    t: np.ndarray,
    kinds: np.ndarray,
    ends: np.ndarray,
    pick: np.ndarray,
    own: bool,
    exact: bool,
    train: bool,
    out: Sample,
) -> None:
    """Apply events in order, describing the picked ones just before.

    Args:
        ends: int64 [groups], where each visibility group ends; empty: each event is a group.
        pick: int32 [n], the number of the event's sample, -1 for none.
        own: Whether items the user has had may be candidates.
        exact: Whether the place of a true item outside the candidates is worked out.
        train: Whether the true item and random items are added.
    """
    begin = 0
    groups = ends.shape[0] if ends.shape[0] > 0 else users.shape[0]
    for g in range(groups):
        end = ends[g] if ends.shape[0] > 0 else g + 1
        for i in range(begin, end):
            if pick[i] >= 0:
                emit(state, scratch, users[i], items[i], t[i], own, exact, train, pick[i], out)
        for i in range(begin, end):
            if i + AHEAD < users.shape[0]:
                expect(state, users[i + AHEAD], items[i + AHEAD])
            apply(state, marks, users[i], items[i], t[i], kinds[i])
        begin = end
