"""Heterogeneous GCN: users, items, what kind they are and when things happen are nodes, each relation with weights of its own.

    h(l+1)[v] = relu(W0 h(l)[v] + sum over relations r of Wr mean of h(l)[u] for neighbours u of v by r)
    score(u, i, t) = (h(L)[u] + sum of h(L)[c] for the contexts c of t) . h(L)[i]

without relu in the last layer, and with a skip from h(0) there.  In training a share of the users and items goes without
h(0) and without what they took part in, so that those never seen are scored by what they are.  Nodes are users, items, each category, publisher or
other kind that is known of either, and contexts: the weekday of an event, and its season where the log spans a year.

Source: Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks (2018), section 2, equation 2,
through PyTorch Geometric's HeteroConv.  Not taken: shared bases of the weights, for relations are few.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tgn.baseline.contract import Fitted, Progress, Training
from tgn.baseline.fitting import loss, pyg, trainer
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.graph import sparse
from tgn.baseline.fitting.negative import Kind, Negatives
from tgn.baseline.fitting.network import Batch, Network
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.fitting.vectors import Vectors
from tgn.baseline.graph.context import SIZES, contexts, numbers
from tgn.baseline.graph.mean import MeanConv, Weights
from tgn.baseline.graph.timed import TimedFitted

Relation = tuple[str, str, str]  # a kind of node, what it is to the other, the kind of node that reads it


class HeteroGcnSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts; `dropout` a share; `l2` a pair.

    Fields:
        hidden: Share of the users and items that go without their own vector and what they took part in, in a step.
    """

    dim: int = 64
    layers: int = 2
    batch: int = 4_096
    dropout: float = 0.3
    hidden: float = 0.05
    l2: float = 1e-2
    negatives: Kind = "uniform"
    schedule: Schedule = Schedule(lr=0.01)


class Dated(NamedTuple):
    """Taken pairs with their negatives, and the contexts in which they were taken, a number a context."""

    pairs: Batch
    when: dict[str, Tensor]


class HeteroGcnNetwork(Network):
    """Vectors of all nodes by their kind, and a layer a relation."""

    def __init__(self, training: Training, settings: HeteroGcnSettings) -> None:
        super().__init__(training, Negatives(training, settings.negatives), settings.batch)
        self.settings = settings
        key = training.users.astype(np.int64) * training.n_items + training.items
        first = np.unique(key, return_index=True)[1]  # in the order of the pairs
        self.when = {name: numbers(name, training.t[first]) for name in contexts(training.t)}
        self.relations, sizes = _relations(training, (self.users, self.items), self.when)
        self.embedding = nn.ParameterDict(
            {name: 0.1 * torch.randn(n, settings.dim) for name, n in sizes.items()}
        )
        with torch.no_grad():  # who took nothing is nothing but what they are
            for side, rows in (("user", self.users), ("item", self.items)):
                self.embedding[side][np.bincount(rows, minlength=sizes[side]) == 0] = 0.0
        width = (settings.dim, settings.dim)
        roots = {("user", "took", "item"), ("item", "of", "user")}
        self.convs = nn.ModuleList(
            pyg.nn.HeteroConv(
                {one: MeanConv(width, settings.dim, root_weight=one in roots) for one in self.relations},
                aggr="sum",
            )
            for _ in range(settings.layers)
        )

    def batches(self, rng: np.random.Generator) -> Iterator[Dated]:
        """Yield pairs with their negatives and contexts."""
        order = rng.permutation(self.users.shape[0])
        for at in range(0, order.shape[0], self.batch):
            rows = order[at : at + self.batch]
            others = self.negatives.draw(self.users[rows], rng)
            pairs = Batch(*map(torch.from_numpy, (self.users[rows], self.items[rows], others)))
            yield Dated(pairs, {name: torch.from_numpy(one[rows]) for name, one in self.when.items()})

    def spread(self) -> list[dict[str, Tensor]]:
        """Return h(0) .. h(L) of all nodes by their kind."""
        h = dict(self.embedding.items())
        alone: dict[Relation, Tensor] = {}
        for side in ("user", "item") if self.training else ():
            hidden = torch.rand(h[side].shape[0]) < self.settings.hidden
            h[side] = h[side].masked_fill(hidden[:, None], 0.0)
            alone |= {one: hidden for one in self.relations if one[2] == side and one[1] != "has"}
        out = [h]
        for depth, conv in enumerate(self.convs):
            kept = {
                name: F.dropout(one, self.settings.dropout, self.training) for name, one in out[-1].items()
            }
            found = conv(kept, self.relations, alone_dict=alone)
            last = depth + 1 == len(self.convs)
            out.append({name: one + h[name] if last else F.relu(one) for name, one in found.items()})
        return out

    def loss(self, batch: Dated) -> Tensor:
        """Return BPR with the L2 cost of the vectors it ranks."""
        h, pairs = self.spread()[-1], batch.pairs
        user, yes, no = h["user"][pairs.users], h["item"][pairs.items], h["item"][pairs.others]
        asked = user
        for name, when in batch.when.items():
            asked = asked + h[name][when]
        ranking = loss.bpr((asked * yes).sum(1), (asked[:, None] * no).sum(2))
        size = asked.square().sum() + yes.square().sum() + no.square().sum()
        return ranking + self.settings.l2 * size / user.shape[0]

    def vectors(self) -> Vectors:
        """Return users and items, the mean of the contexts as a bias of items."""
        h = self.spread()[-1]
        mean = torch.zeros(self.settings.dim)
        for name, when in self.when.items():
            mean = mean + h[name][torch.from_numpy(when)].mean(0)
        return Vectors(h["user"].numpy(), h["item"].numpy(), (h["item"] @ mean).numpy())

    def timely(self) -> dict[str, np.ndarray]:
        """Return what each context adds to the scores of items beyond the mean context, float32 [contexts, n_items]."""
        h, out = self.spread()[-1], {}
        for name, when in self.when.items():
            found = h[name] - h[name][torch.from_numpy(when)].mean(0)
            out[name] = (found @ h["item"].T).numpy()
        return out

    def layers(self) -> list[np.ndarray]:
        """Return h(0) .. h(L) of users and items."""
        return [torch.cat([one["user"], one["item"]]).detach().numpy() for one in self.spread()]


