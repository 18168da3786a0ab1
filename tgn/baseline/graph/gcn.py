"""GCN: two streams of graph convolution, one from latent vectors, one from features, with a learned weight each.

    H(l+1) = ReLU(S H(l) W(l))                  S = D^-1/2 (A + I) D^-1/2, no ReLU after the last layer
    Z = a H_latent(L) + b H_features(L)         score(u, i) = Z[u] . Z[i] + bias[i]

trained by BPR.  With one layer, no features and W = 1 it is a matrix factorization: Z = S E is as free as Z itself
where S can be inverted, so what E factorizes is S^-1 R S^-1 in place of R.

Source: Kipf and Welling, Semi-Supervised Classification with Graph Convolutional Networks (2017), equation 2; van den
Berg et al., Graph Convolutional Matrix Completion (2017), section 2.4, for side information in a stream of its own.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tgn.baseline.contract import Fitted, Progress, Training
from tgn.baseline.fitting import feature, trainer
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.graph import adjacency, propagate
from tgn.baseline.fitting.loss import cost, margin
from tgn.baseline.fitting.negative import Kind, Negatives
from tgn.baseline.fitting.network import Batch, Network
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.fitting.vectors import Vectors


class GcnSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts; `dropout` a share of a layer's numbers; `l2` a pair.

    Fields:
        linear: No ReLU between layers.
    """

    dim: int = 64
    layers: int = 1
    linear: bool = False
    dropout: float = 0.1
    batch: int = 16_384
    l2: float = 1e-3
    negatives: Kind = "hard"
    per_pair: int = 4
    schedule: Schedule = Schedule(lr=0.03, epochs=120, every=3)


class Stream(nn.Module):
    """Layers of graph convolution, one after the other.

    Shapes:
        - matrix: sparse CSR [n, n], it equals its transpose; x: float32 [n, d]
        - output: the nodes by layer, float32 [n, d] each, `x` first
    """

    def __init__(self, settings: GcnSettings) -> None:
        super().__init__()
        self.settings = settings
        self.weights = nn.ModuleList(
            nn.Linear(settings.dim, settings.dim, bias=False) for _ in range(settings.layers)
        )
        for one in self.weights:
            nn.init.eye_(one.weight)  # type: ignore[arg-type]

    def forward(self, matrix: Tensor, x: Tensor) -> list[Tensor]:
        """Return the nodes' vectors by layer."""
        out = [x]
        for at, weight in enumerate(self.weights):
            x = weight(propagate(matrix, F.dropout(x, self.settings.dropout, self.training)))
            if at + 1 < len(self.weights) and not self.settings.linear:
                x = x.relu()
            out.append(x)
        return out


class GcnNetwork(Network):
    """A latent stream, and one of features where there are any."""

    def __init__(self, training: Training, settings: GcnSettings) -> None:
        super().__init__(training, Negatives(training, settings.negatives, settings.per_pair), settings.batch)
        self.settings = settings
        self.matrix = adjacency(self.users, self.items, self.n_users, self.n_items, loops=True)
        self.embedding = nn.Embedding(self.n_users + self.n_items, settings.dim)
        nn.init.normal_(self.embedding.weight, std=0.1)
        known = np.r_[
            np.bincount(self.users, minlength=self.n_users), np.bincount(self.items, minlength=self.n_items)
        ]
        self.known = torch.from_numpy(known > 0)[:, None]  # the others learn no latent vector
        self.bias = nn.Parameter(torch.zeros(self.n_items))
        self.latent = Stream(settings)
        self.of_users = feature.of_users(training, settings.dim)
        self.of_items = feature.of_items(training, settings.dim)
        featured = self.of_users is not None or self.of_items is not None
        self.featured = Stream(settings) if featured else None
        self.share = nn.Parameter(torch.ones(2))  # of the latent stream and of the one of features

    def forward(self) -> list[Tensor]:
        """Return the nodes' vectors by layer, both streams in one, float32 [n, d] each."""
        layers = self.latent(self.matrix, self.embedding.weight * self.known)
        if self.featured is None:
            return [self.share[0] * one for one in layers]
        none = torch.zeros(self.n_users, self.settings.dim), torch.zeros(self.n_items, self.settings.dim)
        parts = [none[at] if one is None else one() for at, one in enumerate((self.of_users, self.of_items))]
        beside = self.featured(self.matrix, torch.cat(parts))
        return [
            self.share[0] * one + self.share[1] * other for one, other in zip(layers, beside, strict=True)
        ]

    def loss(self, batch: Any) -> Tensor:
        """Return BPR with the L2 cost of the rows it touches."""
        some: Batch = batch
        items, others = some.items + self.n_users, some.others + self.n_users
        ranking = margin(self()[-1], some.users, items, others, F.pad(self.bias, (self.n_users, 0)))
        return ranking + self.settings.l2 * cost(
            self.embedding.weight, torch.cat([some.users, items, others[:, 0]])
        ) / len(items)

    def vectors(self) -> Vectors:
        """Return the last layer."""
        out = self()[-1].numpy()
        return Vectors(out[: self.n_users], out[self.n_users :], self.bias.numpy().copy())

    def layers(self) -> list[np.ndarray]:
        """Return the vectors by layer."""
        return [one.numpy() for one in self()]


class Gcn:
    """Fits a GCN.  Users and items that have features are scored by them from the first.

    Args:
        settings: Widths, layers, costs and schedule; None takes the defaults.
    """

    name = "gcn"
    needs = ""

    def __init__(self, settings: GcnSettings | None = None) -> None:
        self.settings = settings or GcnSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return the bytes of weights, gradients, moments, layers and the graph."""
        width = self.settings.dim * (10 + 12 * self.settings.layers)
        return trainer.memory(n_users + n_items, width, n_events, self.settings.batch, self.settings.dim)

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit by BPR until recall on held events rises no more."""
        done = trainer.fit(
            lambda part: GcnNetwork(part, self.settings),
            training,
            self.settings.schedule,
            seed,
            progress,
            clock,
        )
        users = training.user_columns is not None or bool(training.user_kinds)
        items = training.item_columns is not None or bool(training.item_kinds)
        return trainer.fitted(
            self.name,
            done,
            training,
            cold_users="features" if users else "neighbours",
            cold_items="features" if items else "neighbours",
        )
