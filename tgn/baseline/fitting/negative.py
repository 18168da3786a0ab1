"""Items to learn against: uniform, by popularity, hard ones; what was shown and not taken counts as one.

Source: Zhang et al., Optimizing Top-N Collaborative Filtering via Dynamic Negative Item Sampling (2013), for hard
ones: of several uniform draws, the one that scores highest.  Mikolov et al. (2013) for the power .75 of popularity.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import njit

from tgn.baseline.contract import Training

Kind = Literal["uniform", "popularity", "hard"]
TRIES = 4  # draws again for what the user took; after that it stays
POWER = 0.75


class Negatives:
    """Draws items that a user has not taken.

    Args:
        training: Whose pairs are never negatives, but by bad luck of `TRIES` draws for a user who took nearly all.
        kind: `hard` draws uniformly here; the loss picks among the draws of a pair by the network's own scores.
        per_pair: Draws for each taken pair, k.
        shown: The share of the negatives of a user with impressions that are taken from those.
    """

    def __init__(
        self, training: Training, kind: Kind = "uniform", per_pair: int = 1, shown: float = 0.5
    ) -> None:
        self.kind, self.per_pair, self.n_items = kind, per_pair, training.n_items
        self.keys = np.unique(_key(training.users, training.items, training.n_items))
        self.start = np.searchsorted(self.keys, np.arange(training.n_users + 1) * training.n_items)
        weight = np.bincount(training.items, minlength=training.n_items) ** POWER
        self.cumulative = np.cumsum(weight) / max(weight.sum(), 1e-12)
        zeros = np.unique(_key(training.shown_users, training.shown_items, training.n_items))
        zeros = zeros[~np.isin(zeros, self.keys)]  # what was taken later is no zero
        self.shown_items = (zeros % training.n_items).astype(np.int64)
        self.shown_at = np.searchsorted(zeros, np.arange(training.n_users + 1) * training.n_items)
        self.shown = shown if zeros.shape[0] else 0.0

    def density(self) -> np.ndarray:
        """Return the chance of each item to be drawn, float64 [n_items]; impressions left aside."""
        if self.kind == "popularity":
            return np.diff(self.cumulative, prepend=0.0)
        return np.full(self.n_items, 1.0 / self.n_items)

    def draw(self, users: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return items the users have not taken, int64 [b, k].

        Shapes:
            - users: int [b]
        """
        every = np.repeat(users.astype(np.int64), self.per_pair)
        items = self._items(every.shape[0], rng)
        for _ in range(TRIES):
            wrong = np.flatnonzero(self.taken(every, items))
            if not wrong.shape[0]:
                break
            items[wrong] = self._items(wrong.shape[0], rng)
        if self.shown:
            self._put_shown(every, items, rng)
        return items.reshape(users.shape[0], self.per_pair)

    def taken(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return whether the users have taken the items, bool [n].

        Shapes:
            - users, items: int64 [n]
        """
        return _among(self.keys, self.start, users, items, self.n_items)

    def _items(self, n: int, rng: np.random.Generator) -> np.ndarray:
        if self.kind == "popularity":
            return np.minimum(np.searchsorted(self.cumulative, rng.random(n), side="right"), self.n_items - 1)
        return rng.integers(0, self.n_items, n)

    def _put_shown(self, users: np.ndarray, items: np.ndarray, rng: np.random.Generator) -> None:
        low, n = self.shown_at[users], self.shown_at[users + 1] - self.shown_at[users]
        rows = np.flatnonzero((n > 0) & (rng.random(users.shape[0]) < self.shown))
        items[rows] = self.shown_items[low[rows] + rng.integers(0, n[rows])]


@njit(nogil=True, cache=True)
def _among(
    keys: np.ndarray, start: np.ndarray, users: np.ndarray, items: np.ndarray, n_items: int
) -> np.ndarray:
    """Return whether each pair is among the keys, by bisection of the user's own: bool [n]."""
    out = np.zeros(users.shape[0], np.bool_)
    for i in range(users.shape[0]):
        key = users[i] * n_items + items[i]
        low, high = start[users[i]], start[users[i] + 1]
        while low < high:
            middle = (low + high) // 2
            if keys[middle] < key:
                low = middle + 1
            else:
                high = middle
        out[i] = low < start[users[i] + 1] and keys[low] == key
    return out


def _key(users: np.ndarray, items: np.ndarray, n_items: int) -> np.ndarray:
    return users.astype(np.int64) * n_items + items
