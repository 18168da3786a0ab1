"""Evict rows: remove them and every reference to them, so that their numbers can be reused.

A reused row must not be remembered as the old one.  What remains are aggregates that name no row: counts of all
events, an item's number of users, weights of edges between items that stay.

    item   histories (closed up, in order), seen lists and shown items (START instead), edges both ways with
           their totals, leaderboards (filled up from all items), the item's own rows
    user   items' last users (EVICTED instead), the user's own row, overflow and seen blocks, which are reused

One pass goes over all rows of the tables, so many rows are evicted at a time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.counter import removal
from state.counter.leaderboard import raise_to, score
from state.counter.seen import release
from state.record.decay import LN2
from state.record.layout import (
    BLOCK,
    FIRST,
    HALF,
    NEW_ITEMS,
    RECENT,
    RISING,
    SHOWN,
    START,
    TOTAL,
    Row,
)
from state.record.world import Marks, State, World
from state.storage.table import Table, mark

EVICTED = -2  # instead of a user's row in an item's: neither a row nor the guest


@njit(nogil=True, cache=True)
def _users(state: State, marks: Marks, evicted: np.ndarray) -> None:
    for u in range(state.world[0].users):
        user = state.users[u]
        changed = removal.drop(state, marks, u, evicted)
        shown = user.shown
        for k in range(SHOWN):
            if evicted[shown[k]]:
                shown[k] = START
                changed = True
        if changed:
            mark(marks.users, u)


@njit(nogil=True, cache=True)
def _seen(state: State, marks: Marks, evicted: np.ndarray) -> None:
    """Write START over evicted items in all seen lists; unused positions hold it anyway."""
    for block in range(1, state.world[0].blocks + 1):
        items = state.seen[block].item
        for k in range(BLOCK):
            if evicted[items[k]]:
                items[k] = START
                mark(marks.seen, block)


@njit(nogil=True, cache=True)
def _edge(edge: Row, evicted: np.ndarray) -> int:
    """Drop a row's edges to evicted items, order kept; return how many, or -1 for transitions alone."""
    to, w, at, n, left, total = edge.dst, edge.w, edge.at, edge.slots, 0, np.float32(0)
    for k in range(n):
        if not evicted[to[k]]:
            to[left], w[left], at[left] = to[k], w[k], at[k]
            total += w[k]
            left += 1
    dropped = n - left
    if dropped:
        edge.slots, edge.total = left, total
        for k in range(left, n):
            to[k], w[k], at[k] = 0, 0, 0
    after, next_w, n, left, total = edge.next, edge.next_w, edge.nexts, 0, np.float32(0)
    for k in range(n):
        if not evicted[after[k]]:
            after[left], next_w[left] = after[k], next_w[k]
            total += next_w[k]
            left += 1
    if left == n:
        return dropped
    edge.nexts, edge.next_total = left, total
    for k in range(left, n):
        after[k], next_w[k] = 0, 0
    return dropped if dropped else -1


@njit(nogil=True, cache=True)
def _edges(state: State, marks: Marks, evicted: np.ndarray) -> None:
    world = state.world[0]
    for src in range(world.items):
        edge = state.edges[src]
        if evicted[src]:
            world.edges -= edge.slots
            continue
        dropped = _edge(edge, evicted)
        if dropped:
            world.edges -= max(0, dropped)
            mark(marks.edges, src)


@njit(nogil=True, cache=True)
def _value(state: State, b: int, item: Row) -> float:
    """Return an item's score on board `b`, -inf where it does not belong there."""
    world, pop = state.world[0], state.rates[0].pop
    if b == TOTAL:
        return np.log2(np.float64(item.n)) if item.n > 0 else -np.inf
    count = item.fresh[2] if b == FIRST else (item.pop[1] if b == RISING else item.pop[3])
    half = (pop[1] if b == RISING else pop[3]) * world.pace
    return score(count, item.last_t, world.t0, half) if count > 0 else -np.inf


