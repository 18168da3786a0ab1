"""NGCF: messages of a neighbour and of how much the neighbour is like the node itself, layer by layer.

    E(l+1) = LeakyReLU((L + I) E(l) W1 + (L E(l)) * E(l) W2)     L = D^-1/2 A D^-1/2, * element by element
    E = E(0) | E(1) | .. | E(L), joined                          score(u, i) = E[u] . E[i]

trained by BPR, with dropout of messages and an L2 cost on the rows of E(0) that a batch touches.

Source: Wang et al., Neural Graph Collaborative Filtering (2019), section 3.2, equations 3 to 8, and 2.4.2 for dropout.
Each layer's output is brought to length 1, as in the authors' program.  Taken out: dropout of nodes.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tgn.baseline.contract import Fitted, Progress, Training
from tgn.baseline.fitting import trainer
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.graph import adjacency, propagate
from tgn.baseline.fitting.loss import cost, margin
from tgn.baseline.fitting.negative import Kind, Negatives
from tgn.baseline.fitting.network import Batch, Network
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.fitting.vectors import Vectors


class NgcfSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts; `dropout` a share of a layer's numbers; `l2` a pair."""

    dim: int = 64
    layers: int = 3
    dropout: float = 0.1
    batch: int = 16_384
    l2: float = 1e-4
    negatives: Kind = "hard"
    per_pair: int = 2
    schedule: Schedule = Schedule(lr=0.01, epochs=60, every=3, patience=3)


class NgcfLayer(nn.Module):
    """One layer of messages.

    Shapes:
        - matrix: sparse CSR [n, n], it equals its transpose; x: float32 [n, d]; output: float32 [n, d]
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.alone, self.alike = nn.Linear(dim, dim), nn.Linear(dim, dim)
        for linear in (self.alone, self.alike):
            nn.init.xavier_uniform_(linear.weight)

    def forward(self, matrix: Tensor, x: Tensor) -> Tensor:
        """Return what nodes send each other, and each node itself."""
        near = propagate(matrix, x)
        out: Tensor = self.alone(near + x) + self.alike(near * x)
        return F.leaky_relu(out, 0.2)


class NgcfNetwork(Network):
    """Vectors before any layer, and layers."""

    def __init__(self, training: Training, settings: NgcfSettings) -> None:
        super().__init__(training, Negatives(training, settings.negatives, settings.per_pair), settings.batch)
        self.settings = settings
        self.matrix = adjacency(self.users, self.items, self.n_users, self.n_items)
        self.embedding = nn.Embedding(self.n_users + self.n_items, settings.dim)
        nn.init.xavier_uniform_(self.embedding.weight)
        self.layer = nn.ModuleList(NgcfLayer(settings.dim) for _ in range(settings.layers))

    def forward(self) -> list[Tensor]:
        """Return the nodes' vectors by layer, float32 [n, d] each."""
        x = self.embedding.weight
        out = [x]
        for layer in self.layer:
            x = F.dropout(layer(self.matrix, x), self.settings.dropout, self.training)
            out.append(F.normalize(x))
        return out

    def loss(self, batch: Any) -> Tensor:
        """Return BPR with the L2 cost of the rows it touches."""
        some: Batch = batch
        items, others = some.items + self.n_users, some.others + self.n_users
        ranking = margin(torch.cat(self(), dim=1), some.users, items, others)
        return ranking + self.settings.l2 * cost(
            self.embedding.weight, torch.cat([some.users, items, others[:, 0]])
        ) / len(items)

    def vectors(self) -> Vectors:
        """Return all layers, joined."""
        out = torch.cat(self(), dim=1).numpy()
        return Vectors(out[: self.n_users], out[self.n_users :])

    def layers(self) -> list[np.ndarray]:
        """Return the vectors by layer."""
        return [one.numpy() for one in self()]


class Ngcf:
    """Fits an NGCF.

    Args:
        settings: Widths, layers, costs and schedule; None takes the defaults.
    """

    name = "ngcf"
    needs = ""

    def __init__(self, settings: NgcfSettings | None = None) -> None:
        self.settings = settings or NgcfSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return the bytes of weights, gradients, moments, layers and the graph."""
        width = self.settings.dim * (8 + 10 * self.settings.layers)
        return trainer.memory(n_users + n_items, width, n_events, self.settings.batch, self.settings.dim)

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit by BPR until recall on held events rises no more."""
        done = trainer.fit(
            lambda part: NgcfNetwork(part, self.settings),
            training,
            self.settings.schedule,
            seed,
            progress,
            clock,
        )
        return trainer.fitted(self.name, done, training)
