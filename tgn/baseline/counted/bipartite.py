"""The bipartite graph of users and items, and walks of three steps over it without a matrix of item pairs."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def sweep(
    users: np.ndarray, items: np.ndarray, weight: np.ndarray, mass: np.ndarray, out: np.ndarray
) -> None:
    """Send weights of items over every pair to its user, and what users then have over every pair to its item.

    Shapes:
        - users, items: int32 [n], the pairs
        - weight: float64 [items], what starts at each item
        - mass: float64 [users], zeros, overwritten with what reaches each user
        - out: float64 [items], added to: what comes back to each item
    """
    for k in range(users.shape[0]):
        mass[users[k]] += weight[items[k]]
    for k in range(users.shape[0]):
        out[items[k]] += mass[users[k]]


@njit(nogil=True, cache=True)
def walk(
    users: np.ndarray,
    items: np.ndarray,
    weight: np.ndarray,
    degree: np.ndarray,
    mass: np.ndarray,
    out: np.ndarray,
) -> None:
    """Do as `sweep` does, each user dividing what it has among its pairs.

    Shapes:
        - degree: int32 [users], how many pairs each user has; the others as for `sweep`
    """
    for k in range(users.shape[0]):
        mass[users[k]] += weight[items[k]]
    for k in range(users.shape[0]):
        out[items[k]] += mass[users[k]] / degree[users[k]]


def longer(array: np.ndarray, size: int) -> np.ndarray:
    """Return the array with zeros behind it up to `size`, or more so that growing stays cheap."""
    if size <= array.shape[0]:
        return array
    return np.concatenate([array, np.zeros(max(size, 2 * array.shape[0]) - array.shape[0], array.dtype)])


class Bipartite:
    """Distinct pairs of user and item, each once, and each user's items in the order in which they were last had.

    A pair takes 8 bytes in two flat arrays beside its place in the user's history, so memory grows with the pairs
    and never with the square of the items.  What comes back to the items from a weighting of them is two passes over
    the pairs in the order they came: 1 M of them take a few milliseconds.

    Args:
        items: How many items there are.
        most: Pairs that take part, the newest ones.
    """

    def __init__(self, items: int, most: int) -> None:
        self.most = most
        self.had: dict[int, dict[int, None]] = {}  # each user's distinct items, the last had at the end
        self.users, self.items = (
            np.zeros(1024, np.int32),
            np.zeros(1024, np.int32),
        )  # the pairs, round when full
        self.added = 0  # pairs that were ever new
        self.of_item = np.zeros(items, np.int32)  # pairs of each
        self.of_user = np.zeros(16, np.int32)

    def add(self, user: int, item: int) -> None:
        """Put the item at the end of the user's history; a new pair stands in for the oldest where there are `most`."""
        had = self.had.setdefault(user, {})
        if item in had:
            del had[item]
            had[item] = None
            return
        had[item] = None
        at = self.added % self.most
        self.users, self.items = (longer(one, min(at + 1, self.most)) for one in (self.users, self.items))
        self.of_user = longer(self.of_user, user + 1)
        if self.added >= self.most:
            self._drop(at)
        self.users[at], self.items[at] = user, item
        self.of_user[user] += 1
        self.of_item[item] += 1
        self.added += 1

    def last(self, user: int) -> np.ndarray:
        """Return the user's items, the last had first, int64 [n]."""
        return np.array(list(self.had.get(user, ()))[::-1], np.int64)

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return users and items of the pairs, int32 [n] each."""
        n = min(self.added, self.most)
        return self.users[:n], self.items[:n]

    def _drop(self, at: int) -> None:
        user, item = int(self.users[at]), int(self.items[at])
        self.of_user[user] -= 1
        self.of_item[item] -= 1
        had = self.had[user]
        del had[item]
        if not had:
            del self.had[user]
