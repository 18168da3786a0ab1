"""The network of a fitted model: what a trainer asks of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, from_numpy, nn
from torch.optim import Optimizer

from tgn.baseline.contract import Training
from tgn.baseline.fitting.graph import pairs
from tgn.baseline.fitting.negative import Negatives
from tgn.baseline.fitting.vectors import Vectors


class Batch(NamedTuple):
    """Taken pairs with their negatives.

    Shapes:
        - users, items: int64 [b]; others: int64 [b, k], items the user has not taken
    """

    users: Tensor
    items: Tensor
    others: Tensor


class Network(nn.Module):
    """A network over one training part.  A model overrides `loss` and `vectors`, and `batches` where it samples.

    Args:
        training: What it learns from.
        negatives: Draws items to learn against.
        batch: Pairs a step.
    """

    def __init__(self, training: Training, negatives: Negatives, batch: int) -> None:
        super().__init__()
        self.n_users, self.n_items = training.n_users, training.n_items
        self.negatives, self.batch = negatives, batch
        self.users, self.items = pairs(training)

    def batches(self, rng: np.random.Generator) -> Iterator[Any]:
        """Yield the batches of an epoch: each pair once, in an order of chance."""
        order = rng.permutation(self.users.shape[0])
        for at in range(0, order.shape[0], self.batch):
            rows = order[at : at + self.batch]
            users = self.users[rows]
            others = self.negatives.draw(users, rng)
            yield Batch(from_numpy(users), from_numpy(self.items[rows]), from_numpy(others))

    def step(self, batch: Any, optimizer: Optimizer) -> float:
        """Learn from a batch, by its gradient; return its loss."""
        optimizer.zero_grad()
        loss = self.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(loss.detach())

    def loss(self, batch: Any) -> Tensor:
        """Return the loss of a batch, with what it costs to be large (L2) in it."""
        raise NotImplementedError

    def vectors(self) -> Vectors:
        """Return what was learned so far; called without gradients and without dropout."""
        raise NotImplementedError

    def layers(self) -> list[np.ndarray]:
        """Return node vectors by layer, float32 [n, d] each, the first before any layer; empty where there are none."""
        return []
