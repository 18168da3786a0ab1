"""LightGCN: vectors of users and items, averaged over their neighbourhoods, with nothing else to learn.

    E(l+1) = D^-1/2 A D^-1/2 E(l)        E = mean of E(0) .. E(L)        score(u, i) = E[u] . E[i]

trained by BPR on E, with an L2 cost on the rows of E(0) that a batch touches.

Source: He et al., LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation (2020), section 3,
equations 3, 4 and 15.  The whole pass is L sparse products; its gradient is the same pass over the gradient, because
the matrix equals its transpose, so nothing is kept for the way back.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from tgn.baseline.contract import Fitted, Progress, Training
from tgn.baseline.fitting import trainer
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.graph import adjacency
from tgn.baseline.fitting.loss import cost, margin
from tgn.baseline.fitting.negative import Kind, Negatives
from tgn.baseline.fitting.network import Batch, Network
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.fitting.vectors import Vectors


class LightGcnSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts; `l2` a pair."""

    dim: int = 64
    layers: int = 3
    batch: int = 16_384
    l2: float = 2e-3
    negatives: Kind = "hard"
    per_pair: int = 4
    schedule: Schedule = Schedule(lr=0.05, epochs=120, every=3)


class _Mean(torch.autograd.Function):
    """The mean of E(0) .. E(L); backward, the same of the gradient."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, x: Tensor, layers: int) -> Tensor:
        ctx.matrix, ctx.layers = matrix, layers
        return _mean(matrix, x, layers)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[None, Tensor, None]:
        return None, _mean(ctx.matrix, grad[0], ctx.layers), None


def _mean(matrix: Tensor, x: Tensor, layers: int) -> Tensor:
    out = x.clone()
    for _ in range(layers):
        x = matrix @ x
        out += x
    return out / (layers + 1)


class LightGcnNetwork(Network):
    """Vectors before any layer, and the matrix that spreads them."""

    def __init__(self, training: Training, settings: LightGcnSettings) -> None:
        super().__init__(training, Negatives(training, settings.negatives, settings.per_pair), settings.batch)
        self.settings = settings
        self.matrix = adjacency(self.users, self.items, self.n_users, self.n_items)
        self.embedding = nn.Embedding(self.n_users + self.n_items, settings.dim)
        nn.init.xavier_uniform_(self.embedding.weight)

    def spread(self) -> Tensor:
        """Return the mean over layers of the nodes' vectors, float32 [n, d]."""
        out: Tensor = _Mean.apply(self.matrix, self.embedding.weight, self.settings.layers)  # type: ignore[no-untyped-call]
        return out

    def loss(self, batch: Any) -> Tensor:
        """Return BPR with the L2 cost of the rows it touches."""
        some: Batch = batch
        items, others = some.items + self.n_users, some.others + self.n_users
        ranking = margin(self.spread(), some.users, items, others)
        return ranking + self.settings.l2 * cost(
            self.embedding.weight, torch.cat([some.users, items, others[:, 0]])
        ) / len(items)

    def vectors(self) -> Vectors:
        """Return the mean over layers."""
        out = self.spread().numpy()
        return Vectors(out[: self.n_users], out[self.n_users :])

    def layers(self) -> list[np.ndarray]:
        """Return E(0) .. E(L)."""
        out = [self.embedding.weight]
        for _ in range(self.settings.layers):
            out.append(self.matrix @ out[-1])
        return [one.numpy() for one in out]


class LightGcn:
    """Fits a LightGCN.

    Args:
        settings: Widths, layers, costs and schedule; None takes the defaults.
    """

    name = "lightgcn"
    needs = ""

    def __init__(self, settings: LightGcnSettings | None = None) -> None:
        self.settings = settings or LightGcnSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return the bytes of weights, gradients, moments, layers and the graph."""
        return trainer.memory(
            n_users + n_items, 12 * self.settings.dim, n_events, self.settings.batch, self.settings.dim
        )

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit by BPR until recall on held events rises no more."""
        done = trainer.fit(
            lambda part: LightGcnNetwork(part, self.settings),
            training,
            self.settings.schedule,
            seed,
            progress,
            clock,
        )
        return trainer.fitted(self.name, done, training)
