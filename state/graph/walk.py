"""Random walks on the co-watch graph: which items lie near what a user did last.

One-hop push gives exact weights of direct neighbours; short random walks with restart reach further; paths through
the last users of an item reach what people like this one do right now.  All chance comes from a seed, so the same
state gives the same walk.

Source: Eksombatchai et al., Pixie (WWW 2018), algorithm 2, for walks with restart from weighted query pins; walks
there have lengths drawn from a distribution, here a chance to restart at each step.  Not taken: the boost of items
reached from several pins and early stopping (algorithm 3).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from state.graph.edge import edge_share
from state.graph.trust import active
from state.record.layout import HISTORY, KEPT_OUT, RECENT, SLOTS, START, Row, Rows
from state.record.prefetch import fetch_head
from state.record.selection import insert
from state.record.world import PEERS, PUSHED, PUSHED_ALL, WALKED, Scratch, State

LONG = 0.93  # weight of an item of the history against the next newer one, in `represent` and `push_all`
CLOSE = 0.05  # share of a row's weight that an edge of a close link has
WALKERS = 8
AHEAD = 4  # rows prefetched before they are read
HEAD = 32 + 8 * SLOTS  # bytes of a row that a step reads
USER_HEAD = 192  # bytes of a user's row, as far as the last items
EXPLORE = 0.05  # share of the start node for users who have a history
CHANCES = np.array([1.0, 0.6, 0.36, 0.216], np.float32)  # of the last items of another user


@njit(nogil=True, cache=True)
def add(scratch: Scratch, column: int, items: np.ndarray, amounts: np.ndarray, n: int, unit: float) -> None:
    """Add `unit` times the amounts to the sums of the first `n` items.

    A call costs as much as several additions (arrays are counted as they are passed), so there is one a row.
    """
    acc, touched, found, many = scratch.acc, scratch.touched, scratch.found, scratch.touched_n[0]
    by = np.float32(unit)
    for k in range(n):
        at = found[items[k]]
        if at == 0:
            if many >= touched.shape[0]:
                continue
            touched[many] = items[k]
            for c in range(acc.shape[1]):
                acc[many, c] = 0
            many += 1
            at = found[items[k]] = many
        acc[at - 1, column] += by * amounts[k]
    scratch.touched_n[0] = many


@njit(nogil=True, cache=True)
def represent(edges: Rows, user: Row, most: int, pick: np.ndarray, weight: np.ndarray) -> int:
    """Write the representatives of a history's clusters, newest first, and the clusters' weights; return how many.

    From the newest item to the oldest, an item joins the cluster of the first representative it is linked with closely,
    one way or the other; the others represent themselves, as long as there is room.  A cluster weighs what its items
    weigh together, so that an interest of long standing counts beside what came last.

    Shapes:
        - pick: int32 [>= most], weight: float32 [>= most]

    Source: Pal et al., PinnerSage (KDD 2020), for users as a few clusters, each represented by one of its items; there
    clusters come from embeddings, here from the graph that is walked, so that what is new is clustered at once.
    """
    item = user.item
    n, share = 0, 1.0
    for j in range(min(user.slots, HISTORY)):
        joined = -1
        for c in range(n):
            if edge_share(edges[pick[c]], item[j]) >= CLOSE or edge_share(edges[item[j]], pick[c]) >= CLOSE:
                joined = c
                break
        if joined >= 0:
            weight[joined] += np.float32(share)
        elif n < most:
            pick[n], weight[n] = item[j], share
            n += 1
        share *= LONG
    return n


@njit(nogil=True, cache=True)
def seeds(state: State, user: Row, pick: np.ndarray, weight: np.ndarray) -> int:
    """Write the items that the walks of a profile start from and their shares; without a history that is the start node."""
    n = 0
    total, share = 0.0, 1.0
    most = min(user.slots, state.rates[0].seeds)
    if state.rates[0].clusters != 0:
        n = represent(state.edges, user, most, pick, weight)
        for k in range(n):
            total += weight[k]
        most = 0
    for j in range(most):
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
    """Add to `PUSHED` each seed's share times the chance of each of its edges."""
    for k in range(min(n, AHEAD)):
        fetch_head(state.edges, scratch.pick[k], HEAD)
    for k in range(n):
        if k + AHEAD < n:
            fetch_head(state.edges, scratch.pick[k + AHEAD], HEAD)
        edge = state.edges[scratch.pick[k]]
        if edge.slots > 0 and edge.total > 0:
            add(scratch, PUSHED, edge.dst, edge.w, edge.slots, scratch.weight[k] / edge.total)


