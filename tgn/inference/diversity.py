"""Diversity of a list by maximal marginal relevance (MMR), and category caps.

MMR (Carbonell and Goldstein, SIGIR 1998): the next item is the one with the largest
(1 - v) · relevance - v · similarity to the most similar item before it.  Relevance is the score in standard deviations
of the candidates' scores, brought to [0, 1] by a logistic curve; similarity is the cosine of the items' collaborative
vectors, or 1 for two of one category where an item has no vector yet.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tgn.inference.attention import ANY_ORDER


@njit(nogil=True, cache=True, fastmath=ANY_ORDER)
def likeness(vectors: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Return the similarity of each pair of items, float32 [n, n], 0 to 1.

    Shapes:
        - vectors: float32 [n, d], zero where none is known
        - categories: int32 [n], 0 where none is known
    """
    n, d = vectors.shape
    unit, alike = np.empty((n, d), np.float32), np.zeros((n, n), np.float32)
    known = np.zeros(n, np.bool_)
    for i in range(n):
        whole = np.float32(0)
        for e in range(d):
            whole += vectors[i, e] * vectors[i, e]
        known[i] = whole > 0
        by = np.float32(1) / np.sqrt(whole) if whole > 0 else np.float32(0)
        for e in range(d):
            unit[i, e] = by * vectors[i, e]
        for j in range(i + 1):
            total = np.float32(categories[i] == categories[j] and categories[i] > 0)
            if known[i] and known[j]:
                total = np.float32(0)
                for e in range(d):
                    total += unit[i, e] * unit[j, e]
            alike[i, j] = alike[j, i] = min(max(total, np.float32(0)), np.float32(1))
    return alike


@njit(nogil=True, cache=True)
def mixed(scores: np.ndarray, alike: np.ndarray, variety: float, k: int) -> np.ndarray:
    """Return the positions of `k` items, int64, re-ranked by MMR; the best item stays first.

    Shapes:
        - scores: float32 [n], best first
        - alike: float32 [n, n], 0 to 1
    """
    n, mean, spread = scores.shape[0], scores.mean(), scores.std()
    left, nearest = np.empty(n), np.zeros(n)
    for row in range(n):
        left[row] = (1.0 - variety) / (1.0 + np.exp(-(scores[row] - mean) / (spread if spread > 0 else 1.0)))
    order = np.empty(min(k, n), np.int64)
    for place in range(order.shape[0]):
        at, best = 0, -np.inf
        for row in range(n):
            if left[row] - variety * nearest[row] > best:
                at, best = row, left[row] - variety * nearest[row]
        order[place] = at
        left[at] = -np.inf
        for row in range(n):
            nearest[row] = max(nearest[row], alike[at, row])
    return order


@njit(nogil=True, cache=True)
def capped(categories: np.ndarray, most: int, k: int) -> np.ndarray:
    """Return the positions of the first `k` items, int64, with at most `most` of a category.

    Shapes:
        - categories: int32 [n], 0 for items without one, which are free
    """
    last = 0
    for code in categories:
        last = max(last, code)
    count, places, n = np.zeros(last + 1, np.int32), np.empty(min(k, categories.shape[0]), np.int64), 0
    for place in range(categories.shape[0]):
        code = categories[place]
        if n < places.shape[0] and (code == 0 or count[code] < most):
            count[code] += 1
            places[n] = place
            n += 1
    return places[:n]
