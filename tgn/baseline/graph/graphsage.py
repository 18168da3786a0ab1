"""GraphSAGE: what a node is like and what its neighbours are like on average, layer over layer.

    h(l+1)[v] = relu(W1 mean(h(l)[u] for neighbours u of v) + W2 h(l)[v])      score(u, i) = h(L)[u] . h(L)[i]

without relu in the last layer.  h(0) is a learned vector a node plus what its columns and kinds say where they are known.
In training a share of the learned vectors is left out, a common one standing in, and of those some read no neighbours
either, so that the layers learn to do without: users and items unseen in training are scored by what is known of them
and the mean of their neighbours.

Source: Hamilton, Ying and Leskovec, Inductive Representation Learning on Large Graphs (2017), algorithm 1 with the mean
aggregator of section 3.3 (PyTorch Geometric's SAGEConv), neighbour samples of section 3.1; Volkovs, Yu and
Poutanen, DropoutNet (2017), section 3.2, for what is left out in training.  Not taken: vectors of
length 1, which would hide that some items are more popular; the loss over walks of section 3.2, for pairs are known.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tgn.baseline.contract import Fitted, Progress, Training
from tgn.baseline.fitting import loss, trainer
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.feature import Features, of_items, of_users
from tgn.baseline.fitting.negative import Kind, Negatives
from tgn.baseline.fitting.network import Network
from tgn.baseline.fitting.smoothness import smoothness
from tgn.baseline.fitting.trainer import Run, Schedule
from tgn.baseline.fitting.vectors import Vectors
from tgn.baseline.graph.inductive import InductiveFitted
from tgn.baseline.graph.mean import MeanConv, Weights, weights
from tgn.baseline.sampling.adjacency import bipartite
from tgn.baseline.sampling.layer import Layer
from tgn.baseline.sampling.mode import Reader, Reading, Sample


class GraphSageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts; `dropout` a share; `l2` a pair.

    Fields:
        hidden, alone: Shares of the nodes that go without their own vector in a step, and without neighbours too.
    """

    dim: int = 64
    layers: int = 2
    hidden: float = 0.1
    alone: float = 0.05
    dropout: float = 0.1
    l2: float = 1e-3
    negatives: Kind = "uniform"
    per_pair: int = 1
    loss: str = "bpr"
    reading: Reading = Reading()
    schedule: Schedule = Schedule(lr=0.01)


