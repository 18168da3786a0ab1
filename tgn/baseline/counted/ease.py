"""EASE: a closed-form item–item model, applied to the history as it is now.

Source: Steck, Embarrassingly Shallow Autoencoders for Sparse Data (2019), section 3.  Taken: the model and its
solution.  Added: it is solved again as the stream grows, histories are live between two solutions, and an item
counts less the longer ago the user had it (`decay=1` is the published, unordered history).
"""

from __future__ import annotations

import math

import numpy as np

from tgn.baseline.counted.cooccurrence import FLOOR


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse of a symmetric positive definite matrix, float64 [n, n].

    By halves, so that nearly all work is matrix products: twice as fast as `numpy.linalg.inv` at
    4 000.  The error grows with the square of the condition number, which the penalty keeps small.
    """
    n = matrix.shape[0]
    if n <= 256:
        return np.linalg.inv(matrix)
    k = n // 2
    first = inverse(matrix[:k, :k])
    across = first @ matrix[:k, k:]
    out = np.empty_like(matrix)
    out[k:, k:] = inverse(matrix[k:, k:] - matrix[k:, :k] @ across)
    out[:k, k:] = -across @ out[k:, k:]
    out[k:, :k] = out[:k, k:].T
    out[:k, :k] = first - out[:k, k:] @ across.T
    return out


def solve(gram: np.ndarray, penalty: float) -> np.ndarray:
    """Return the weights from item (row) to item (column), 0 from an item to itself.

    Shapes:
        - gram: float64 [n, n], how many users had both items
        - output: float64 [n, n]
    """
    precision = inverse(gram + penalty * np.eye(gram.shape[0]))
    weight = precision / -np.diag(precision)
    np.fill_diagonal(weight, 0.0)
    return weight


class Ease:
    """Orders items by the sum of the weights from the user's items to them.

    Before the first solution, and for users none of whose items take part in it, popularity orders the items;
    items that take no part stand last, in order of popularity.

    Args:
        items: How many items there are.
        refit_share: The model is solved again when the stream has grown by this share.
        first: Events before the first solution.
        most: Items that take part: those that the most users had.
        penalty: λ of the paper.
        decay: Weight of an item the user had one distinct item earlier.
    """

    name = "ease"

    def __init__(
        self,
        items: int,
        refit_share: float = 0.1,
        *,
        first: int = 100,
        most: int = 4_000,
        penalty: float = 300.0,
        decay: float = 0.9,
    ) -> None:
        self.refit_share, self.most, self.penalty, self.decay = refit_share, most, penalty, decay
        self.count, self.users = np.zeros(items), np.zeros(items, np.int64)
        self.events, self.due = 0, first
        self.had: dict[int, dict[int, None]] = {}  # each user's distinct items, the last had at the end
        self.part = np.zeros(0, np.int64)  # [n], the items of the solution
        self.place = np.full(items, -1)  # their rows in it, -1 for the others
        self.weight = np.zeros((0, 0), np.float32)  # [n, n]

    def score(self, user: int, t: int) -> np.ndarray:
        """Return the summed weights, float64 [items]."""
        popular = self.count * (FLOOR / max(1, self.events))
        row = self.place[list(self.had.get(user, ()))[::-1]]
        known = row >= 0
        if not known.any():
            return popular
        age = np.flatnonzero(known)  # 0 for the last item
        summed = (self.decay**age).astype(np.float32) @ self.weight[row[known]]
        out = popular + min(0.0, float(summed.min()))
        out[self.part] = popular[self.part] + summed
        return out

    def learn(self, user: int, item: int, t: int) -> None:
        """Put the item at the end of the user's history; solve when it is time."""
        had = self.had.setdefault(user, {})
        if item in had:
            del had[item]
        else:
            self.users[item] += 1
        had[item] = None
        self.count[item] += 1
        self.events += 1
        if self.events >= self.due:
            self._fit()
            self.due = max(self.events + 1, math.ceil(self.events * (1 + self.refit_share)))

    def _fit(self) -> None:
        order = np.argsort(-self.users, kind="stable")[: self.most]
        self.part = order[self.users[order] > 0]
        self.place[:] = -1
        self.place[self.part] = np.arange(self.part.shape[0])
        gram = np.zeros((self.part.shape[0],) * 2)
        for had in self.had.values():
            row = self.place[list(had)]
            row = row[row >= 0]
            gram[row[:, None], row] += 1
        self.weight = solve(gram, self.penalty).astype(np.float32)
