"""Tensor factorization: users by items by time, a vector each, with side information that latent vectors align to.

    score(u, i, t) = Σ_k p_uk q_ik s_tk + b_i
    L = BPR + λ (|p_u|² + |q_i|² + |q_j|²) + μ (|p_u - x_u A|² + |q_i - x_i B|²) + τ Σ_t |s_t - s_t-1|² / n

t is one of several bins of equal length over the span of training; later times are in the last, earlier ones in the
first.  x_u and x_i are columns, and a one for each kind; A and B are learned, and a user or item without events has the
vector x A or x B.  An item stands against the highest scored of a few that the user has not taken, as for `mf-bpr`.

Source: Xiong, Chen, Huang, Schneider and Carbonell, Temporal Collaborative Filtering with Bayesian Probabilistic Tensor
Factorization (2010), section 3.1, for the product of three vectors and for factors of time that change slowly; Acar,
Kolda and Dunlavy, All-at-once Optimization for Coupled Matrix and Tensor Factorizations (2011), section 3, for a tensor and a
matrix of columns that share their latent vectors.  Not taken: sampling from the posterior; BPR stands in for squared loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor, from_numpy, nn

from tgn.baseline.contract import Fitted, Progress, Training
from tgn.baseline.fitting import loss, trainer
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.feature import of_items, of_users
from tgn.baseline.fitting.negative import Negatives
from tgn.baseline.fitting.network import Network
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.fitting.vectors import VectorFitted, Vectors


class TensorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts; `draws` negatives a pair, of which the highest scored counts; `l2`, `align` and `slow` are λ, μ and τ."""

    dim: int = 64
    bins: int = 12
    batch: int = 8_192
    draws: int = 3
    l2: float = 2e-2
    align: float = 1e-2
    slow: float = 1_000.0
    schedule: Schedule = Schedule(lr=0.02)


