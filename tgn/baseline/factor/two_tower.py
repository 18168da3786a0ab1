"""Two towers: a perceptron over what is known of a user, one over what is known of an item, and their cosine.

    z_u = |MLP_u(e_u + f(x_u))|    z_i = |MLP_i(e_i + g(x_i))|    score(u, i) = z_u . z_i / τ
    loss = -ln softmax over the items of the batch of  z_u . z_i / τ - ln Q(i)

e are vectors of ids, f and g of columns and kinds.  Q(i) is the chance that i is in a batch, so that popular items are
not pushed down for standing there often; the same item once more in the batch is left out of the sum.  Ids are
dropped out now and then, so that the towers can do without: a user or item without events has none.

Source: Yi et al., Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations (2019), sections 3 and 4.
Not taken: the streaming estimate of Q; the log is at hand, so Q is counted.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import torch
from torch import Tensor, from_numpy, nn
from torch.nn import functional as F

from tgn.baseline.contract import Cold, Fitted, Progress, Training
from tgn.baseline.fitting import trainer
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.feature import Features, of_items, of_users
from tgn.baseline.fitting.negative import Negatives
from tgn.baseline.fitting.network import Network
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.fitting.vectors import Vectors


class TwoTowerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts; `temperature` is τ; `without_id` the chance that a row is learned without its id."""

    dim: int = 64
    hidden: int = 128
    batch: int = 512
    temperature: float = 0.2
    without_id: float = 0.1
    dropout: float = 0.1
    l2: float = 0.0
    schedule: Schedule = Schedule(lr=0.005, every=1, patience=3)


class Tower(nn.Module):
    """One side's perceptron.

    Shapes:
        - had: bool [n], which rows have events: the others have no id
        - input: int64 [b], rows; output: float32 [b, dim], of length 1
    """

    def __init__(self, had: np.ndarray, features: Features | None, settings: TwoTowerSettings) -> None:
        super().__init__()
        self.had, self.features, self.without = (
            from_numpy(had),
            features,
            settings.without_id if features else 0.0,
        )
        self.id = nn.Embedding(had.shape[0], settings.dim)
        nn.init.normal_(self.id.weight, std=0.1)
        self.layers = nn.Sequential(
            nn.Linear(settings.dim, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.hidden, settings.dim),
        )

    def forward(self, rows: Tensor) -> Tensor:
        """Return the vectors of rows."""
        keep = self.had[rows]
        if self.training and self.without:
            keep = keep & (torch.rand(rows.shape[0]) >= self.without)
        x = self.id(rows) * keep[:, None]
        if self.features is not None:
            x = x + self.features()[rows]
        return F.normalize(x + self.layers(x), dim=1)


class TwoTowerNetwork(Network):
    """The towers, and how likely each item is in a batch."""

    def __init__(self, training: Training, settings: TwoTowerSettings) -> None:
        super().__init__(training, Negatives(training), settings.batch)
        self.settings = settings
        count = np.bincount(self.items, minlength=self.n_items)
        self.log_q = from_numpy(np.log(np.maximum(count, 1) / max(1, self.items.shape[0])).astype(np.float32))
        users = np.bincount(self.users, minlength=self.n_users)
        self.user = Tower(users > 0, of_users(training, settings.dim), settings)
        self.item = Tower(count > 0, of_items(training, settings.dim), settings)

    def batches(self, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield users and items, int64 [b] each."""
        order = rng.permutation(self.users.shape[0])
        for at in range(0, order.shape[0], self.batch):
            rows = order[at : at + self.batch]
            yield from_numpy(self.users[rows]), from_numpy(self.items[rows])

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the cross-entropy of each user's item among those of the batch, corrected for how they came there."""
        users, items = batch
        user, item = self.user(users), self.item(items)
        logit = user @ item.T / self.settings.temperature - self.log_q[items]
        same = (items[:, None] == items).fill_diagonal_(False)
        size = self.user.id(users).square().sum() + self.item.id(items).square().sum()
        row = torch.arange(users.shape[0])
        found: Tensor = F.cross_entropy(logit.masked_fill(same, -torch.inf), row)
        return found + self.settings.l2 * size

    def vectors(self) -> Vectors:
        """Return what the towers make of all users and items."""
        user, item = self.user(torch.arange(self.n_users)), self.item(torch.arange(self.n_items))
        return Vectors(user.numpy() / self.settings.temperature, item.numpy())


class TwoTower:
    """Fits two towers.

    Args:
        settings: Widths, temperature, dropout and schedule; None takes the defaults.
    """

    name = "two-tower"
    needs = ""

    def __init__(self, settings: TwoTowerSettings | None = None) -> None:
        self.settings = settings or TwoTowerSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return an upper estimate of the bytes of a fit."""
        settings = self.settings
        width = 8 * settings.dim + 4 * (settings.hidden + settings.dim)
        return (
            trainer.memory(n_users + n_items, width, n_events, settings.batch, settings.hidden)
            + 40 * settings.batch**2
        )

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit until recall on held events rises no more."""
        schedule = self.settings.schedule
        done = trainer.fit(
            lambda part: TwoTowerNetwork(part, self.settings), training, schedule, seed, progress, clock
        )
        network = done.network
        assert isinstance(network, TwoTowerNetwork)
        cold: list[Cold] = [
            "neighbours" if tower.features is None else "features" for tower in (network.user, network.item)
        ]
        return trainer.fitted(self.name, done, training, cold_users=cold[0], cold_items=cold[1])
