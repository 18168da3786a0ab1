"""Attention from the last item to the last K: compiled kernels, one pass a user, forward and backward.

Keys and values are computed once for each item of a batch, not once for each position it has in a history; what is
left is a few hundred products a user, which is faster in one loop than as batched products of torch.  Each pass
is one long function with its arrays as arguments, because calls and structs inside the loops cost speed.

Both passes are allowed to sum in any order, which lets them use vector instructions; nothing else of the exact
arithmetic is given up, and not-a-number stays not a number.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tgn.inference.layout import BUCKETS

ANY_ORDER = {"reassoc", "contract", "nsz"}


@njit(nogil=True, cache=True, fastmath=ANY_ORDER)
def look(
    vectors: np.ndarray,
    projected: np.ndarray,
    index: np.ndarray,
    buckets: np.ndarray,
    place: np.ndarray,
    bias: np.ndarray,
    ages: np.ndarray,
    share: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write [attention; last; mean] of each user's history; one pass: a cut costs a copy of each history's vectors.

    Shapes:
        - vectors: float32 [S, d], of the items met; projected: float32 [S, 3d], their queries, keys and values
        - index: int32 [n, K], rows of `vectors`, newest first, padded with -1
        - buckets: int64 [n, K], log-age buckets
        - place: float32 [heads, K]; bias: float32 [heads, B]; ages: float32 [B, d]
        - share: float32 [n, heads, K], written where used: the attention weights
        - out: float32 [n, 3d], written; zero without history
    """
    d, heads = vectors.shape[1], place.shape[0]
    each = d // heads
    scale = np.float32(1.0 / math.sqrt(each))
    for i in range(index.shape[0]):
        out[i] = 0
        row, taken = out[i], index[i]
        k = 0
        while k < taken.shape[0] and taken[k] >= 0:
            k += 1
        if k == 0:
            continue
        query = projected[taken[0], :d]
        for j in range(k):
            key = projected[taken[j], d : 2 * d]
            for h in range(heads):
                total = np.float32(0)
                for e in range(h * each, (h + 1) * each):
                    total += query[e] * key[e]
                share[i, h, j] = total * scale + place[h, j] + bias[h, buckets[i, j]]
        for h in range(heads):
            peak = share[i, h, 0]
            for j in range(1, k):
                peak = max(peak, share[i, h, j])
            mass = np.float32(0)
            for j in range(k):
                share[i, h, j] = np.exp(share[i, h, j] - peak)
                mass += share[i, h, j]
            for j in range(k):
                share[i, h, j] /= mass
        part = np.float32(1.0 / k)
        for j in range(k):
            vector, value, age = vectors[taken[j]], projected[taken[j], 2 * d :], ages[buckets[i, j]]
            for h in range(heads):
                weight = share[i, h, j]
                for e in range(h * each, (h + 1) * each):
                    row[e] += weight * (value[e] + age[e])
            for e in range(d):
                row[2 * d + e] += part * vector[e]
        row[d : 2 * d] = vectors[taken[0]]


@njit(nogil=True, cache=True, fastmath=ANY_ORDER)
def back(
    gradient: np.ndarray,
    vectors: np.ndarray,
    projected: np.ndarray,
    index: np.ndarray,
    buckets: np.ndarray,
    ages: np.ndarray,
    share: np.ndarray,
    d_vectors: np.ndarray,
    d_projected: np.ndarray,
    d_place: np.ndarray,
    d_bias: np.ndarray,
    d_ages: np.ndarray,
) -> None:
    """Add to the gradients of what `look` read, given the gradient float32 [n, 3d] of what it wrote.

    One pass: a cut costs a copy of each history's gradients.
    """
    d, heads = vectors.shape[1], share.shape[1]
    each = d // heads
    scale = np.float32(1.0 / math.sqrt(each))
    d_share = np.zeros((heads, index.shape[1]), np.float32)
    for i in range(index.shape[0]):
        row, taken = gradient[i], index[i]
        k = 0
        while k < taken.shape[0] and taken[k] >= 0:
            k += 1
        if k == 0:
            continue
        part = np.float32(1.0 / k)
        for j in range(k):
            value, age = projected[taken[j], 2 * d :], ages[buckets[i, j]]
            d_value, d_age, d_vector = (
                d_projected[taken[j], 2 * d :],
                d_ages[buckets[i, j]],
                d_vectors[taken[j]],
            )
            for h in range(heads):
                weight, total = share[i, h, j], np.float32(0)
                for e in range(h * each, (h + 1) * each):
                    total += row[e] * (value[e] + age[e])
                    step = weight * row[e]
                    d_value[e] += step
                    d_age[e] += step
                d_share[h, j] = total
            for e in range(d):
                d_vector[e] += part * row[2 * d + e]
        d_vector = d_vectors[taken[0]]
        for e in range(d):
            d_vector[e] += row[d + e]
        query, d_query = projected[taken[0], :d], d_projected[taken[0], :d]
        for h in range(heads):
            mean = np.float32(0)
            for j in range(k):
                mean += share[i, h, j] * d_share[h, j]
            for j in range(k):
                d_share[h, j] = share[i, h, j] * (d_share[h, j] - mean)
                d_place[h, j] += d_share[h, j]
                d_bias[h, buckets[i, j]] += d_share[h, j]
        for j in range(k):
            key, d_key = projected[taken[j], d : 2 * d], d_projected[taken[j], d : 2 * d]
            for h in range(heads):
                weight = d_share[h, j] * scale
                for e in range(h * each, (h + 1) * each):
                    d_query[e] += weight * key[e]
                    d_key[e] += weight * query[e]


@njit(nogil=True, cache=True)
def bucket(age_ms: np.ndarray) -> np.ndarray:
    """Return log-age buckets int64 of ages in ms: 1.25 times the log of seconds, floored."""
    seconds = np.maximum(age_ms, 0) / 1000.0
    out: np.ndarray = np.minimum((1.25 * np.log1p(seconds)).astype(np.int64), BUCKETS - 1)
    return out
