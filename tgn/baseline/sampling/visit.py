"""Neighbours by visits: the nodes that short random walks from a node meet most often.

Source: Ying et al., Graph Convolutional Neural Networks for Web-Scale Recommender Systems (2018), section 3.2,
"importance-based neighborhoods".  Taken: many short walks a node, the most visited nodes as its neighbours, their
visits as weights that sum to one.  Walks go from item over user to item, so that neighbours of items are items.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tgn.baseline.sampling.adjacency import Adjacency


@njit(nogil=True, cache=True)
def _below(count: int, chance: np.ndarray) -> int:
    """Return a number below `count`: one step of xorshift64, whose state is `chance`, uint64 [1]."""
    x = chance[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    chance[0] = x
    return int((x >> np.uint64(11)) * 2.0**-53 * count)


@njit(nogil=True, cache=True)
def _walk(
    first: np.ndarray,
    near: np.ndarray,
    nodes: np.ndarray,
    walks: int,
    steps: int,
    top: int,
    chance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the most visited nodes of each start and their visits, [n, top]; -1 and 0 where there are fewer."""
    visited = np.full((nodes.shape[0], top), -1, np.int64)
    visits = np.zeros((nodes.shape[0], top), np.float32)
    count = np.zeros(first.shape[0] - 1, np.int64)
    met = np.empty(walks * steps, np.int64)
    for row in range(nodes.shape[0]):
        start, n = nodes[row], 0
        for _ in range(walks):
            here = start
            for _ in range(steps):
                for _ in range(2):  # to a neighbour and to a neighbour of that: the same side of the graph
                    degree = first[here + 1] - first[here]
                    if degree:
                        here = near[first[here] + _below(degree, chance)]
                if here == start:
                    continue
                if count[here] == 0:
                    met[n] = here
                    n += 1
                count[here] += 1
        for place in range(min(top, n)):
            most = 0
            for one in range(1, n):
                if count[met[one]] > count[met[most]]:
                    most = one
            visited[row, place], visits[row, place] = met[most], count[met[most]]
            count[met[most]] = 0
        for node in met[:n]:
            count[node] = 0
    return visited, visits


def visits(
    graph: Adjacency, nodes: np.ndarray, *, walks: int, steps: int, top: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return each node's most visited nodes of its own side, and their share of the visits.

    Args:
        graph: Who took what, both ways.
        walks: Walks a node.
        steps: Pairs of steps a walk.
        top: Neighbours kept.

    Shapes:
        - nodes: int64 [n]
        - output: int64 [n, top], -1 where a node meets fewer; float32 [n, top], each row sums to 1, or is 0
    """
    chance = np.random.default_rng(seed).integers(1, 2**63, 1, np.uint64)
    found, count = _walk(*graph, nodes.astype(np.int64), walks, steps, top, chance)
    return found, count / np.maximum(1.0, count.sum(1, keepdims=True))
