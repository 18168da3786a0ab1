"""Training samples: what the ranker would have seen just before an event, written during the pass over it.

Events come in visibility groups: every sampled event of a group is described before any event of the group
is applied.  On a live stream each event is its own group.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from state.counter.history import BLOCKS, prefetch_history, slot
from state.counter.update import AHEAD, apply, prefetch_rows
from state.graph.edge import chance
from state.ranking.column import FEATURES
from state.ranking.feature import describe
from state.record.decay import decay
from state.record.layout import (
    HISTORY,
    KEPT_OUT,
    POPULAR,
    SHOWN,
    START,
    Row,
)
from state.record.profile import recent_items
from state.record.world import Marks, Scratch, State, World
from state.retrieval.candidate import CANDIDATES, close, gather, put

UNIFORM = 24  # items drawn at random into a training sample
WIDTH = CANDIDATES + UNIFORM + SHOWN + 1


class Before(NamedTuple):
    """What was known just before each of n events; of no events where nobody asks."""

    hist: np.ndarray  # int32 [n, K], the user's last items, newest first, -1 where unused
    age: np.ndarray  # int64 [n, K], ms
    known: np.ndarray  # bool [n], whether the item had events


class Events(NamedTuple):
    """Events in order, and which of them are sampled."""

    users: np.ndarray  # int32 [n], rows that exist
    items: np.ndarray  # int32 [n]
    t: np.ndarray  # int64 [n], ms
    kinds: np.ndarray  # int8 [n]
    ends: np.ndarray  # int64 [groups], where each visibility group ends; empty: each event is a group
    pick: np.ndarray  # int32 [n], the number of the event's sample, -1 for none
    before: Before  # written


class Sampling(NamedTuple):
    """How events are sampled."""

    own: bool = True  # whether items the user has seen may be candidates
    exact: bool = False  # whether the rank of a true item outside the candidates is worked out
    train: bool = False  # whether the true item and random items are added


class Sample(NamedTuple):
    """Arrays of S samples; candidates first, then the true item if it was not one, then random items."""

    cand: np.ndarray  # int32 [S, WIDTH], 0 where unused
    x: np.ndarray  # float32 [S, WIDTH, FEATURES]
    found: np.ndarray  # int32 [S], candidates found by `gather`
    shown: np.ndarray  # uint8 [S, WIDTH], 1 where the item was shown to the user and not taken
    n: np.ndarray  # int32 [S], with those added for training
    label: np.ndarray  # int32 [S], position of the true item, -1 if it has no row with events yet
    user: Row  # int32 [S]
    item: Row  # int32 [S]
    t: np.ndarray  # int64 [S]
    hist: np.ndarray  # int32 [S, K], newest first, -1 where unused
    age: np.ndarray  # int64 [S, K], ms
    better: np.ndarray  # int64 [S], items outside the candidates that popularity puts before the true one; -1 if not worked out
    equal: np.ndarray  # int64 [S], … and beside it
    own_rank: (
        np.ndarray
    )  # int32 [S], rank among the user's own items by recency, 0 if none, -1 if it may be no candidate
    pop_rank: np.ndarray  # int32 [S], rank on the leaderboard of popularity, 0 if none


def events(
    users: np.ndarray,
    items: np.ndarray,
    t: np.ndarray,
    kinds: np.ndarray | None = None,
    *,
    ends: np.ndarray | None = None,
    pick: np.ndarray | None = None,
    before: Before | None = None,
) -> Events:
    """Return events as `learn` and `look` take them: of kind 0, each a group, and not sampled, unless said otherwise."""
    n = users.shape[0]
    return Events(
        np.asarray(users, np.int32),
        np.asarray(items, np.int32),
        np.asarray(t, np.int64),
        np.zeros(n, np.int8) if kinds is None else np.asarray(kinds, np.int8),
        np.zeros(0, np.int64) if ends is None else np.asarray(ends, np.int64),
        np.full(n, -1, np.int32) if pick is None else np.asarray(pick, np.int32),
        before or UNASKED,
    )


def before(n: int, history: int) -> Before:
    """Return room for what is known before n events."""
    return Before(
        np.full((n, history), -1, np.int32), np.zeros((n, history), np.int64), np.zeros(n, np.bool_)
    )


UNASKED = before(0, 1)


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


NONE = empty(0)


@njit(nogil=True, cache=True)
def _background(state: State, scratch: Scratch, row: int, t: int, own: bool) -> tuple[int, int]:
    """Count the items outside the candidates that popularity puts before, and beside, item `row`."""
    half = state.rates[0].pop[3] * state.world[0].pace
    mine = state.items[row].pop[3] * decay(t - state.items[row].last_t, half)
    better, equal = 0, 0
    for other in range(START + 1, state.world[0].items):
        if scratch.where[other] != 0 or other == row or (not own and scratch.seen[other] >= KEPT_OUT):
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
        if scores[k] > mine and (own or scratch.seen[items[k]] < KEPT_OUT):
            rank += 1
    return rank


@njit(nogil=True, cache=True)
def emit(
    state: State, scratch: Scratch, u: int, row: int, t: int, how: Sampling, s: int, out: Sample
) -> None:
    """Write sample `s`: the candidates for user `u` at `t`, their features, and where the true item is."""
    cand, seen, own = out.cand[s], scratch.seen, how.own
    cand[:] = 0
    out.shown[s, :] = 0
    n = gather(state, scratch, u, t, own, cand[:CANDIDATES])
    out.found[s] = n
    label = scratch.where[row] - 1
    out.better[s], out.equal[s] = 0, 0
    if label < 0:
        out.better[s] = -1
        if how.exact:
            out.better[s], out.equal[s] = _background(state, scratch, row, t, own)
    if how.train and state.items[row].n > 0 and (own or seen[row] < KEPT_OUT):
        n = put(scratch, cand, n, row, own)
        label = scratch.where[row] - 1
        n = _negatives(state, scratch, u, row, own, n, cand, out.shown[s])
    describe(state, scratch, u, t, cand, n, out.x[s])
    out.n[s], out.label[s], out.user[s], out.item[s], out.t[s] = n, label, u, row, t
    recent_items(state, u, t, out.hist[s], out.age[s])
    out.own_rank[s] = slot(state.history, state.users[u], u, row) + 1 if state.users[u].n > 0 else 0
    if not own and seen[row] >= KEPT_OUT:
        out.own_rank[s] = -1
    out.pop_rank[s] = _board_rank(state, scratch, row, own)
    close(scratch, cand, n)


@njit(nogil=True, cache=True)
def _negatives(
    state: State, scratch: Scratch, u: int, row: int, own: bool, n: int, cand: np.ndarray, shown: np.ndarray
) -> int:
    """Append items that were shown to the user and not taken, and random items; return how many there are then."""
    user = state.users[u]
    for k in range(min(user.shown_n, SHOWN)):
        other = user.shown[k]
        if other != row:
            n = put(scratch, cand, n, other, own)
            if scratch.where[other] > 0:
                shown[scratch.where[other] - 1] = 1
    size = state.world[0].items - 1
    for k in range(UNIFORM):
        other = START + 1 + int(chance(state.world[0].events, u, k) * size)
        if state.items[other].n > 0:
            n = put(scratch, cand, n, other, own)
    return n


@njit(nogil=True, cache=True)
def look(state: State, scratch: Scratch, events: Events, how: Sampling, out: Sample) -> None:
    """Describe all events without applying them: all see the same state."""
    for i in range(events.users.shape[0]):
        emit(state, scratch, events.users[i], events.items[i], events.t[i], how, i, out)


@njit(nogil=True, cache=True)
def learn(state: State, marks: Marks, scratch: Scratch, events: Events, how: Sampling, out: Sample) -> None:
    """Apply events in order, describing the picked ones just before."""
    users, items, t, kinds, ends, pick, before = events
    asked = before.known.shape[0] > 0
    begin = 0
    groups = ends.shape[0] if ends.shape[0] > 0 else users.shape[0]
    for g in range(groups):
        end = ends[g] if ends.shape[0] > 0 else g + 1
        for i in range(begin, end):
            if asked:
                recent_items(state, users[i], t[i], before.hist[i], before.age[i])
                before.known[i] = state.items[items[i]].n > 0
            if pick[i] >= 0:
                emit(state, scratch, users[i], items[i], t[i], how, pick[i], out)
        for i in range(begin, end):
            if i + AHEAD < users.shape[0]:
                prefetch_rows(state, users[i + AHEAD], items[i + AHEAD])
            for depth in range(BLOCKS):
                if i + AHEAD - 1 - depth < users.shape[0]:
                    prefetch_history(state.history, state.users[users[i + AHEAD - 1 - depth]], depth)
            apply(state, marks, users[i], items[i], t[i], kinds[i])
        begin = end


def replay(
    world: World, scratch: Scratch, users: np.ndarray, items: np.ndarray, t: np.ndarray, kinds: np.ndarray
) -> None:
    """Apply events in order, none of them sampled.

    Shapes:
        - users, items: int32 [n], rows that exist; t: int64 [n]; kinds: int8 [n]
    """
    learn(world.state, world.marks, scratch, events(users, items, t, kinds), Sampling(), NONE)
