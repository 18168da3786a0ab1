"""LINE: vectors of nodes that tell their neighbours from others, by themselves and by those they share.

    first order    L1 = Σ_(u,i) ln σ(v_u . v_i) + k E_j ln σ(-v_u . v_j)                       and the same from i to u
    second order   L2 = Σ_(u,i) ln σ(w_u . c_i) + k E_j ln σ(-w_u . c_j) + ln σ(w_i . c_u) + …   c are context vectors
    score(u, i) = mean of v_u . v_i, w_u . c_i, c_u . w_i, plus .75 ln d_i

The two orders are trained apart in the paper and joined end to end, which for a product is their sum.  Logistic loss
against negatives drawn by degree^.75 leaves a product that has ln degree^.75 taken out; it is put back for the ranking.

Source: Tang et al., LINE: Large-scale Information Network Embedding (2015), sections 4.1.1, 4.1.2 and 4.2.1, on the graph
of users and items; Levy and Goldberg, Neural Word Embedding as Implicit Matrix Factorization (2014), section 3, for what
negatives leave in the product.  Not taken: edge sampling by alias tables (an event is an edge, so events are drawn);
plain gradient descent (Adam stands in).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import torch
from torch import Tensor, from_numpy, nn
from torch.nn import functional as F

from tgn.baseline.contract import Fitted, Progress, Training
from tgn.baseline.fitting import trainer
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.negative import POWER, Negatives
from tgn.baseline.fitting.network import Network
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.fitting.vectors import Vectors

SHARED = 128  # nodes that a batch is told from
FEWEST, STEPS = 32, 16  # a small log still gives this many steps an epoch, of batches no smaller


class LineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts; `dim` is of each order; `negatives` is k; `l2` is what a large vector costs, a pair."""

    dim: int = 32
    batch: int = 4_096
    negatives: int = 5
    l2: float = 1e-2
    schedule: Schedule = Schedule(lr=0.01, patience=3)


def popular(items: np.ndarray, n: int) -> np.ndarray:
    """Return the log of the degree of each item to the power by which negatives are drawn, float32 [n]; 0 for none."""
    degree: np.ndarray = np.maximum(1, np.bincount(items, minlength=n))
    return (POWER * np.log(degree)).astype(np.float32)


class LineNetwork(Network):
    """Vectors of both orders: `first`, and `second` with its contexts `context`; users, then items."""

    def __init__(self, training: Training, settings: LineSettings) -> None:
        n = training.users.shape[0]
        super().__init__(training, Negatives(training), min(settings.batch, max(FEWEST, n // STEPS)))
        self.settings, nodes = settings, self.n_users + self.n_items
        self.edge = np.stack([training.users, training.items], axis=1).astype(np.int64)
        self.popular = popular(training.items, self.n_items)
        self.cumulative = [
            self._cumulative(training.users, self.n_users),
            self._cumulative(training.items, self.n_items),
        ]
        self.first, self.second, self.context = (nn.Embedding(nodes, settings.dim) for _ in range(3))
        for part in (self.first, self.second, self.context):
            nn.init.normal_(part.weight, std=0.1 / settings.dim**0.5)

    def _cumulative(self, rows: np.ndarray, n: int) -> np.ndarray:
        weight = np.bincount(rows, minlength=n) ** POWER
        return np.cumsum(weight) / weight.sum()

    def batches(self, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Yield events as nodes with what they are told from, users and items that all of the batch share.

        Shapes:
            - each: users int64 [b], items int64 [b], other users int64 [m], other items int64 [m], as nodes
        """
        order = rng.permutation(self.edge.shape[0])
        for at in range(0, order.shape[0], self.batch):
            users, items = self.edge[order[at : at + self.batch]].T
            some = [np.searchsorted(one, rng.random(SHARED), side="right") for one in self.cumulative]
            yield (
                from_numpy(users.copy()),
                from_numpy(items + self.n_users),
                from_numpy(np.minimum(some[0], self.n_users - 1)),
                from_numpy(np.minimum(some[1], self.n_items - 1) + self.n_users),
            )

    def loss(self, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
        """Return the logistic losses of both orders, each way, with what large vectors cost."""
        users, items, other_users, other_items = batch
        first, second, context = self.first, self.second, self.context
        out = torch.zeros(())
        for source, target, others in ((users, items, other_items), (items, users, other_users)):
            out = out + self._told(first(source), first(target), first(others))
            out = out + self._told(second(source), context(target), context(others))
        touched = torch.cat([users, items])
        size = sum(part(touched).square().sum() for part in (first, second, context))
        return out + self.settings.l2 * size / users.shape[0]

    def _told(self, source: Tensor, target: Tensor, others: Tensor) -> Tensor:
        wrong = F.logsigmoid(-(source @ others.T)).mean() * self.settings.negatives
        return -F.logsigmoid((source * target).sum(1)).mean() - wrong

    def vectors(self) -> Vectors:
        """Return the two orders end to end, the second both ways, so that a product is the mean of three scores."""
        n = self.n_users
        first, second, context = (
            part.weight.numpy() / 3**0.5 for part in (self.first, self.second, self.context)
        )
        user = np.concatenate([first[:n], second[:n], context[:n]], axis=1)
        return Vectors(user, np.concatenate([first[n:], context[n:], second[n:]], axis=1), self.popular)


class Line:
    """Fits LINE of both orders.

    Args:
        settings: Width, negatives, costs and schedule; None takes the defaults.
    """

    name = "line"
    needs = ""

    def __init__(self, settings: LineSettings | None = None) -> None:
        self.settings = settings or LineSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return an upper estimate of the bytes of a fit."""
        settings = self.settings
        wide = 4 * 4 * settings.batch * SHARED * 3  # scores of a batch against what it is told from, and back
        return (
            trainer.memory(n_users + n_items, 30 * settings.dim, n_events, settings.batch, settings.dim)
            + wide
        )

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit until recall on held events rises no more."""
        schedule = self.settings.schedule
        done = trainer.fit(
            lambda part: LineNetwork(part, self.settings), training, schedule, seed, progress, clock
        )
        return trainer.fitted(self.name, done, training)