class GraphSageNetwork(Network):
    """Vectors and columns of nodes, and the layers over them.

    Nodes are users, items, and two that stand for users and items of which nothing but columns is known.
    """

    def __init__(self, training: Training, settings: GraphSageSettings, seed: int = 0) -> None:
        super().__init__(
            training, Negatives(training, settings.negatives, settings.per_pair), settings.reading.batch
        )
        self.settings = settings
        n = self.n_users + self.n_items
        graph = bipartite(self.users, self.items, self.n_users, self.n_items)
        self.reader = Reader(
            graph, (self.users, self.items), self.negatives, settings.reading, settings.layers, seed
        )
        self.whole = weights(self.reader.whole)
        self.known = torch.from_numpy(graph.degree() > 0)
        self.side = (torch.arange(n) >= self.n_users).long()  # 0 for users, 1 for items
        self.embedding = nn.Embedding(n + 2, settings.dim)
        nn.init.normal_(self.embedding.weight, std=0.1)
        with torch.no_grad():
            self.embedding.weight[n:] = 0.0  # nothing known is like nobody, until something is learned of it
        self.of_users = Features(training.user_columns, training.user_kinds, self.n_users, settings.dim)
        self.of_items = Features(training.item_columns, training.item_kinds, self.n_items, settings.dim)
        self.convs = nn.ModuleList(
            MeanConv((settings.dim, settings.dim), settings.dim) for _ in range(settings.layers)
        )

    def batches(self, rng: np.random.Generator) -> Iterator[Sample]:
        """Yield what the steps of an epoch read."""
        return self.reader.epoch(rng)

    def start(self, node: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Return h(0) of some nodes, float32 [m, d].

        Args:
            hidden: Nodes to be treated as never seen, bool [m].
        """
        n = self.n_users + self.n_items
        kept = self.known[node] if hidden is None else self.known[node] & ~hidden
        h: Tensor = self.embedding(torch.where(kept, node, n + self.side[node]))
        return h + torch.cat([self.of_users(), self.of_items()])[node]

    def spread(self, h: Tensor, layers: list[Weights], alone: Tensor | None = None) -> list[Tensor]:
        """Return h(0) .. h(L), each of the nodes its layer has.

        Args:
            layers: The last layer first.
            alone: Nodes that read no neighbours, bool [m].
        """
        out = [h]
        for depth, (conv, one) in enumerate(zip(self.convs, reversed(layers), strict=True)):
            h = conv(F.dropout(h, self.settings.dropout, self.training), one, alone)
            h = F.relu(h) if depth + 1 < len(self.convs) else h
            out.append(h)
        return out

    def loss(self, batch: Sample) -> Tensor:
        """Return the ranking loss, with the L2 cost of the vectors it ranks."""
        layers = [self._weights(layer) for layer in batch.layers]
        chance = torch.rand(batch.node.shape[0])
        hidden, alone = chance < self.settings.hidden, chance < self.settings.alone
        h = self.spread(self.start(batch.node, hidden), layers, alone)[-1]
        user, yes, no = h[batch.users], h[batch.items], h[batch.others]
        ranking = getattr(loss, self.settings.loss)((user * yes).sum(1), (user[:, None] * no).sum(2))
        size = user.square().sum() + yes.square().sum() + no.square().sum() / no.shape[1]
        return ranking + self.settings.l2 * size / user.shape[0]

    def _weights(self, layer: Layer) -> Weights:
        return self.whole if layer is self.reader.whole else weights(layer)

    def vectors(self) -> Vectors:
        """Return h(L)."""
        out = self._all()[-1].numpy()
        return Vectors(out[: self.n_users], out[self.n_users :])

    def layers(self) -> list[np.ndarray]:
        """Return h(0) .. h(L)."""
        return [one.numpy() for one in self._all()]

    def _all(self) -> list[Tensor]:
        nodes = torch.arange(self.n_users + self.n_items)
        return self.spread(self.start(nodes), [self.whole] * len(self.convs))


class GraphSage:
    """Fits a GraphSAGE.

    Args:
        settings: Widths, layers, costs, how the graph is read, schedule; None takes the defaults.
    """

    name = "graphsage"
    needs = ""

    def __init__(self, settings: GraphSageSettings | None = None) -> None:
        self.settings = settings or GraphSageSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return the bytes of weights, gradients, moments, layers and the graph."""
        floats = self.settings.dim * (8 + 8 * self.settings.layers)
        batch = self.settings.reading.batch * (1 + self.settings.per_pair)
        return trainer.memory(n_users + n_items, floats, 2 * n_events, batch, self.settings.dim)

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit by the ranking loss until recall on held events rises no more."""
        done = trainer.fit(
            lambda part: GraphSageNetwork(part, self.settings, seed),
            training,
            self.settings.schedule,
            seed,
            progress,
            clock,
        )
        return _fitted(self.name, done, training)


def _fitted(name: str, done: Run, training: Training) -> InductiveFitted:
    network = done.network
    assert isinstance(network, GraphSageNetwork)
    with torch.no_grad():
        network.eval()
        layers, vectors = network.layers(), network.vectors()
        steps = [conv.step() for conv in network.convs]  # type: ignore[operator]
    return InductiveFitted(
        name,
        training,
        vectors,
        layers=layers,
        steps=steps,
        curve=done.curve,
        smoothness=[smoothness(one) for one in layers],
        cold_users="neighbours" if of_users(training, 1) is None else "features",
        cold_items="neighbours" if of_items(training, 1) is None else "features",
    )
