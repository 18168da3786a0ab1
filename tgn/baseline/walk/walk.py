"""Random walks over a graph, plain and biased by the step before.

Each walk has a generator of its own, seeded by the walk's number, so the same seed gives the same walks in any order.

Source: Perozzi, Al-Rfou and Skiena, DeepWalk: Online Learning of Social Representations (2014), section 4.2.1, for
plain walks; Grover and Leskovec, node2vec: Scalable Feature Learning for Networks (2016), section 3.2.2, for the bias.
Drawn by rejection instead of the paper's alias tables, which take memory for each pair of neighbouring edges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit


class Graph(NamedTuple):
    """Neighbours of each node, in order; one that stands there twice is twice as likely.

    Shapes:
        - start: int64 [nodes + 1]; neighbour: int32 [edges]
    """

    start: np.ndarray
    neighbour: np.ndarray


def bipartite(users: np.ndarray, items: np.ndarray, n_users: int, n_items: int) -> Graph:
    """Return the graph of users and items, both ways: node `n_users + i` is item i."""
    item = items.astype(np.int64) + n_users
    return graph(np.r_[users.astype(np.int64), item], np.r_[item, users.astype(np.int64)], n_users + n_items)


def graph(source: np.ndarray, target: np.ndarray, nodes: int) -> Graph:
    """Return the graph of directed edges."""
    order = np.lexsort((target, source))
    start = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(source, minlength=nodes), out=start[1:])
    return Graph(start, target[order].astype(np.int32))


@njit(nogil=True, cache=True)
def _mix(state: np.uint64) -> np.uint64:
    """Return the finished bits of a SplitMix64 state."""
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(nogil=True, cache=True)
def _joined(start: np.ndarray, neighbour: np.ndarray, node: int, other: int) -> bool:
    low, high = start[node], start[node + 1]
    while low < high:
        middle = (low + high) // 2
        if neighbour[middle] < other:
            low = middle + 1
        else:
            high = middle
    return low < start[node + 1] and neighbour[low] == other


@njit(nogil=True, cache=True)
def _walks(
    start: np.ndarray,
    neighbour: np.ndarray,
    begin: np.ndarray,
    seed: int,
    back: float,
    out_: float,
    out: np.ndarray,
) -> None:
    golden, most = np.uint64(0x9E3779B97F4A7C15), max(1.0, back, out_)
    for walk in range(out.shape[0]):
        state = _mix(np.uint64(seed) * golden + np.uint64(walk + 1))
        node, before = begin[walk], -1
        out[walk, 0] = node
        for step in range(1, out.shape[1]):
            low, n = start[node], start[node + 1] - start[node]
            if n == 0:
                out[walk, step:] = -1
                break
            while True:
                state += golden
                found = neighbour[low + np.int64(_mix(state) % np.uint64(n))]
                if before < 0 or (back == 1.0 and out_ == 1.0):
                    break
                weight = 1.0
                if found == before:
                    weight = back
                elif not _joined(start, neighbour, before, found):
                    weight = out_
                state += golden
                if np.float64(_mix(state) >> np.uint64(11)) * (most / 9007199254740992.0) < weight:
                    break
            before, node = node, found
            out[walk, step] = node


def walks(
    graph: Graph, begin: np.ndarray, length: int, seed: int, *, p: float = 1.0, q: float = 1.0
) -> np.ndarray:
    """Return the nodes of one walk from each of `begin`, int32 [n, length], -1 behind the end of one that cannot go on.

    A step to node x from v, come from t, has a weight of 1/p where x is t, 1 where x and t are joined, else 1/q.  In
    a graph of users and items no two neighbours of a node are joined, so p against q is all that counts there.

    Args:
        begin: Where each walk starts, int [n].
        length: Nodes of a walk.
        p: The larger, the less a walk goes back.
        q: The larger, the less a walk leaves the neighbourhood of where it was.
    """
    if p <= 0 or q <= 0:
        raise ValueError(f"walks with p = {p}, q = {q}: both have to be above 0; 1 and 1 is the plain walk")
    out = np.empty((begin.shape[0], length), np.int32)
    _walks(graph.start, graph.neighbour, begin.astype(np.int32), seed, 1 / p, 1 / q, out)
    return out