@njit(nogil=True, cache=True)
def _board(state: State, marks: Marks, b: int, evicted: np.ndarray) -> None:
    """Remove evicted items from a board and fill it up from all others, so that it holds the largest counts again."""
    board = state.boards[b]
    item, scores = board.item, board.score
    n, left = board.n, 0
    for k in range(n):
        if not evicted[item[k]]:
            item[left], scores[left] = item[k], scores[k]
            left += 1
    if left == n:
        return
    for k in range(left, n):
        item[k], scores[k] = 0, 0.0
    board.n, board.low = left, -np.inf
    mark(marks.boards, b)
    for row in range(START + 1, state.world[0].items):
        one = state.items[row]
        if not evicted[row] and not one.board & (1 << b):
            value = _value(state, b, one)
            if value > -np.inf:
                raise_to(state, marks, b, row, value)
                if one.board & (1 << b):
                    mark(marks.items, row)


@njit(nogil=True, cache=True)
def _drop_items(state: State, marks: Marks, evicted: np.ndarray) -> None:
    _users(state, marks, evicted)
    new = state.world[0].new
    for k in range(NEW_ITEMS):
        if evicted[new[k]]:
            new[k] = START
    _seen(state, marks, evicted)
    _edges(state, marks, evicted)
    for b in range(state.boards.shape[0]):
        _board(state, marks, b, evicted)


@njit(nogil=True, cache=True)
def _drop_users(state: State, marks: Marks, evicted: np.ndarray) -> None:
    for row in range(START + 1, state.world[0].items):
        item = state.items[row]
        if item.n == 0:
            continue
        changed = False
        if item.last_user >= 0 and evicted[item.last_user]:
            item.last_user, item.last_run, changed = EVICTED, 0, True
        users, times = item.user, item.user_t
        for k in range(min(RECENT, item.n)):
            if users[k] >= 0 and evicted[users[k]]:
                users[k], times[k] = EVICTED, 0
                changed = True
        if changed:
            mark(marks.items, row)


def _zero(tables: list[Table], rows: np.ndarray) -> None:
    for table in tables:
        table.bytes[rows] = 0
        table.touch(rows)


def drop_items(world: World, rows: np.ndarray) -> None:
    """Evict item rows, int64 [n], START not among them."""
    evicted = np.zeros(world.items.capacity, np.uint8)
    evicted[rows] = 1
    _drop_items(world.state, world.marks, evicted)
    _zero([world.items, world.edges], rows)
    world.world.touch(np.zeros(1, np.int64))


def drop_users(world: World, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Evict user rows, int64 [n]; return by table the numbers of the blocks that were erased, int64 [m]."""
    evicted = np.zeros(world.users.capacity, np.uint8)
    evicted[rows] = 1
    _drop_users(world.state, world.marks, evicted)
    blocks = {"seen": release(world, rows), "history": removal.release(world, rows)}
    _zero([world.users], rows)
    return blocks


def least(world: World, rows: np.ndarray, count: int) -> np.ndarray:
    """Return the `count` items of `rows`, int64 [n], with the smallest decayed counts as of the stream's time.

    The longest half-life counts; among equal ones those come first that were taken longest ago, then the lower rows.
    """
    state = world.state
    t, half = int(state.world[0]["t"]), float(state.rates[0]["pop"][HALF - 1] * state.world[0]["pace"])
    last = state.items["last_t"][rows]
    value = state.items["pop"][rows, HALF - 1] * np.exp(-LN2 * np.maximum(t - last, 0) / half)
    return _first(rows, count, value, last)


def silent(world: World, rows: np.ndarray, count: int) -> np.ndarray:
    """Return the `count` users of `rows`, int64 [n], that were silent for longest; among equals the lower rows."""
    last = world.state.users["last_t"][rows]
    return _first(rows, count, last, last)


def _first(rows: np.ndarray, count: int, value: np.ndarray, then: np.ndarray) -> np.ndarray:
    """Return the `count` rows of smallest value, then of smallest `then`, then of lowest number; ascending."""
    if count < rows.shape[0]:
        some = np.flatnonzero(value <= np.partition(value, count - 1)[count - 1])
        order = np.lexsort((rows[some], then[some], value[some]))[:count]
        rows = rows[some[order]]
    return np.sort(rows)
