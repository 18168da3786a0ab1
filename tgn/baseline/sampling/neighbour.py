"""Neighbour sampling: a few neighbours of each node, of each of those again, and so on.

Source: Hamilton, Ying and Leskovec, Inductive Representation Learning on Large Graphs (2017), section 3.1 and
algorithm 2.  Taken: uniform draws of a fixed number a hop, without replacement where there are enough.  A node met
on several ways is one node, and its neighbours are drawn once, as PyTorch Geometric's samplers do.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from tgn.baseline.sampling.adjacency import Adjacency

with warnings.catch_warnings():
    # It scripts a class of its own while it is imported, which PyTorch warns of.
    warnings.simplefilter("ignore", DeprecationWarning)
    from torch_geometric.sampler import (
        BaseSampler,
        EdgeSamplerInput,
        NegativeSampling,
        NodeSamplerInput,
        SamplerOutput,
    )
    from torch_geometric.sampler.neighbor_sampler import edge_sample


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
def _draw(count: int, degree: int, picked: np.ndarray, chance: np.ndarray) -> int:
    """Fill `picked` with `count` different numbers below `degree`, Floyd's way; all of them where they are few."""
    if degree <= count:
        for place in range(degree):
            picked[place] = place
        return degree
    for place in range(count):
        top = degree - count + place
        number = _below(top + 1, chance)
        for before in range(place):
            if picked[before] == number:
                number = top
                break
        picked[place] = number
    return count


@njit(nogil=True, cache=True)
def _sample(
    first: np.ndarray,
    near: np.ndarray,
    seeds: np.ndarray,
    counts: np.ndarray,
    place: np.ndarray,
    chance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return nodes, the edges among them by local numbers and by number of the graph, and how many came each hop."""
    most = seeds.shape[0]
    edges = 0
    for count in counts:  # an upper bound: every draw is a new node
        grown = min(most * count, near.shape[0])
        edges += grown
        most += grown
    nodes = np.empty(min(most, first.shape[0] - 1), np.int64)
    row, col, number = np.empty(edges, np.int64), np.empty(edges, np.int64), np.empty(edges, np.int64)
    hops = np.zeros((2, counts.shape[0] + 1), np.int64)
    n, m, begin = 0, 0, 0
    for seed in seeds:
        place[seed] = n
        nodes[n] = seed
        n += 1
    hops[0, 0] = n
    picked = np.empty(max(1, counts.max()), np.int64)
    for hop in range(counts.shape[0]):
        end = n
        for local in range(begin, end):
            node = nodes[local]
            drawn = _draw(counts[hop], first[node + 1] - first[node], picked, chance)
            for one in picked[:drawn]:
                other = near[first[node] + one]
                if place[other] < 0:
                    place[other] = n
                    nodes[n] = other
                    n += 1
                row[m], col[m], number[m] = place[other], local, first[node] + one
                m += 1
        begin = end
        hops[0, hop + 1] = n - end
        hops[1, hop] = m - hops[1, :hop].sum()
    for node in nodes[:n]:
        place[node] = -1
    return nodes[:n], row[:m], col[:m], number[:m], hops


class NeighbourSampler(BaseSampler):  # type: ignore[misc]
    """Draws neighbours for PyTorch Geometric's loaders, compiled, without pyg-lib or torch-sparse.

    Edges of a sample go from a neighbour to the node it was drawn for, seeds are the first nodes, and `edge` numbers
    the entries of the adjacency.  One process at a time may draw: the sampler has its own generator and scratch.

    Args:
        graph: Rows of neighbours.
        counts: Neighbours drawn a node, a number a hop.
        seed: Of the draws.
    """

    def __init__(self, graph: Adjacency, counts: Sequence[int], seed: int = 0) -> None:
        if not counts or min(counts) < 1:
            raise ValueError(f"{list(counts)} neighbours a hop; wanted at least one hop, each with 1 or more")
        self.graph, self.counts = graph, np.asarray(counts, np.int64)
        self.chance = np.random.default_rng(seed).integers(1, 2**63, 1, np.uint64)  # the state of the draws
        self.place = np.full(
            graph.nodes, -1, np.int64
        )  # the local number of a node of the sample being drawn

    def draw(self, seeds: np.ndarray) -> SamplerOutput:
        """Return a sample around different nodes, int64 [n], which are its first nodes in that order."""
        node, row, col, edge, hops = _sample(*self.graph, seeds, self.counts, self.place, self.chance)
        return SamplerOutput(
            *map(torch.from_numpy, (node, row, col, edge)),
            num_sampled_nodes=hops[0].tolist(),
            num_sampled_edges=hops[1, :-1].tolist(),
        )

    def sample_from_nodes(self, index: NodeSamplerInput, **_: Any) -> SamplerOutput:
        """Return a sample around the nodes of the input, which have to be different."""
        out = self.draw(index.node.numpy())
        out.metadata = (index.input_id, index.time)
        return out

    def sample_from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None
    ) -> SamplerOutput:
        """Return a sample around both ends of some edges and around negatives drawn for them."""

        def around(seeds: Tensor, _: Tensor | None) -> SamplerOutput:
            return self.draw(seeds.numpy())

        return edge_sample(index, around, self.graph.nodes, False, None, neg_sampling)


class PairSampler(NeighbourSampler):
    """Draws neighbours of taken pairs and of negatives that know what each user took.

    PyTorch Geometric's own negatives do not look at the source of an edge.  Its loader is to be given `triplet` as
    negative sampling.

    Args:
        negatives: Called with sources, int64 [b]; returns negative targets, int64 [b, k].
    """

    def __init__(
        self,
        graph: Adjacency,
        counts: Sequence[int],
        negatives: Callable[[np.ndarray], np.ndarray],
        seed: int = 0,
    ) -> None:
        super().__init__(graph, counts, seed)
        self.negatives = negatives

    def sample_from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None
    ) -> SamplerOutput:
        """Return a sample around the pairs and their negatives; `dst_neg_index` is int64 [b, k]."""
        source, target = index.row.numpy(), index.col.numpy()
        others = self.negatives(source)
        seeds, local = np.unique(np.concatenate([source, target, others.ravel()]), return_inverse=True)
        out = self.draw(seeds)
        n = source.shape[0]
        parts = (local[:n], local[n : 2 * n], local[2 * n :].reshape(others.shape))
        out.metadata = (index.input_id, *map(torch.from_numpy, parts), None)
        return out
