"""Matrix factorization by BPR: a taken item should stand above one that was not.

    score(u, i) = p_u . q_i + b_i        loss = -ln sigmoid(score(u, i) - score(u, j)) + λ (|p_u|² + |q_i|² + |q_j|²)

Source: Rendle, Freudenthaler, Gantner and Schmidt-Thieme, BPR: Bayesian Personalized Ranking from Implicit Feedback
(2009), sections 4.1 and 4.3.1.  Taken: the criterion, its costs, pairs drawn over all events.  Not taken: plain
gradient descent; Adam stands in.  Of a few negatives drawn, the one that scores highest is taken (Zhang et al., Optimizing
Top-N Collaborative Filtering via Dynamic Negative Item Sampling, 2013); `negatives="uniform", draws=1` is the published draw.
"""

from __future__ import annotations

import msgspec
import torch
from torch import Tensor, nn

from tgn.baseline.contract import Fitted, Progress, Training
from tgn.baseline.fitting import loss, trainer
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.negative import Kind, Negatives
from tgn.baseline.fitting.network import Batch, Network
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.fitting.vectors import Vectors


class BprSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts; `l2` is λ, of a pair; `draws` negatives a pair, of which `hard` takes the highest scored."""

    dim: int = 64
    batch: int = 8_192
    l2: float = 2e-2
    negatives: Kind = "hard"
    draws: int = 3
    schedule: Schedule = Schedule(lr=0.02)


class BprNetwork(Network):
    """Vectors of users and items, and the items' biases."""

    def __init__(self, training: Training, settings: BprSettings) -> None:
        super().__init__(training, Negatives(training, settings.negatives, settings.draws), settings.batch)
        self.settings = settings
        self.user = nn.Embedding(self.n_users, settings.dim)
        self.item = nn.Embedding(self.n_items, settings.dim)
        self.bias = nn.Embedding(self.n_items, 1)
        for side in (self.user, self.item):
            nn.init.normal_(side.weight, std=0.1 / settings.dim**0.5)
        nn.init.zeros_(self.bias.weight)

    def loss(self, batch: Batch) -> Tensor:
        """Return BPR with the L2 cost of the rows it touches."""
        user, yes = self.user(batch.users), self.item(batch.items)
        taken = (user * yes).sum(1) + self.bias(batch.items)[:, 0]
        no = self.item(batch.others)  # [b, k, d]
        others = torch.einsum("bd,bkd->bk", user, no) + self.bias(batch.others)[:, :, 0]
        if self.settings.negatives == "hard":
            others = others.max(dim=1, keepdim=True).values
        size = user.square().sum() + yes.square().sum() + no.square().sum() / no.shape[1]
        return loss.bpr(taken, others) + self.settings.l2 * size / batch.users.shape[0]

    def vectors(self) -> Vectors:
        """Return vectors and biases."""
        return Vectors(self.user.weight.numpy(), self.item.weight.numpy(), self.bias.weight[:, 0].numpy())


class MfBpr:
    """Fits matrix factorization by BPR.

    Args:
        settings: Width, costs, negatives and schedule; None takes the defaults.
    """

    name = "mf-bpr"
    needs = ""

    def __init__(self, settings: BprSettings | None = None) -> None:
        self.settings = settings or BprSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return the bytes of weights, gradients, moments and best weights, of a batch and of the pairs."""
        settings = self.settings
        batch = settings.batch * (settings.draws + 2) * settings.dim * 4 * 6
        return 4 * (n_users + n_items) * (settings.dim + 1) * 7 + batch + n_events * 8 * 8

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit until recall on held events rises no more."""
        schedule = self.settings.schedule
        done = trainer.fit(
            lambda part: BprNetwork(part, self.settings), training, schedule, seed, progress, clock
        )
        return trainer.fitted(self.name, done, training)
