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
def _add(scratch: Scratch, item: int, column: int, amount: float) -> None:
    acc = scratch.acc[item]
    if acc[0] == 0 and acc[1] == 0 and acc[2] == 0 and acc[3] == 0:
        n = scratch.touched_n[0]
        if n >= scratch.touched.shape[0]:
            return
        scratch.touched[n] = item
        scratch.touched_n[0] = n + 1
    acc[column] += np.float32(amount)


@njit(nogil=True, cache=True)
def seeds(state: State, u: int, pick: np.ndarray, weight: np.ndarray) -> int:
    """Write the items a user's walks start from and their shares; the start node stands in for no history."""
    n = 0
    total = 0.0
    if u >= 0:
        user = state.users[u]
        share = 1.0
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
        if edge.slots == 0 or edge.total <= 0:
            continue
        unit = scratch.weight[k] / edge.total
        for s in range(edge.slots):
            _add(scratch, edge.dst[s], 0, unit * edge.w[s])


@njit(nogil=True, cache=True)
def push_all(state: State, scratch: Scratch, u: int) -> None:
    """Add to column 3 what `push` gives from the user's whole remembered history, nearly evenly.

    A basket's items, or a long session's, all tell something; `push` listens to the last few.
    """
    if u < 0:
        return
    user = state.users[u]
    share = np.float32(1.0 - LONG)
    for j in range(user.slots):
        edge = state.edges[user.item[j]]
        if edge.slots > 0 and edge.total > 0:
            unit = share / edge.total
            for s in range(edge.slots):
                _add(scratch, edge.dst[s], 3, unit * edge.w[s])
        share *= np.float32(LONG)


@njit(nogil=True, cache=True)
def step(edge: Row, chance: float) -> int:
    """Return the item an edge chosen by weight leads to."""
    left = chance * edge.total
    for s in range(edge.slots):
        left -= edge.w[s]
        if left <= 0:
            return edge.dst[s]
    return edge.dst[edge.slots - 1]


@njit(nogil=True, cache=True)
def visits(state: State, scratch: Scratch, n: int, steps: int, seed: int) -> None:
    """Walk `steps` steps from the seeds; column 1 gets each item's share of all visits."""
    z = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x1234567)
    share = 1.0 / max(1, steps)
    restart = state.rates[0].restart
    at = -1
    for _ in range(steps):
        z ^= z << np.uint64(13)
        z ^= z >> np.uint64(7)
        z ^= z << np.uint64(17)
        a = np.float64(z >> np.uint64(40)) / 16777216.0
        b = np.float64((z >> np.uint64(8)) & np.uint64(0xFFFFFF)) / 16777216.0
        if at < 0 or a < restart:
            at = scratch.pick[n - 1]
            left = b
            for k in range(n):
                left -= scratch.weight[k]
                if left <= 0:
                    at = scratch.pick[k]
                    break
            b = (b * 7919.0) % 1.0
        edge = state.edges[at]
        if edge.slots == 0 or edge.total <= 0:
            at = -1
            continue
        at = step(edge, b)
        _add(scratch, at, 1, share)


@njit(nogil=True, cache=True)
def neighbours(state: State, scratch: Scratch, u: int, t: int) -> None:
    """Add to column 2 what the last users of the user's last items did since (paths user–user–item)."""
    if u < 0:
        return
    user = state.users[u]
    outer = 1.0
    for j in range(min(user.slots, 2)):
        item = state.items[user.item[j]]
        for r in range(RECENT):
            other = item.user[(item.head - 1 - r) % RECENT]
            if r >= item.n or other == u:
                continue
            them = state.users[other]
            inner = outer / (1.0 + r)
            for k in range(min(them.slots, 4)):
                _add(scratch, them.item[k], 2, inner)
                inner *= 0.6
        outer *= 0.5


@njit(nogil=True, cache=True)
def top(
    scratch: Scratch, column: int, items: np.ndarray, weights: np.ndarray, limit: int, skip_had: bool
) -> int:
    """Write the items with the largest sums in `column`, best first; return how many."""
    n = 0
    for k in range(scratch.touched_n[0]):
        item = scratch.touched[k]
        value = scratch.acc[item, column]
        if value <= 0 or item == START or (skip_had and scratch.had[item]):
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
