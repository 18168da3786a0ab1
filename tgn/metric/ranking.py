"""Ranking metrics: rank of the true item with ties, MRR, recall, precision, hit rate and NDCG.

Source: Huang et al., Temporal Graph Benchmark (2023), for the rank of a tie: half way between the best and the
worst place it could take.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def rank(score: np.ndarray, item: int, barred: np.ndarray) -> float:
    """Return the rank of `item` among all items, from 1; ties get the mean of best and worst.

    A score that is no number stands last: nothing compares as better than it, so it would look like a first place.

    Shapes:
        - score: float64 [items]
        - barred: bool [items], items that do not compete
    """
    better, equal = 0, 0
    mine = score[item]
    if np.isnan(mine) or mine == -np.inf:
        for other in range(score.shape[0]):
            nothing = np.isnan(score[other]) or score[other] == -np.inf
            better += int(not nothing) & int(not barred[other])
            equal += int(nothing) & int(not barred[other])
    else:
        for other in range(score.shape[0]):
            better += int(score[other] > mine) & int(not barred[other])
            equal += int(score[other] == mine) & int(not barred[other])
    return better + 0.5 * (equal - int(not barred[item])) + 1.0


def _places(ranks: np.ndarray) -> np.ndarray:
    if not np.all(ranks >= 1):
        wrong = ranks[~(ranks >= 1)]
        raise ValueError(
            f"{wrong.shape[0]} of {ranks.shape[0]} ranks are no places from 1, such as {wrong[0]}"
        )
    return ranks


def mrr(ranks: np.ndarray) -> float:
    """Return the mean reciprocal rank; 0 of no ranks, like the measures below.

    Raises:
        ValueError: A rank is below 1 or no number.
    """
    return float(np.mean(1.0 / _places(ranks))) if ranks.shape[0] else 0.0


def recall(ranks: np.ndarray, k: int) -> float:
    """Return the share of events whose item stands in the first `k`: with one true item, the hit rate."""
    return float(np.mean(_places(ranks) <= k)) if ranks.shape[0] else 0.0


def precision(ranks: np.ndarray, k: int) -> float:
    """Return the share of the first `k` that is true, a mean over events with one true item each."""
    return recall(ranks, k) / k


def ndcg(ranks: np.ndarray, k: int) -> float:
    """Return the mean of 1 / log2(1 + rank) for items in the first `k`, 0 for the others."""
    return float(np.mean(_gain(_places(ranks), k))) if ranks.shape[0] else 0.0


def _gain(ranks: np.ndarray, k: int) -> np.ndarray:
    return np.where(ranks <= k, 1.0 / np.log2(1.0 + ranks), 0.0)


class PerUser(NamedTuple):
    """Quality of one list a user, a mean over users."""

    mrr: float  # of the best placed of the user's true items
    recall: float  # share of the user's true items in the first k
    precision: float  # share of the first k that is true
    ndcg: float  # against the best possible list of that user
    hit: float  # share of users with a true item in the first k


def best(users: np.ndarray, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each user once, and the rank of the best placed of their true items.

    Shapes:
        - users, ranks: [n], one pair a true item
        - output: [u], [u]
    """
    names, row = np.unique(users, return_inverse=True)
    out = np.full(names.shape[0], np.inf)
    np.minimum.at(out, row, _places(ranks))
    return names, out


def per_user(users: np.ndarray, ranks: np.ndarray, k: int) -> PerUser:
    """Return the quality of one list a user, where a user has several true items, each with its rank.

    Shapes:
        - users, ranks: [n], one pair a true item
    """
    if not ranks.shape[0]:
        return PerUser(*(0.0 for _ in PerUser._fields))
    _, row, n = np.unique(users, return_inverse=True, return_counts=True)
    hits = np.bincount(row, _places(ranks) <= k)
    ideal = np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))  # [k], the worth of 1 .. k true items at the top
    gain = np.bincount(row, _gain(ranks, k)) / ideal[np.minimum(n, k) - 1]
    first = 1.0 / best(users, ranks)[1]
    return PerUser(*(float(np.mean(one)) for one in (first, hits / n, hits / k, gain, hits > 0)))
