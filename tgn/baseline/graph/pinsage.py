"""PinSage: items from the items that walks from them meet, users from their items.

    n[v] = sum of a(v, u) relu(Q h(l)[u] + q)      over the most visited items u of v, a the share of the visits
    h(l+1)[v] = relu(W [h(l)[v], n[v]] + w)        the last layer linear, with a skip from h(0)
    loss = max(0, score of a negative - score of the taken item + margin)

A user is the mean of h(L) over their items, the one to be ranked left out, through a layer of its own.  Epochs begin
with uniform negatives; each next epoch adds a hard one a pair, up to a limit: an item that walks from one of the user's
items meet, but not often.

Source: Ying et al., Graph Convolutional Neural Networks for Web-Scale Recommender Systems (2018), sections 3.1 to
3.3: algorithm 1, importance pooling, equation 1, hard negatives and their curriculum.  Not taken: vectors of length 1,
which would hide that some items are more popular, and pairs of items as training data: here pairs are user and item.
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
from tgn.baseline.fitting.feature import Features, of_items
from tgn.baseline.fitting.negative import Negatives
from tgn.baseline.fitting.network import Batch, Network
from tgn.baseline.fitting.smoothness import smoothness
from tgn.baseline.fitting.trainer import Run, Schedule
from tgn.baseline.fitting.vectors import Vectors
from tgn.baseline.graph.inductive import InductiveFitted, Step
from tgn.baseline.graph.mean import Weights, read, weights
from tgn.baseline.sampling.adjacency import bipartite
from tgn.baseline.sampling.layer import Layer
from tgn.baseline.sampling.mode import mean
from tgn.baseline.sampling.visit import visits


class PinSageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units: counts; `margin` of a score, `l2` a pair.

    Fields:
        walks, steps: Walks an item, pairs of steps a walk.
        neighbours: The most visited items, whose vectors an item reads.
        far: Hard negatives are visited items from this place on, the most visited first.
        hard: Hard negatives a pair, at most; the first epoch has none.
    """

    dim: int = 64
    layers: int = 2
    batch: int = 4_096
    walks: int = 100
    steps: int = 3
    neighbours: int = 20
    far: int = 60
    visited: int = 160
    hard: int = 1
    margin: float = 1.0
    l2: float = 3e-3
    schedule: Schedule = Schedule(lr=0.01)


class Pooling(nn.Module):
    """One layer: importance pooling of neighbours beside the item itself."""

    def __init__(self, dim: int, last: bool) -> None:
        super().__init__()
        self.neighbour, self.both, self.last = nn.Linear(dim, dim), nn.Linear(2 * dim, dim), last

    def forward(self, h: Tensor, shares: Weights) -> Tensor:
        pooled = read(shares, F.relu(self.neighbour(h)))
        out: Tensor = self.both(torch.cat([h, pooled], dim=1))
        return out if self.last else F.relu(out)


