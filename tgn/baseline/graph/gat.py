"""GAT: neighbours count by how much attention a node pays to each.

    a(v, u) = softmax over neighbours u of v of leaky_relu(a1 . W h[v] + a2 . W h[u])
    h(l+1)[v] = elu(sum of a(v, u) W h(l)[u]) + h(l)[v]        score(u, i) = mean h[u] . mean h[i] over layers

Source: Veličković et al., Graph Attention Networks (2018), section 2.1, equations 3 to 6 (PyTorch Geometric's GATConv,
heads side by side).  Added: a skip past each layer and the mean over layers, as LightGCN has it, without which vectors
of users and items are alike after two layers.  Trained on samples of neighbours, because an edge costs a message
here; asked, it reads all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tgn.baseline.contract import Fitted, Progress, Training
from tgn.baseline.fitting import loss, pyg, trainer
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.negative import Kind, Negatives
from tgn.baseline.fitting.network import Network
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.fitting.vectors import Vectors
from tgn.baseline.sampling.adjacency import bipartite
from tgn.baseline.sampling.layer import Layer
from tgn.baseline.sampling.mode import Reader, Reading, Sample

OPERATORS = 64 << 20  # bytes that PyG's attention takes once it is used, whatever the log


class GatSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts; `dropout` a share; `l2` a pair."""

    dim: int = 64
    heads: int = 4
    layers: int = 2
    dropout: float = 0.1
    l2: float = 1e-2
    negatives: Kind = "uniform"
    reading: Reading = Reading(mode="neighbour", batch=16_384)
    schedule: Schedule = Schedule(lr=0.02)


class GatNetwork(Network):
    """Vectors of nodes, and attention over neighbours in each layer."""

    def __init__(self, training: Training, settings: GatSettings, seed: int) -> None:
        super().__init__(training, Negatives(training, settings.negatives), settings.reading.batch)
        self.settings = settings
        graph = bipartite(self.users, self.items, self.n_users, self.n_items)
        pairs = (self.users, self.items)
        self.reader = Reader(graph, pairs, self.negatives, settings.reading, settings.layers, seed)
        self.embedding = nn.Embedding(graph.nodes, settings.dim)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.convs = nn.ModuleList(
            pyg.nn.GATConv(
                settings.dim,
                settings.dim // settings.heads,
                heads=settings.heads,
                dropout=settings.dropout,
                add_self_loops=False,
            )
            for _ in range(settings.layers)
        )

    def batches(self, rng: np.random.Generator) -> Iterator[Sample]:
        """Yield what the steps of an epoch read."""
        return self.reader.epoch(rng)

    def spread(self, node: Tensor, layers: list[Layer]) -> list[Tensor]:
        """Return h(0) .. h(L), each of the nodes its layer has.

        Args:
            layers: The last layer first.
        """
        h: Tensor = self.embedding(node)
        out = [h]
        for conv, one in zip(self.convs, reversed(layers), strict=True):
            edges = torch.from_numpy(np.stack([one.col, one.row]))
            h = h[: one.rows] + F.elu(conv((h, h[: one.rows]), edges))
            out.append(h)
        return out

    def loss(self, batch: Sample) -> Tensor:
        """Return BPR with the L2 cost of the vectors it ranks."""
        layers = self.spread(batch.node, batch.layers)
        n = layers[-1].shape[0]
        h = torch.stack([one[:n] for one in layers]).mean(0)
        user, yes, no = h[batch.users], h[batch.items], h[batch.others]
        ranking = loss.bpr((user * yes).sum(1), (user[:, None] * no).sum(2))
        size = user.square().sum() + yes.square().sum() + no.square().sum()
        return ranking + self.settings.l2 * size / user.shape[0]

    def vectors(self) -> Vectors:
        """Return the mean over layers."""
        out = torch.stack(self._all()).mean(0).numpy()
        return Vectors(out[: self.n_users], out[self.n_users :])

    def layers(self) -> list[np.ndarray]:
        """Return h(0) .. h(L)."""
        return [one.numpy() for one in self._all()]

    def _all(self) -> list[Tensor]:
        nodes = torch.arange(self.n_users + self.n_items)
        return self.spread(nodes, [self.reader.whole] * len(self.convs))


class Gat:
    """Fits a GAT.

    Args:
        settings: Widths, heads, layers, costs, how the graph is read, schedule; None takes the defaults.
    """

    name = "gat"
    needs = ""

    def __init__(self, settings: GatSettings | None = None) -> None:
        self.settings = settings or GatSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return the bytes of weights, gradients, moments and layers, and of a message an edge."""
        rows, width, reading = n_users + n_items, 4 * self.settings.dim, self.settings.reading
        asked = 2 * n_events * (2 * width + 64)  # of one layer, without a way back
        edges = 2 * n_events
        if reading.mode == "neighbour":
            edges = min(edges, rows * reading.neighbours)
        learned = edges * self.settings.layers * (5 * width + 64)
        held = rows * width * (6 + 6 * self.settings.layers) + 2 * n_events * 48
        return held + max(asked, learned) + OPERATORS

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit by BPR until recall on held events rises no more."""
        done = trainer.fit(
            lambda part: GatNetwork(part, self.settings, seed),
            training,
            self.settings.schedule,
            seed,
            progress,
            clock,
        )
        return trainer.fitted(self.name, done, training)
