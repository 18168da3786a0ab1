"""Fold-in: vectors of users and items from what they took by now, solved against the other side as it was fitted.

Source: Hu, Koren and Volinsky, Collaborative Filtering for Implicit Feedback Datasets (2008), section 4, equation 4:
a user's vector is the solution of a ridge regression on the items they took.  Added: an item counts less the longer
ago the user had it.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from tgn.baseline.contract import Baseline, Cold, Point, Training
from tgn.baseline.factor.als import Cost
from tgn.baseline.fitting.vectors import VectorFitted, Vectors, scores

TAKERS = 50  # the last users that an item without training events is folded in from


class Side:
    """One side's ridge regression on the other side's vectors.

    Args:
        other: Vectors of the other side, float [m, d], those that count as not taken where they are not.
        free: Coordinates that are solved for, int [f]; the rest are read from the row itself.
        cost: As in the fit.
        scale: Of the costs by coordinate, float [f].
    """

    def __init__(self, other: np.ndarray, free: np.ndarray, cost: Cost, scale: np.ndarray) -> None:
        self.gram = cost.zero * (other.T @ other).astype(np.float64)
        self.free, self.fixed = free, np.setdiff1d(np.arange(other.shape[1]), free)
        self.cost, self.zeros, self.scale = cost, cost.zero * other.shape[0], scale

    def solve(self, own: np.ndarray, taken: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the row with its free coordinates solved for, float64 [d].

        Shapes:
            - own: float [d]; taken: float [n, d], vectors of what was taken; weight: float64 [n]
        """
        heavy = taken * weight[:, None]
        found, free = self.gram + heavy.T @ taken, self.free
        right = heavy.sum(axis=0)[free] - found[np.ix_(free, self.fixed)] @ own[self.fixed]
        l2 = self.cost.l2 * (float(weight.sum()) + self.zeros) ** self.cost.power
        out = own.astype(np.float64)
        out[free] = np.linalg.solve(found[np.ix_(free, free)] + np.diag(l2 * self.scale), right)
        return out


class FoldInFitted(VectorFitted):
    """A fit by alternating least squares, whose live vectors are folded in.

    Args:
        user_free, item_free: Coordinates that a user or an item learns, int [f]; the others are fixed in its vector.
        scale: Of costs by coordinate, float [d].
        decay: Weight of an item the user had one distinct item earlier.
    """

    def __init__(
        self,
        name: str,
        training: Training,
        vectors: Vectors,
        *,
        user_free: np.ndarray,
        item_free: np.ndarray,
        cost: Cost,
        scale: np.ndarray,
        decay: float,
        curve: list[Point],
        cold_users: Cold,
        cold_items: Cold,
    ) -> None:
        super().__init__(name, training, vectors, curve=curve, cold_users=cold_users, cold_items=cold_items)
        known = self.known_users, self.known_items
        self.by_user = Side(vectors.item[known[1]], user_free, cost, scale[user_free])
        self.by_item = Side(vectors.user[known[0]], item_free, cost, scale[item_free])
        self.decay = decay

    def stranger(self) -> np.ndarray:
        """Return the vector of a user of whom nothing is known: the mean user, also in what is fixed, float32 [d]."""
        known = self.vectors.user[self.known_users]
        return known.mean(axis=0) if known.shape[0] else np.zeros(self.vectors.user.shape[1], np.float32)

    def user_vectors(self) -> np.ndarray:
        """Return a vector a user, float32 [n_users, d]; the network has made those of users without events."""
        return self.vectors.user

    def live(self) -> Baseline | None:
        """Return the model with histories that go on."""
        return _FoldIn(self)


class _FoldIn:
    def __init__(self, fitted: FoldInFitted) -> None:
        self.name, self.fitted = f"{fitted.name}-live", fitted
        self.users = fitted.user_vectors().astype(np.float64)
        self.items, self.scored = fitted.vectors.item.astype(np.float64), fitted.scored_items()
        self.stranger = fitted.stranger()
        self.had: dict[int, dict[int, None]] = {}  # each user's distinct items, the last had at the end
        self.takers: dict[
            int, deque[np.ndarray]
        ] = {}  # vectors of users as they took it, of items that were not fitted
        self.stale: set[int] = set()  # users who took something since their vector was solved
        training = fitted.training
        for user, item in zip(training.users.tolist(), training.items.tolist(), strict=True):
            self._take(user, item)

    def score(self, user: int, t: int) -> np.ndarray:
        return scores(self.items, self._vector(user), None, self.scored)

    def learn(self, user: int, item: int, t: int) -> None:
        """Put the item into the user's history; an item that was not fitted is folded in from its users."""
        if not self.fitted.known_items[item]:
            takers = self.takers.setdefault(item, deque(maxlen=TAKERS))
            takers.append(self._vector(user))
            self.items[item] = self.fitted.by_item.solve(
                self.items[item], np.array(takers), np.ones(len(takers))
            )
            self.scored[item] = True
        self._take(user, item)
        self.stale.add(user)

    def _take(self, user: int, item: int) -> None:
        had = self.had.setdefault(user, {})
        had.pop(item, None)
        had[item] = None

    def _vector(self, user: int) -> np.ndarray:
        if user >= self.users.shape[0]:
            return self.stranger
        if user not in self.stale:
            return self.users[user]
        items = list(self.had[user])[::-1]
        weight = self.fitted.decay ** np.arange(len(items))
        return self.fitted.by_user.solve(self.users[user], self.items[items], weight)
