"""Variety in an answer: an item is worth less beside items like it.

Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): the next item is the one with the largest
(1 - v) · relevance - v · likeness to the most alike item before it.  Relevance is the score in standard deviations
of the candidates' scores, brought to [0, 1] by a logistic curve; likeness is the cosine of the items' collaborative
vectors, or 1 for two of one category where an item has no vector yet.
"""

from __future__ import annotations

import numpy as np
from numba import njit


def likeness(vectors: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Return how alike items are, float32 [n, n], 0 to 1.

    Shapes:
        - vectors: float32 [n, d], zero where none is known
        - categories: int32 [n], 0 where none is known
    """
    length = np.linalg.norm(vectors, axis=1)
    known = length > 0
    unit = vectors / np.where(known, length, 1.0)[:, None]
    alike = np.clip(unit @ unit.T, 0.0, 1.0)
    same = (categories[:, None] == categories[None]) & (categories > 0)[:, None]
    both = known[:, None] & known[None]
    return np.where(both, alike, same.astype(np.float32)).astype(np.float32)


def mixed(scores: np.ndarray, alike: np.ndarray, variety: float, k: int) -> np.ndarray:
    """Return the places of `k` items, int64, in an order with variety; the best item stays first.

    Shapes:
        - scores: float32 [n], best first
        - alike: float32 [n, n], 0 to 1
    """
    spread = float(scores.std()) or 1.0
    relevance = (1.0 - variety) / (1.0 + np.exp(-(scores - scores.mean()) / spread))
    order: np.ndarray = _greedy(relevance.astype(np.float64), alike, variety, min(k, scores.shape[0]))
    return order


@njit(nogil=True, cache=True)
def _greedy(left: np.ndarray, alike: np.ndarray, variety: float, n: int) -> np.ndarray:
    nearest = np.zeros(left.shape[0])
    order = np.empty(n, np.int64)
    for place in range(n):
        at, best = 0, -np.inf
        for row in range(left.shape[0]):
            if left[row] - variety * nearest[row] > best:
                at, best = row, left[row] - variety * nearest[row]
        order[place] = at
        left[at] = -np.inf
        for row in range(left.shape[0]):
            nearest[row] = max(nearest[row], alike[at, row])
    return order


def sameness(alike: np.ndarray) -> float:
    """Return an answer's mean likeness over its pairs of items: intra-list similarity, 0 to 1."""
    n = alike.shape[0]
    return float((alike.sum() - np.trace(alike)) / (n * (n - 1))) if n > 1 else 0.0
