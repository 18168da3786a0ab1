"""Ranking quality: where the true item stands, and what that is worth.

Source: Huang et al., Temporal Graph Benchmark (2023), for the rank of a tie: half way between the best and the
worst place it could take.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def rank(score: np.ndarray, item: int, barred: np.ndarray) -> float:
    """Return the place of `item` among all items, from 1; tied items share the middle of their places.

    Shapes:
        - score: float64 [items]
        - barred: bool [items], items that do not compete
    """
    better, equal = 0, 0
    mine = score[item]
    for other in range(score.shape[0]):
        if other == item or barred[other]:
            continue
        if score[other] > mine:
            better += 1
        elif score[other] == mine:
            equal += 1
    return better + 0.5 * equal + 1.0


def mrr(ranks: np.ndarray) -> float:
    """Return the mean reciprocal rank."""
    return float(np.mean(1.0 / ranks)) if ranks.shape[0] else 0.0


def recall(ranks: np.ndarray, k: int) -> float:
    """Return the share of events whose item stands in the first `k`: with one true item, the hit rate."""
    return float(np.mean(ranks <= k)) if ranks.shape[0] else 0.0


def ndcg(ranks: np.ndarray, k: int) -> float:
    """Return the mean of 1 / log2(1 + rank) for items in the first `k`, 0 for the others."""
    return float(np.mean(np.where(ranks <= k, 1.0 / np.log2(1.0 + ranks), 0.0))) if ranks.shape[0] else 0.0
