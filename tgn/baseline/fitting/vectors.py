"""A fitted model that is a vector a user and a vector an item: their product orders the items.

Frozen, it is as it was fitted.  Live, the weights stay and the histories go on: a user's vector is a mean of the
vectors of the items they took, in training and since, each event counting `DECAY` of the next, and half after
`HALF_LIFE`; an item without training events takes the mean of the vectors of the users who took it since, and the
mean bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tgn.baseline.contract import Baseline, Cold, Point, Training

HALF_LIFE = 0.25  # of a live history, as a share of the time that training spans
DECAY = 0.7  # weight in it of what was taken one event earlier, beside that of time; chosen on the validation part of MovieLens


class Vectors(NamedTuple):
    """What a network has learned.

    Shapes:
        - user: float32 [n_users, d]; item: float32 [n_items, d]; bias: float32 [n_items], added to every score, or None
    """

    user: np.ndarray
    item: np.ndarray
    bias: np.ndarray | None = None


class VectorFitted:
    """Node vectors with what is known of cold users and items.

    Users and items without training events get vectors here, by `cold_users` and `cold_items`: by `features` the
    network's own (it has made them from columns), by `neighbours` the mean of all users until they have taken
    something, else none: such a user's items all tie but for their bias, and such an item stands last.

    Args:
        name: Of the model; `live()` is called the same with `-live`.
        training: What it was fitted on: live histories begin with it.
        vectors: What it learned.
        curve: Its learning curve.
        smoothness: Mean pairwise cosine of node vectors by layer.
        cold_users, cold_items: How those without training events are scored.
    """

    def __init__(
        self,
        name: str,
        training: Training,
        vectors: Vectors,
        *,
        curve: list[Point] | None = None,
        smoothness: Sequence[float] = (),
        cold_users: Cold = "neighbours",
        cold_items: Cold = "neighbours",
    ) -> None:
        self.name, self.training, self.vectors = name, training, vectors
        self.curve, self.smoothness = curve or [], list(smoothness)
        self.cold_users: Cold = cold_users
        self.cold_items: Cold = cold_items
        self.known_users = np.bincount(training.users, minlength=training.n_users) > 0
        self.known_items = np.bincount(training.items, minlength=training.n_items) > 0
        self.bytes = sum(one.nbytes for one in vectors if one is not None)

    def user_vectors(self) -> np.ndarray:
        """Return a vector a user as of the end of training, float32 [n_users, d]."""
        out = self.vectors.user.copy()
        if self.cold_users != "features":
            out[~self.known_users] = self.stranger()
        return out

    def stranger(self) -> np.ndarray:
        """Return the vector of a user of whom nothing is known, float32 [d]: the mean user, or zeros for `cannot`."""
        known = self.vectors.user[self.known_users]
        if self.cold_users == "cannot" or not known.shape[0]:
            return np.zeros(self.vectors.user.shape[1], np.float32)
        return known.mean(axis=0)

    def as_of(self, vector: np.ndarray, t: int) -> np.ndarray:
        """Return a user's vector as it is at `t` (ms): the same, but for models of time."""
        return vector

    def scored_items(self) -> np.ndarray:
        """Return which items have a vector as of the end of training, bool [n_items]; the others stand last."""
        return np.ones_like(self.known_items) if self.cold_items == "features" else self.known_items.copy()

    def frozen(self) -> Baseline:
        """Return the model as of the end of training."""
        return _Frozen(self)

    def live(self) -> Baseline | None:
        """Return the model with histories that go on; None where it can score no user by what they took."""
        return None if self.cold_users == "cannot" else _Live(self)


def fading(age_ms: int, half_life_ms: float) -> float:
    """Return the weight of a history one event later, after so many milliseconds."""
    return float(DECAY * 0.5 ** (age_ms / half_life_ms))


def scores(vectors: np.ndarray, user: np.ndarray, bias: np.ndarray | None, scored: np.ndarray) -> np.ndarray:
    """Return one score an item, float64 [n_items]; items without a vector stand last, all equal."""
    out = (vectors @ user).astype(np.float64)
    if bias is not None:
        out += bias
    if not scored.all():
        out[~scored] = out[scored].min(initial=0.0) - 1.0
    return out


class _Frozen:
    def __init__(self, fitted: VectorFitted) -> None:
        self.name, self.as_of = fitted.name, fitted.as_of
        self.users, self.stranger = fitted.user_vectors(), fitted.stranger()
        self.items, self.bias, self.scored = fitted.vectors.item, fitted.vectors.bias, fitted.scored_items()

    def score(self, user: int, t: int) -> np.ndarray:
        vector = self.users[user] if user < self.users.shape[0] else self.stranger
        return scores(self.items, self.as_of(vector, t), self.bias, self.scored)

    def learn(self, user: int, item: int, t: int) -> None:
        """Change nothing."""


class _Live:
    """Histories as decayed sums: `total` of a user is as of `at`, and only its direction is used.

    A user's vector is brought to the mean length of the fitted ones, so that a bias weighs what it weighed in training.
    """

    def __init__(self, fitted: VectorFitted) -> None:
        training = fitted.training
        self.name, self.as_of = f"{fitted.name}-live", fitted.as_of
        self.fixed, self.stranger = fitted.user_vectors(), fitted.stranger()
        self.scored = fitted.scored_items()
        self.bias = None if fitted.vectors.bias is None else fitted.vectors.bias.copy()
        if self.bias is not None and self.scored.any():
            self.bias[~self.scored] = self.bias[self.scored].mean()
        self.items = fitted.vectors.item.copy()
        self.total = np.zeros_like(self.fixed, dtype=np.float64)
        self.at = np.zeros(training.n_users, np.int64)
        self.half_life_ms = max(1.0, HALF_LIFE * float(np.ptp(training.t)) if training.t.shape[0] else 1.0)
        self.takers = np.zeros(
            training.n_items, np.int64
        )  # users an item's vector is a mean of; 0 where it was fitted
        known = self.fixed[fitted.known_users]
        self.length = float(np.linalg.norm(known, axis=1).mean()) if known.shape[0] else 1.0
        for user, item, t in zip(
            training.users.tolist(), training.items.tolist(), training.t.tolist(), strict=True
        ):
            self._take(user, item, t)

    def score(self, user: int, t: int) -> np.ndarray:
        return scores(self.items, self.as_of(self._vector(user), t), self.bias, self.scored)

    def learn(self, user: int, item: int, t: int) -> None:
        """Put the item into the user's history; an item that was not fitted learns of its user."""
        if not self.scored[item] or self.takers[item]:
            vector, n = self._vector(user), self.takers[item]
            self.items[item] = (self.items[item] * n + vector) / (n + 1) if n else vector
            self.takers[item] = n + 1
            self.scored[item] = True
        self._take(user, item, t)

    def _take(self, user: int, item: int, t: int) -> None:
        age = max(0, t - int(self.at[user]))
        self.total[user] = self.total[user] * fading(age, self.half_life_ms) + self.items[item]
        self.at[user] = max(t, int(self.at[user]))

    def _vector(self, user: int) -> np.ndarray:
        if user >= self.total.shape[0]:
            return self.stranger
        length = float(np.linalg.norm(self.total[user]))
        if not length > 0:
            return self.fixed[user]
        return (self.total[user] * (self.length / length)).astype(np.float32)
