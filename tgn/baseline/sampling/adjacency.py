"""A graph as rows of neighbours: what samplers and walks read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Adjacency(NamedTuple):
    """Compressed rows: the neighbours of `node` are `near[first[node]:first[node + 1]]`, each once, in order.

    Shapes:
        - first: int64 [nodes + 1]; near: int64 [edges]
    """

    first: np.ndarray
    near: np.ndarray

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return self.first.shape[0] - 1

    def degree(self) -> np.ndarray:
        """Return how many neighbours each node has, int64 [nodes]."""
        return np.diff(self.first)

    def rows(self) -> np.ndarray:
        """Return whose neighbour each entry of `near` is, int64 [edges]."""
        return np.repeat(np.arange(self.nodes), self.degree())

    def edges(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all edges of some nodes: the place of each in `nodes`, int64 [m], and the neighbour, int64 [m]."""
        degree = self.degree()[nodes]
        entry = np.arange(degree.sum()) + np.repeat(self.first[nodes] - np.cumsum(degree) + degree, degree)
        return np.repeat(np.arange(nodes.shape[0]), degree), self.near[entry]


def directed(source: np.ndarray, target: np.ndarray, nodes: int) -> Adjacency:
    """Return the graph in which `source[i]` has the neighbour `target[i]`; a pair that comes twice counts once.

    Shapes:
        - source, target: int [n], each in [0, nodes)
    """
    key = np.unique(source.astype(np.int64) * nodes + target)
    first = np.zeros(nodes + 1, np.int64)
    np.cumsum(np.bincount(key // max(1, nodes), minlength=nodes), out=first[1:])
    return Adjacency(first, key % max(1, nodes))


def undirected(source: np.ndarray, target: np.ndarray, nodes: int) -> Adjacency:
    """Return the graph in which the two of each pair are neighbours of each other."""
    return directed(np.concatenate([source, target]), np.concatenate([target, source]), nodes)


def bipartite(users: np.ndarray, items: np.ndarray, n_users: int, n_items: int) -> Adjacency:
    """Return the graph of who took what: users are the first nodes, item `i` is node `n_users + i`."""
    return undirected(users.astype(np.int64), n_users + items.astype(np.int64), n_users + n_items)