class PinSageNetwork(Network):
    """Vectors of items and layers over them; users have no vectors of their own."""

    def __init__(self, training: Training, settings: PinSageSettings, seed: int) -> None:
        super().__init__(training, Negatives(training), settings.batch)
        self.settings, self.turn = settings, 0
        graph = bipartite(self.users, self.items, self.n_users, self.n_items)
        found, share = visits(
            graph,
            np.arange(self.n_users, graph.nodes),
            walks=settings.walks,
            steps=settings.steps,
            top=settings.visited,
            seed=seed,
        )
        found -= self.n_users
        self.shares = _shares(found[:, : settings.neighbours], share[:, : settings.neighbours])
        self.far = found[:, settings.far :]
        self.first = graph.first[: self.n_users + 1]  # where the items of each user begin among the pairs
        self.had = torch.from_numpy(np.diff(self.first).astype(np.float32))
        layer = mean(self.users, self.items, max(self.n_users, self.n_items))
        self.own = weights(layer._replace(rows=self.n_users, cols=self.n_items))
        self.embedding = nn.Embedding(self.n_items, settings.dim)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.of_items = Features(training.item_columns, training.item_kinds, self.n_items, settings.dim)
        self.pools = nn.ModuleList(
            Pooling(settings.dim, depth + 1 == settings.layers) for depth in range(settings.layers)
        )
        self.query = nn.Linear(settings.dim, settings.dim)
        self.bias = nn.Parameter(torch.zeros(self.n_items))

    def batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield pairs with their negatives, a hard one more each epoch."""
        hard = min(self.turn, self.settings.hard)
        self.turn += 1
        for batch in super().batches(rng):
            others = [batch.others, *(self._hard(batch, rng) for _ in range(hard))]
            yield batch._replace(others=torch.cat(others, dim=1))

    def _hard(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        """Return an item a user has not taken and that walks from an item of theirs meet now and then, int64 [b, 1]."""
        user, easy = batch.users.numpy(), batch.others[:, 0].numpy()
        if not self.far.shape[1]:
            return batch.others[:, :1]
        low, high = self.first[user], self.first[user + 1]
        mine = self.items[low + (rng.random(user.shape[0]) * (high - low)).astype(np.int64)]
        drawn = self.far[mine, rng.integers(0, self.far.shape[1], user.shape[0])]
        taken = self.negatives.taken(user, drawn)
        return from_numpy(np.where((drawn >= 0) & ~taken, drawn, easy))[:, None]

    def spread(self) -> list[Tensor]:
        """Return h(0) .. h(L) of all items, the skip from h(0) in the last."""
        h = self.embedding.weight + self.of_items()
        out = [h]
        for pool in self.pools:
            out.append(pool(out[-1], self.shares))
        out[-1] = out[-1] + h
        return out

    def loss(self, batch: Batch) -> Tensor:
        """Return the max-margin loss, with the L2 cost of the vectors it ranks."""
        h = self.spread()[-1]
        yes, no = h[batch.items], h[batch.others]
        n = self.had[batch.users][:, None]
        rest = (read(self.own, h)[batch.users] * n - yes) / (n - 1).clamp(min=1)
        user = self.query(rest)
        taken = (user * yes).sum(1) + self.bias[batch.items]
        others = (user[:, None] * no).sum(2) + self.bias[batch.others]
        ranking = F.relu(others - taken[:, None] + self.settings.margin).mean()
        size = user.square().sum() + yes.square().sum() + no.square().sum() / no.shape[1]
        return ranking + self.settings.l2 * size / user.shape[0]

    def vectors(self) -> Vectors:
        """Return users' queries and h(L) of items."""
        h = self.spread()[-1]
        return Vectors(self.query(read(self.own, h)).numpy(), h.numpy(), self.bias.detach().numpy().copy())

    def layers(self) -> list[np.ndarray]:
        """Return h(0) .. h(L) of items."""
        return [one.detach().numpy() for one in self.spread()]


def _shares(found: np.ndarray, share: np.ndarray) -> Weights:
    row, place = np.nonzero(found >= 0)
    value = share[row, place] / np.maximum(1e-12, share.sum(1))[row]
    n = found.shape[0]
    return weights(Layer(n, n, row, found[row, place], value.astype(np.float32)))


class PinSage:
    """Fits a PinSage.

    Args:
        settings: Widths, layers, walks, negatives, costs, schedule; None takes the defaults.
    """

    name = "pinsage"
    needs = ""

    def __init__(self, settings: PinSageSettings | None = None) -> None:
        self.settings = settings or PinSageSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return the bytes of items' weights, gradients, moments, layers and visits, and of users' means."""
        floats = self.settings.dim * (8 + 10 * self.settings.layers) + 12 * self.settings.visited
        batch = self.settings.batch * (1 + self.settings.hard)
        return trainer.memory(n_users // 4 + n_items, floats, 2 * n_events, batch, self.settings.dim)

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit by the max-margin loss until recall on held events rises no more."""
        done = trainer.fit(
            lambda part: PinSageNetwork(part, self.settings, seed),
            training,
            self.settings.schedule,
            seed,
            progress,
            clock,
        )
        return _fitted(self.name, done, training)


def _fitted(name: str, done: Run, training: Training) -> InductiveFitted:
    network = done.network
    assert isinstance(network, PinSageNetwork)
    with torch.no_grad():
        network.eval()
        layers, vectors = network.layers(), network.vectors()
    query = network.query.weight.detach().T.numpy(), network.query.bias.detach().numpy()
    return InductiveFitted(
        name,
        training,
        vectors,
        layers=[np.concatenate([np.zeros_like(vectors.user), layers[-1]]), np.concatenate(vectors[:2])],
        steps=[Step(query[0], np.zeros_like(query[0]), query[1])],
        items_follow=False,
        curve=done.curve,
        smoothness=[smoothness(one) for one in layers],
        cold_items="cannot" if of_items(training, 1) is None else "features",
    )