def _relations(
    training: Training, pairs: tuple[np.ndarray, np.ndarray], when: dict[str, np.ndarray]
) -> tuple[dict[Relation, Weights], dict[str, int]]:
    """Return who reads whom by relation, and how many nodes each kind has."""
    sizes = {"user": training.n_users, "item": training.n_items}
    out: dict[Relation, Weights] = {}

    def join(source: str, word: str, back: str, target: str, rows: tuple[np.ndarray, np.ndarray]) -> None:
        out[source, word, target] = _means(rows[1], rows[0], (sizes[target], sizes[source]))
        out[target, back, source] = _means(rows[0], rows[1], (sizes[source], sizes[target]))

    join("user", "took", "of", "item", pairs)
    for side, kinds in (("user", training.user_kinds), ("item", training.item_kinds)):
        for number, column in enumerate((kinds or {}).values()):
            known = np.flatnonzero(column >= 0)
            name = f"{side}_kind{number}"  # the column's own name may hold what a module's name may not
            sizes[name] = int(column.max(initial=0)) + 1
            join(side, "is", "has", name, (known, column[known].astype(np.int64)))
    for name, numbers_ in when.items():
        sizes[name] = SIZES[name]
        for side, nodes in zip(("user", "item"), pairs, strict=True):
            join(side, "at", "when", name, (nodes, numbers_))
    return out, sizes


def _means(row: np.ndarray, col: np.ndarray, shape: tuple[int, int]) -> Weights:
    value = 1.0 / np.bincount(row, minlength=shape[0])[row]
    return Weights(sparse(row, col, value, shape), sparse(col, row, value, shape[::-1]))


class HeteroGcn:
    """Fits a heterogeneous GCN.

    Args:
        settings: Widths, layers, costs, schedule; None takes the defaults.
    """

    name = "hetero-gcn"
    needs = ""

    def __init__(self, settings: HeteroGcnSettings | None = None) -> None:
        self.settings = settings or HeteroGcnSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return the bytes of weights, gradients, moments, layers, and of eight relations between pairs."""
        rows, width = n_users + n_items, 4 * self.settings.dim
        return rows * width * (8 + 16 * self.settings.layers) + n_events * 8 * (8 + 4) * 4

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit by BPR until recall on held events rises no more."""
        done = trainer.fit(
            lambda part: HeteroGcnNetwork(part, self.settings),
            training,
            self.settings.schedule,
            seed,
            progress,
            clock,
        )
        network = done.network
        assert isinstance(network, HeteroGcnNetwork)
        with torch.no_grad():
            network.eval()
            timely = network.timely()
        plain = trainer.fitted(
            self.name,
            done,
            training,
            cold_users="features" if training.user_kinds else "neighbours",
            cold_items="features" if training.item_kinds else "neighbours",
        )
        return TimedFitted(plain, timely)
