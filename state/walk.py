"""Walks on the co-watch graph: which items lie near what a user did last.

One-hop push gives exact weights next door; short random walks with restart reach further; paths through the
last users of an item reach what people like this one do right now.  All chance comes from a seed, so the
same state gives the same walk.

Source: Eksombatchai et al., Pixie (WWW 2018), for walks with restart from weighted query pins and the boost
of items reached from several of them; early stopping there is by visit counts, here by the step budget.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.record import RECENT, START, Row, Scratch, State

LONG = 0.93  # weight of an item of the history against the next newer one, in `push_all`
EXPLORE = 0.05  # share of the start node for users who have a history


@njit(nogil=True, cache=True)
def _add(scratch: Scratch, column: int, items: np.ndarray, amounts: np.ndarray, n: int, unit: float) -> None:
    """Add `unit` times the amounts to the sums of the first `n` items.

    A call costs as much as several additions (arrays are counted as they are passed), so there is one a row.
    """
    acc, touched, many = scratch.acc, scratch.touched, scratch.touched_n[0]
    by = np.float32(unit)
    for k in range(n):
        sums = acc[items[k]]
        if sums[0] == 0 and sums[1] == 0 and sums[2] == 0 and sums[3] == 0:
            if many >= touched.shape[0]:
                continue
            touched[many] = items[k]
            many += 1
        sums[column] += by * amounts[k]
    scratch.touched_n[0] = many


@njit(nogil=True, cache=True)
def seeds(state: State, u: int, pick: np.ndarray, weight: np.ndarray) -> int:
    """Write the items a user's walks start from and their shares; the start node stands in for no history."""
    n = 0
    total, share = 0.0, 1.0
    user = state.users[u] if u >= 0 else state.guest[0]
    for j in range(min(user.slots, state.rates[0].seeds)):
        pick[n], weight[n] = user.item[j], share
        total += share
        share *= state.rates[0].seed_decay
        n += 1
    pick[n], weight[n] = START, EXPLORE * total if n > 0 else 1.0
    total += weight[n]
    n += 1
    for k in range(n):
        weight[k] = np.float32(weight[k] / total)
    return n


@njit(nogil=True, cache=True)
def push(state: State, scratch: Scratch, n: int) -> None:
    """Add to column 0 each seed's share times the chance of each of its edges."""
    for k in range(n):
        edge = state.edges[scratch.pick[k]]
        if edge.slots > 0 and edge.total > 0:
            _add(scratch, 0, edge.dst, edge.w, edge.slots, scratch.weight[k] / edge.total)


@njit(nogil=True, cache=True)
def push_all(state: State, scratch: Scratch, u: int) -> None:
    """Add to column 3 what `push` gives from the user's whole remembered history, nearly evenly.

    A basket's items, or a long session's, all tell something; `push` listens to the last few.
    """
    user = state.users[u] if u >= 0 else state.guest[0]
    item = user.item
    share = np.float32(1.0 - LONG)
    for j in range(user.slots):
        edge = state.edges[item[j]]
        if edge.slots > 0 and edge.total > 0:
            _add(scratch, 3, edge.dst, edge.w, edge.slots, share / edge.total)
        share *= np.float32(LONG)


@njit(nogil=True, cache=True)
def step(edge: Row, chance: float) -> int:
    """Return the item an edge chosen by weight leads to."""
    left, w = chance * edge.total, edge.w
    for s in range(edge.slots):
        left -= w[s]
        if left <= 0:
            return edge.dst[s]
    return edge.dst[edge.slots - 1]


@njit(nogil=True, cache=True)
def visits(state: State, scratch: Scratch, n: int, steps: int, seed: int) -> None:
    """Walk `steps` steps from the seeds; column 1 gets each item's share of all visits."""
    z = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x1234567)
    restart = state.rates[0].restart
    edges, pick, weight = state.edges, scratch.pick, scratch.weight
    path, gone = np.empty(steps, np.int32), 0
    at = -1
    for _ in range(steps):
        z ^= z << np.uint64(13)
        z ^= z >> np.uint64(7)
        z ^= z << np.uint64(17)
        a = np.float64(z >> np.uint64(40)) / 16777216.0
        b = np.float64((z >> np.uint64(8)) & np.uint64(0xFFFFFF)) / 16777216.0
        if at < 0 or a < restart:
            at = pick[n - 1]
            left = b
            for k in range(n):
                left -= weight[k]
                if left <= 0:
                    at = pick[k]
                    break
            b = (b * 7919.0) % 1.0
        edge = edges[at]
        if edge.slots == 0 or edge.total <= 0:
            at = -1
            continue
        at = step(edge, b)
        path[gone] = at
        gone += 1
    _add(scratch, 1, path, np.ones(gone, np.float32), gone, 1.0 / max(1, steps))


@njit(nogil=True, cache=True)
def neighbours(state: State, scratch: Scratch, u: int, t: int) -> None:
    """Add to column 2 what the last users of the user's last items did since (paths user–user–item)."""
    user = state.users[u] if u >= 0 else state.guest[0]
    chances = np.array([1.0, 0.6, 0.36, 0.216], np.float32)
    outer = 1.0
    for j in range(min(user.slots, 2)):
        item = state.items[user.item[j]]
        users = item.user
        for r in range(RECENT):
            other = users[(item.head - 1 - r) % RECENT]
            if r >= item.n or other == u or other < 0:
                continue
            them = state.users[other]
            _add(scratch, 2, them.item, chances, min(them.slots, 4), outer / (1.0 + r))
        outer *= 0.5


@njit(nogil=True, cache=True)
def top(
    scratch: Scratch, column: int, items: np.ndarray, weights: np.ndarray, limit: int, skip_had: bool
) -> int:
    """Write the items with the largest sums in `column` that are no candidates yet, best first; return how many."""
    if limit <= 0:
        return 0
    n = 0
    touched, acc, had, where, barred = (
        scratch.touched,
        scratch.acc,
        scratch.had,
        scratch.where,
        scratch.barred,
    )
    for k in range(scratch.touched_n[0]):
        item = touched[k]
        value = acc[item, column]
        if value <= 0 or item == START or where[item] != 0 or barred[item] or (skip_had and had[item]):
            continue
        if n == limit and value <= weights[n - 1]:
            continue
        at = n if n < limit else limit - 1
        while at > 0 and weights[at - 1] < value:
            items[at], weights[at] = items[at - 1], weights[at - 1]
            at -= 1
        items[at], weights[at] = item, value
        n = min(n + 1, limit)
    return n