@njit(nogil=True, cache=True)
def push_all(state: State, scratch: Scratch, user: Row) -> None:
    """Add to `PUSHED_ALL` what `push` gives from a profile's whole remembered history, nearly evenly.

    All items of a basket or a long session count; `push` takes the last few.
    """
    item = user.item
    share = np.float32(1.0 - LONG)
    for j in range(user.slots):
        if j + AHEAD < user.slots:
            fetch_head(state.edges, item[j + AHEAD], HEAD)
        edge = state.edges[item[j]]
        if edge.slots > 0 and edge.total > 0:
            add(scratch, PUSHED_ALL, edge.dst, edge.w, edge.slots, share / edge.total)
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
    """Walk `steps` steps from the seeds; `WALKED` gets each item's share of all visits.

    `WALKERS` walk in turn, so that a row comes from memory while the others take their steps.  A walk passes through
    items that may be no candidates.
    """
    z = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x1234567)
    edges, pick, weight, restart = state.edges, scratch.pick, scratch.weight, state.rates[0].restart
    path, visited, positions = np.empty(steps, np.int32), 0, np.full(WALKERS, -1, np.int32)
    for turn in range(steps):
        at = positions[turn % WALKERS]
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
            positions[turn % WALKERS] = -1
            continue
        at = positions[turn % WALKERS] = step(edge, b)
        fetch_head(edges, at, HEAD)
        path[visited] = at
        visited += 1
    add(scratch, WALKED, path, np.ones(visited, np.float32), visited, 1.0)
    unit, acc = np.float32(1.0 / max(1, steps)), scratch.acc
    for k in range(scratch.touched_n[0]):
        acc[k, WALKED] *= unit


@njit(nogil=True, cache=True)
def neighbours(state: State, scratch: Scratch, u: int, user: Row) -> None:
    """Add to `PEERS` what the last users of the user's last items took since (paths user–user–item), and whom they trust."""
    outer, trusted = 1.0, np.empty(RECENT, np.int32)
    for r in range(active(state, u, trusted)):
        them = state.users[trusted[r]]
        add(scratch, PEERS, them.item, CHANCES, min(them.slots, CHANCES.shape[0]), 1.0 / (1.0 + r))
    for j in range(min(user.slots, 2)):
        item = state.items[user.item[j]]
        users = item.user
        for r in range(RECENT if item.n > 0 else 0):
            fetch_head(state.users, max(users[r], 0), USER_HEAD)
        for r in range(RECENT):
            other = users[(item.head - 1 - r) % RECENT]
            if r >= item.n or other == u or other < 0:
                continue
            them = state.users[other]
            add(scratch, PEERS, them.item, CHANCES, min(them.slots, CHANCES.shape[0]), outer / (1.0 + r))
        outer *= 0.5


@njit(nogil=True, cache=True)
def top(
    scratch: Scratch, column: int, items: np.ndarray, weights: np.ndarray, limit: int, skip_had: bool
) -> int:
    """Write the items with the largest sums in `column` that are no candidates yet, best first; return how many."""
    if limit <= 0:
        return 0
    touched, acc, seen, where, barred = (
        scratch.touched,
        scratch.acc,
        scratch.seen,
        scratch.where,
        scratch.barred,
    )
    n = 0
    for k in range(scratch.touched_n[0]):
        item, value = touched[k], acc[k, column]
        allowed = item != START and where[item] == 0 and not barred[item]
        if value > 0 and allowed and not (skip_had and seen[item] >= KEPT_OUT):
            n = insert(items, weights, n, limit, item, value)
    return n