class Bins(NamedTuple):
    """Bins of equal length."""

    begin: int  # ms
    length: float  # ms
    n: int

    def of(self, t: np.ndarray) -> np.ndarray:
        """Return the bin of each time, int64 [n]."""
        return np.clip((np.asarray(t) - self.begin) // self.length, 0, self.n - 1).astype(np.int64)


def bins(t: np.ndarray, n: int) -> Bins:
    """Return `n` bins over the span of `t`, ms; one where all times are the same."""
    if not t.shape[0] or t.max() == t.min():
        return Bins(int(t[0]) if t.shape[0] else 0, 1.0, 1)
    return Bins(int(t.min()), float(t.max() - t.min()) / n, n)


class Moment(NamedTuple):
    """Taken pairs with the bin they were taken in and negatives of the user.

    Shapes:
        - users, items, bins: int64 [b]; others: int64 [b, k]
    """

    users: Tensor
    items: Tensor
    bins: Tensor
    others: Tensor


class TensorNetwork(Network):
    """Vectors of users, items and bins, and the maps of columns to vectors."""

    def __init__(self, training: Training, settings: TensorSettings) -> None:
        super().__init__(training, Negatives(training, "uniform", settings.draws), settings.batch)
        self.settings, self.time = settings, bins(training.t, settings.bins)
        dim = settings.dim
        self.of_user, self.of_item = of_users(training, dim), of_items(training, dim)
        event = training.users.astype(np.int64), training.items.astype(np.int64), self.time.of(training.t)
        self.event = np.unique(np.stack(event, axis=1), axis=0)
        self.last = np.full(self.n_users, self.time.n - 1)  # the bin of each user's last event
        self.last[training.users] = event[2]
        self.had = [
            np.bincount(event[k], minlength=n) > 0 for k, n in enumerate((self.n_users, self.n_items))
        ]
        self.user, self.item = nn.Embedding(self.n_users, dim), nn.Embedding(self.n_items, dim)
        self.moment, self.bias = nn.Embedding(self.time.n, dim), nn.Embedding(self.n_items, 1)
        nn.init.zeros_(self.bias.weight)
        for side in (self.user, self.item):
            nn.init.normal_(side.weight, std=0.1 / dim**0.5)
        nn.init.ones_(self.moment.weight)

    def batches(self, rng: np.random.Generator) -> Iterator[Moment]:
        """Yield the batches of an epoch: each pair once for each bin it was taken in."""
        order = rng.permutation(self.event.shape[0])
        for at in range(0, order.shape[0], self.batch):
            users, items, bin_ = self.event[order[at : at + self.batch]].T
            others = self.negatives.draw(users, rng)
            yield Moment(*(from_numpy(np.ascontiguousarray(one)) for one in (users, items, bin_, others)))

    def loss(self, batch: Moment) -> Tensor:
        """Return BPR with what large, unaligned and jumping vectors cost."""
        settings, n = self.settings, batch.users.shape[0]
        user, yes, no = self.user(batch.users), self.item(batch.items), self.item(batch.others)
        mine, bias = user * self.moment(batch.bins), self.bias.weight[:, 0]
        taken = (mine * yes).sum(1) + bias[batch.items]
        others = (torch.einsum("bd,bkd->bk", mine, no) + bias[batch.others]).max(dim=1, keepdim=True).values
        size = user.square().sum() + yes.square().sum() + no.square().sum() / no.shape[1]
        out = loss.bpr(taken, others) + settings.l2 * size / n
        for own, known, rows in ((user, self.of_user, batch.users), (yes, self.of_item, batch.items)):
            if known is not None:
                out = out + settings.align * (own - known()[rows]).square().sum() / n
        jump = self.moment.weight.diff(dim=0).square().sum()
        return out + settings.slow * jump / self.event.shape[0]

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors of users and items, of those without events by what is known of them where anything is."""
        found = []
        for own, known, had in (
            (self.user, self.of_user, self.had[0]),
            (self.item, self.of_item, self.had[1]),
        ):
            out = own.weight.detach().clone()
            if known is not None:
                out[~had] = known()[~had]
            found.append(out.numpy())
        return found[0], found[1]

    def vectors(self) -> Vectors:
        """Return vectors as of each user's last event."""
        user, item = self.rows()
        return Vectors(user * self.moment.weight.numpy()[self.last], item, self.bias.weight[:, 0].numpy())


class TensorFitted(VectorFitted):
    """Vectors of users and items, the user's stretched by the vector of the moment.

    Args:
        moment: float32 [bins, d].
    """

    moment: np.ndarray
    time: Bins

    def as_of(self, vector: np.ndarray, t: int) -> np.ndarray:
        """Return a user's vector times that of the bin of `t`."""
        return vector * self.moment[self.time.of(np.array(t))]


class TensorFactor:
    """Fits a tensor factorization.

    Args:
        settings: Width, bins, costs and schedule; None takes the defaults.
    """

    name = "tensor"
    needs = ""

    def __init__(self, settings: TensorSettings | None = None) -> None:
        self.settings = settings or TensorSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return an upper estimate of the bytes of a fit."""
        settings = self.settings
        return trainer.memory(n_users + n_items, 10 * settings.dim, n_events, settings.batch, settings.dim)

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit until recall on held events, as of each user's last event, rises no more."""
        done = trainer.fit(
            lambda part: TensorNetwork(part, self.settings),
            training,
            self.settings.schedule,
            seed,
            progress,
            clock,
        )
        network = done.network
        assert isinstance(network, TensorNetwork)
        with torch.no_grad():
            vectors = Vectors(*network.rows(), network.bias.weight[:, 0].numpy())
        out = TensorFitted(
            self.name,
            training,
            vectors,
            curve=done.curve,
            cold_users="features" if network.of_user is not None else "neighbours",
            cold_items="features" if network.of_item is not None else "neighbours",
        )
        out.moment, out.time = network.moment.weight.detach().numpy(), network.time
        out.bytes += out.moment.nbytes
        return out
