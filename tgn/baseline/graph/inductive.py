"""A fitted GraphSAGE whose users and items go on taking and being taken: layers as fitted, neighbours as they are now."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tgn.baseline.contract import Baseline, Training
from tgn.baseline.fitting.vectors import HALF_LIFE, VectorFitted, Vectors, fading, scores


class Step(NamedTuple):
    """A layer: `neighbours @ read + own @ keep + bias`.

    Shapes:
        - read, keep: float32 [d, d]; bias: float32 [d]
    """

    read: np.ndarray
    keep: np.ndarray
    bias: np.ndarray


class InductiveFitted(VectorFitted):
    """Node vectors by layer with the layers that made them.

    Args:
        layers: h(0) .. h(L) of all nodes, float32 [n, d] each, users first.
        steps: The layers.
        items_follow: Items unseen in training are computed from the users who take them, too.
        others: As `VectorFitted` takes them.
    """

    def __init__(
        self,
        name: str,
        training: Training,
        vectors: Vectors,
        *,
        layers: list[np.ndarray],
        steps: list[Step],
        items_follow: bool = True,
        **others: Any,
    ) -> None:
        super().__init__(name, training, vectors, **others)
        self.layers, self.steps, self.items_follow = layers, steps, items_follow
        self.bytes += sum(one.nbytes for one in layers[:-1]) + sum(
            one.nbytes for step in steps for one in step
        )

    def live(self) -> Baseline:
        """Return the model with neighbours that go on: all layers are computed again for users and unseen items."""
        return _Live(self)

    def user_vectors(self) -> np.ndarray:
        """Return the network's own vectors: it has made those of users without events too."""
        return self.vectors.user

    def stranger(self) -> np.ndarray:
        """Return the vector of a user beyond those known by name: the mean of the users without events, or of all."""
        unseen = ~self.known_users
        return self.vectors.user[unseen if unseen.any() else slice(None)].mean(axis=0)


class _Live:
    """Means of what neighbours had at each layer, [L, d] a node: decayed by time and event for a user, plain for an item.

    Items with training events keep the vectors they were fitted with.
    """

    def __init__(self, fitted: InductiveFitted) -> None:
        training: Training = fitted.training
        n_users = training.n_users
        self.name = f"{fitted.name}-live"
        self.steps, self.stranger = fitted.steps, fitted.stranger()
        self.user = np.stack([one[:n_users] for one in fitted.layers], axis=1)  # [n_users, L + 1, d]
        self.item = np.stack([one[n_users:] for one in fitted.layers], axis=1)  # [n_items, L + 1, d]
        self.items = self.item[:, -1].copy()  # as scored
        self.scored, self.bias = fitted.scored_items(), fitted.vectors.bias
        self.fixed = fitted.known_items | (not fitted.items_follow)
        self.total = np.zeros(self.user[:, :-1].shape)
        self.weight, self.at = np.zeros(n_users), np.zeros(n_users, np.int64)
        self.takers = np.zeros(training.n_items, np.int64)
        self.taken = np.zeros_like(self.item[:, :-1])  # means over who took an unseen item
        self.half_life_ms = max(1.0, HALF_LIFE * float(np.ptp(training.t)) if training.t.shape[0] else 1.0)
        for user, item, t in zip(
            training.users.tolist(), training.items.tolist(), training.t.tolist(), strict=True
        ):
            self._take(user, item, t)

    def score(self, user: int, t: int) -> np.ndarray:
        vector = self._vector(user)[-1] if user < self.user.shape[0] else self.stranger
        return scores(self.items, vector, self.bias, self.scored)

    def learn(self, user: int, item: int, t: int) -> None:
        """Put the item among the user's neighbours, and the user among those of an item unseen in training."""
        if not self.fixed[item]:
            n = self.takers[item] + 1
            self.taken[item] += (self._vector(user)[:-1] - self.taken[item]) / n
            self.takers[item] = n
            self.item[item] = self._apply(self.taken[item], self.item[item, 0])
            self.items[item], self.scored[item] = self.item[item, -1], True
        self._take(user, item, t)

    def _take(self, user: int, item: int, t: int) -> None:
        decay = fading(max(0, t - int(self.at[user])), self.half_life_ms)
        self.total[user] = self.total[user] * decay + self.item[item, :-1]
        self.weight[user] = self.weight[user] * decay + 1.0
        self.at[user] = max(t, int(self.at[user]))

    def _vector(self, user: int) -> np.ndarray:
        """Return h(0) .. h(L) of a user, float32 [L + 1, d]."""
        if not self.weight[user] > 0:
            return self.user[user]
        return self._apply((self.total[user] / self.weight[user]).astype(np.float32), self.user[user, 0])

    def _apply(self, mean: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Return h(0) .. h(L) of a node whose neighbours have a mean at each layer below, [L, d]."""
        out = [start]
        for depth, (step, read) in enumerate(zip(self.steps, mean, strict=True)):
            h = read @ step.read + out[-1] @ step.keep + step.bias
            out.append(np.maximum(h, 0.0) if depth + 1 < len(self.steps) else h)
        return np.stack(out)
