"""Clusters of a graph as batches: edges between nodes of a batch stay, all others are left out.

Source: Chiang et al., Cluster-GCN (2019), sections 3.1 and 3.2: METIS parts, several drawn for one batch, so that edges
between clusters come back now and then.  METIS itself is pymetis.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tgn.baseline.sampling.adjacency import Adjacency


class NoMetis(Exception):
    """pymetis is not installed."""


def clusters(graph: Adjacency, count: int) -> np.ndarray:
    """Return which of at most `count` parts each node is in, int64 [nodes], with few edges between parts.

    Raises:
        NoMetis: pymetis is missing; says how to install it.
    """
    if count <= 1 or graph.nodes <= count:
        return np.zeros(graph.nodes, np.int64)
    try:
        import pymetis
    except ImportError as exc:
        raise NoMetis(
            "training by clusters needs pymetis, which is not installed; install riverwalk[cluster], or train by "
            "neighbour, layer or full batch"
        ) from exc
    found = pymetis.part_graph(count, pymetis.CSRAdjacency(*(part.astype(np.int32) for part in graph)))
    return np.asarray(found.vertex_part, np.int64)


def batches(part: np.ndarray, together: int, chance: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the nodes of `together` clusters at a time, int64 [n], in order, until every node has come once."""
    order = np.argsort(part, kind="stable")
    names, begin = np.unique(part[order], return_index=True)
    group = np.split(order, begin[1:])
    drawn = chance.permutation(names.shape[0])
    for i in range(0, drawn.shape[0], together):
        yield np.sort(np.concatenate([group[one] for one in drawn[i : i + together]]))


def inside(graph: Adjacency, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges among some nodes, by their places in `nodes`: whose neighbour, and the neighbour.

    Shapes:
        - nodes: int64 [n], each once
        - output: int64 [m], [m]
    """
    place = np.full(graph.nodes, -1)
    place[nodes] = np.arange(nodes.shape[0])
    row, near = graph.edges(nodes)
    col = place[near]
    return row[col >= 0], col[col >= 0]
