"""Matrix factorization: a vector a user, a vector an item, a bias each.

    score(u, i) = p_u . q_i + b_u + b_i

Source: Koren, Bell and Volinsky, Matrix Factorization Techniques for Recommender Systems (2009), equation 4, for the
score; fitted by alternating least squares over all cells (`tgn.baseline.factor.als`).  A taken cell should be 1, or, where
the log has ratings and they are asked for, its rating over the mean of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from tgn.baseline.contract import Cold, Fitted, Progress, Training
from tgn.baseline.factor.als import Cells, Cost, cells, memory, sweep
from tgn.baseline.factor.fold_in import FoldInFitted
from tgn.baseline.fitting import trainer
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.negative import Negatives
from tgn.baseline.fitting.network import Network
from tgn.baseline.fitting.trainer import Run, Schedule
from tgn.baseline.fitting.vectors import Vectors


class MfSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts.  `ratings` fits ratings over their mean; else a taken pair is 1.

    `decay` is the weight of an item in a live history that the user had one distinct item earlier; the fit has no order.
    """

    dim: int = 64
    ratings: bool = False
    decay: float = 0.95
    cost: Cost = Cost()
    schedule: Schedule = Schedule(epochs=30, every=1, patience=3, average=0.0)


def targets(training: Training, ratings: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each pair once with what is fitted there: 1, or its last rating over the mean of all; [p] each."""
    key = training.users.astype(np.int64) * training.n_items + training.items
    key, last = np.unique(key[::-1], return_index=True)
    value = training.value[::-1][last].astype(np.float64)
    value = np.where(np.isfinite(value), value, 1.0) if ratings else np.ones(key.shape[0])
    mean = value.mean() if value.shape[0] else 1.0
    return key // training.n_items, key % training.n_items, value / mean if mean > 0 else np.ones_like(value)


class AlsNetwork(Network):
    """Vectors of both sides in one layout of coordinates, some of which are fixed on a side.

    The coordinates: latent ones, the user's bias, the item's bias, columns of items (users learn a weight for each),
    columns of users (items do).

    Args:
        user_columns, item_columns: float32 [n_users, a], [n_items, b]; with no columns where there are none.
        columns: Cost of a learned weight of a column, over that of a latent coordinate.
    """

    def __init__(
        self,
        training: Training,
        settings: MfSettings,
        user_columns: np.ndarray,
        item_columns: np.ndarray,
        columns: float = 1.0,
    ) -> None:
        super().__init__(training, Negatives(training), 1)
        users, items, target = targets(training, settings.ratings)
        self.by_user: Cells = cells(users, items, target, self.n_users)
        self.by_item: Cells = cells(items, users, target, self.n_items)
        self.cost, self.dim = settings.cost, settings.dim
        own, theirs = user_columns.shape[1], item_columns.shape[1]
        kind = np.repeat([0, 1, 2, 3, 4], [self.dim, 1, 1, theirs, own])
        self.user_free = torch.from_numpy(np.flatnonzero((kind == 0) | (kind == 1) | (kind == 3)))
        self.item_free = torch.from_numpy(np.flatnonzero((kind == 0) | (kind == 2) | (kind == 4)))
        user, item = torch.zeros(self.n_users, kind.shape[0]), torch.zeros(self.n_items, kind.shape[0])
        for side in (user, item):
            nn.init.normal_(side[:, : self.dim], std=0.1 / self.dim**0.5)
        user[:, kind == 2], item[:, kind == 1] = 1.0, 1.0
        user[:, kind == 4], item[:, kind == 3] = (
            torch.from_numpy(user_columns),
            torch.from_numpy(item_columns),
        )
        self.user, self.item = nn.Parameter(user, False), nn.Parameter(item, False)
        self.scale = torch.where(torch.from_numpy(kind) < 3, 1.0, columns)

    def batches(self, rng: np.random.Generator) -> Iterator[Any]:
        """Yield the two sides, one after the other."""
        yield from ("user", "item")

    def step(self, batch: Any, optimizer: torch.optim.Optimizer) -> float:
        """Solve for one side; return the mean squared error over the taken cells."""
        if batch == "user":
            self.user.copy_(sweep(self.user, self.item, self.by_user, self.user_free, self.cost, self.scale))
        else:
            self.item.copy_(sweep(self.item, self.user, self.by_item, self.item_free, self.cost, self.scale))
        rows = np.repeat(np.arange(self.n_users), np.diff(self.by_user.start))
        error = 0.0
        for at in range(0, rows.shape[0], 1 << 18):
            part = slice(at, at + (1 << 18))
            score = (self.user[rows[part]] * self.item[self.by_user.other[part]]).sum(1)
            error += float((score - torch.from_numpy(self.by_user.target[part])).square().sum())
        return error / max(1, rows.shape[0])

    def vectors(self) -> Vectors:
        """Return all coordinates; a row without cells is the mean of the others in those it would have learned."""
        return Vectors(
            self._completed(self.user, self.by_user, self.user_free),
            self._completed(self.item, self.by_item, self.item_free),
        )

    def _completed(self, side: Tensor, taken: Cells, free: Tensor) -> np.ndarray:
        out, known = side.detach().clone(), torch.from_numpy(np.diff(taken.start) > 0)
        if known.any() and not known.all():
            rows = torch.nonzero(~known)[:, 0]
            out[rows[:, None], free] = out[known][:, free].mean(0)
        return out.numpy()


def fitted(
    name: str,
    done: Run,
    training: Training,
    settings: MfSettings,
    cold_users: Cold = "neighbours",
    cold_items: Cold = "neighbours",
) -> Fitted:
    """Return the fitted model of a run of an `AlsNetwork`."""
    network = done.network
    assert isinstance(network, AlsNetwork)
    return FoldInFitted(
        name,
        training,
        network.vectors(),
        user_free=network.user_free.numpy(),
        item_free=network.item_free.numpy(),
        cost=settings.cost,
        scale=network.scale.numpy(),
        decay=settings.decay,
        curve=done.curve,
        cold_users=cold_users,
        cold_items=cold_items,
    )


class Mf:
    """Fits matrix factorization by alternating least squares.

    Args:
        settings: Width, costs and schedule; None takes the defaults.
    """

    name = "mf"
    needs = ""

    def __init__(self, settings: MfSettings | None = None) -> None:
        self.settings = settings or MfSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return the bytes of vectors, cells of both sides, and what is solved at once."""
        return memory(n_users + n_items, self.settings.dim + 2, n_events)

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Solve for one side after the other until recall on held events rises no more."""
        none = np.zeros((training.n_users, 0), np.float32), np.zeros((training.n_items, 0), np.float32)
        done = trainer.fit(
            lambda part: AlsNetwork(part, self.settings, *none),
            training,
            self.settings.schedule,
            seed,
            progress,
            clock,
        )
        return fitted(self.name, done, training, self.settings)
