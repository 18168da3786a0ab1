"""What a step of training reads of the graph: all of it, some neighbours, drawn layers, or a few clusters."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor

from tgn.baseline.fitting.negative import Negatives
from tgn.baseline.sampling.adjacency import Adjacency
from tgn.baseline.sampling.cluster import batches, clusters, inside
from tgn.baseline.sampling.layer import Layer, LayerSampler
from tgn.baseline.sampling.neighbour import PairSampler

with warnings.catch_warnings():
    # It scripts a class of its own while it is imported, which PyTorch warns of.
    warnings.simplefilter("ignore", DeprecationWarning)
    from torch_geometric.data import Data
    from torch_geometric.loader import LinkLoader

Mode = Literal["full", "neighbour", "layer", "cluster"]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How training reads the graph.  Units: counts.

    Fields:
        mode: `full` reads all of it each step, `neighbour` a few neighbours of each node, `layer` nodes drawn for a
            layer as a whole, `cluster` the edges inside a few clusters.
        batch: Pairs a step; not of `cluster`, where all pairs inside its clusters are one.
        neighbours: Drawn a node and hop.
        layer: Nodes drawn a layer.
        by: Whether layers are drawn among neighbours of the layer above, or among all nodes.
        nodes: Of a cluster, about.
        together: Clusters a step.
    """

    mode: Mode = "full"
    batch: Count = 4_096
    neighbours: Count = 10
    layer: Count = 1_024
    by: Literal["ladies", "fastgcn"] = "ladies"
    nodes: Count = 128
    together: Count = 5


class Sample(NamedTuple):
    """What one step reads.

    Shapes:
        - node: int64 [m], numbers in the graph
        - layers: what each layer reads of the one below it, the last layer first
        - users, items: int64 [b], others: int64 [b, k]: taken pairs and negatives, by their places in `node`
    """

    node: Tensor
    layers: list[Layer]
    users: Tensor
    items: Tensor
    others: Tensor


def mean(row: np.ndarray, col: np.ndarray, nodes: int) -> Layer:
    """Return a layer in which each row reads all its columns alike."""
    degree = np.bincount(row, minlength=nodes)
    return Layer(nodes, nodes, row, col, (1.0 / degree[row]).astype(np.float32))


class Reader:
    """Yields what the steps of an epoch read.

    Args:
        graph: Who took what, both ways, users first.
        pairs: Users and items, int64 [p] each, as `graph` has them: items by their own numbers.
        negatives: Draws items to learn against.
        reading: How to read.
        layers: Of the network.
        seed: Of samplers and clusters.
    """

    def __init__(
        self,
        graph: Adjacency,
        pairs: tuple[np.ndarray, np.ndarray],
        negatives: Negatives,
        reading: Reading,
        layers: int,
        seed: int,
    ) -> None:
        self.graph, self.negatives, self.reading, self.layers = graph, negatives, reading, layers
        self.users, self.items = pairs
        self.n_users = graph.nodes - negatives.n_items
        self.whole = mean(graph.rows(), graph.near, graph.nodes)
        self.part = np.zeros(0, np.int64)
        if reading.mode == "cluster":
            self.part = clusters(graph, -(-graph.nodes // reading.nodes))
        elif reading.mode == "layer":
            self.sampler = LayerSampler(graph, [reading.layer] * layers, reading.by, seed)
        elif reading.mode == "neighbour":
            self.pairs = PairSampler(graph, [reading.neighbours] * layers, self._others, seed)

    def epoch(self, rng: np.random.Generator) -> Iterator[Sample]:
        """Yield samples that have each pair once; of `cluster`, each pair inside the clusters of one step."""
        if self.reading.mode == "neighbour":
            return self._loaded(rng)
        return self._clustered(rng) if self.reading.mode == "cluster" else self._drawn(rng)

    def _others(self, users: np.ndarray) -> np.ndarray:
        return self.negatives.draw(users, self.rng) + self.n_users

    def _loaded(self, rng: np.random.Generator) -> Iterator[Sample]:
        self.rng = rng
        pairs = torch.from_numpy(np.stack([self.users, self.items + self.n_users]))
        chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
        for data in LinkLoader(
            Data(edge_index=torch.empty(2, 0, dtype=torch.long), num_nodes=self.graph.nodes),
            self.pairs,
            pairs,
            neg_sampling="triplet",
            batch_size=self.reading.batch,
            shuffle=True,
            generator=chance,
        ):
            source, target = data.edge_index.numpy()
            layer = mean(target, source, data.n_id.shape[0])
            yield Sample(
                data.n_id, [layer] * self.layers, data.src_index, data.dst_pos_index, data.dst_neg_index
            )

    def _drawn(self, rng: np.random.Generator) -> Iterator[Sample]:
        order = rng.permutation(self.users.shape[0])
        for at in range(0, order.shape[0], self.reading.batch):
            rows = order[at : at + self.reading.batch]
            users, items = self.users[rows], self.items[rows] + self.n_users
            others = self.negatives.draw(users, rng) + self.n_users
            if self.reading.mode == "full":
                node = np.arange(self.graph.nodes)
                yield _sample(node, [self.whole] * self.layers, users, items, others)
                continue
            seeds, local = np.unique(np.concatenate([users, items, others.ravel()]), return_inverse=True)
            n = users.shape[0]
            drawn = self.sampler.draw(seeds)
            yield _sample(*drawn, local[:n], local[n : 2 * n], local[2 * n :].reshape(others.shape))

    def _clustered(self, rng: np.random.Generator) -> Iterator[Sample]:
        for node in batches(self.part, self.reading.together, rng):
            own = node[node >= self.n_users]
            user, item = (np.searchsorted(node, one) for one in (self.users, self.items + self.n_users))
            both = _at(node, user) == self.users
            both &= _at(node, item) == self.items + self.n_users
            users, items = user[both], item[both]
            if not users.shape[0]:
                continue
            every = np.repeat(node[users], self.negatives.per_pair)
            drawn = own[rng.integers(0, own.shape[0], every.shape[0])] - self.n_users
            again = self.negatives.taken(every, drawn)  # once: a cluster may hold little that was not taken
            drawn[again] = own[rng.integers(0, own.shape[0], int(again.sum()))] - self.n_users
            others = np.searchsorted(node, drawn + self.n_users).reshape(users.shape[0], -1)
            layer = mean(*inside(self.graph, node), node.shape[0])
            yield _sample(node, [layer] * self.layers, users, items, others)


def _at(node: np.ndarray, place: np.ndarray) -> np.ndarray:
    return node[np.minimum(place, node.shape[0] - 1)]


def _sample(
    node: np.ndarray, layers: list[Layer], users: np.ndarray, items: np.ndarray, others: np.ndarray
) -> Sample:
    return Sample(torch.from_numpy(node), layers, *(torch.from_numpy(one) for one in (users, items, others)))
