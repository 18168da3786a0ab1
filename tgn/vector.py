"""The user's vector and its scores for processes that load no torch: `embedding.user_vector` over the same tables.

Written as sums of scaled rows, which compile to vector instructions without reordering a sum.  A test holds
this and the torch version equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numba import njit

from tgn.layout import TgnSettings, bucket, unpack


@njit(nogil=True, cache=True)
def _times(x: np.ndarray, w: np.ndarray, out: np.ndarray) -> None:
    """Add x [a] times w [a, b] to out [b]."""
    for i in range(x.shape[0]):
        if x[i] != 0:
            scale = x[i]
            row = w[i]
            for j in range(out.shape[0]):
                out[j] += scale * row[j]


@njit(nogil=True, cache=True)
def _attend(
    vectors: np.ndarray,
    buckets: np.ndarray,
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    place: np.ndarray,
    bias: np.ndarray,
    ages: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the attention of all heads into out [d]."""
    k, d = vectors.shape
    heads = place.shape[0]
    each = d // heads
    q = np.zeros(d, np.float32)
    _times(vectors[0], query, q)
    keys, values = np.zeros((k, d), np.float32), np.zeros((k, d), np.float32)
    for j in range(k):
        _times(vectors[j], key, keys[j])
        values[j] = ages[buckets[j]]
        _times(vectors[j], value, values[j])
    scale = np.float32(1.0 / math.sqrt(each))
    score = np.zeros(k, np.float32)
    for h in range(heads):
        peak = np.float32(-1e30)
        for j in range(k):
            total = np.float32(0)
            for e in range(h * each, (h + 1) * each):
                total += q[e] * keys[j, e]
            score[j] = total * scale + place[h, j] + bias[h, buckets[j]]
            peak = max(peak, score[j])
        mass = np.float32(0)
        for j in range(k):
            score[j] = np.exp(score[j] - peak)
            mass += score[j]
        for j in range(k):
            share = score[j] / mass
            for e in range(h * each, (h + 1) * each):
                out[e] += share * values[j, e]


@njit(nogil=True, cache=True)
def _vector(
    hist: np.ndarray,
    buckets: np.ndarray,
    user: int,
    item_vector: np.ndarray,
    item_memory: np.ndarray,
    user_memory: np.ndarray,
    from_item: np.ndarray,
    attention: tuple[np.ndarray, ...],
    layers: tuple[np.ndarray, ...],
) -> np.ndarray:
    d = item_vector.shape[1]
    k = 0
    while k < hist.shape[0] and hist[k] >= 0:
        k += 1
    x = np.zeros(3 * d, np.float32)
    if k > 0:
        vectors = np.zeros((k, d), np.float32)
        for j in range(k):
            vectors[j] = item_vector[hist[j]]
            _times(item_memory[hist[j]], from_item, vectors[j])
        query, key, value, place, bias, ages = attention
        _attend(vectors, buckets, query, key, value, place, bias, ages, x[:d])
        x[d : 2 * d] = vectors[0]
        for j in range(k):
            for e in range(d):
                x[2 * d + e] += vectors[j, e] / np.float32(k)
    hidden_w, hidden_b, from_user, out_w, out_b, skip = layers
    hidden = hidden_b.copy()
    _times(x, hidden_w, hidden)
    if user >= 0:
        _times(user_memory[user], from_user, hidden)
    for j in range(hidden.shape[0]):
        hidden[j] = max(hidden[j], np.float32(0))
    out = out_b.copy()
    _times(hidden, out_w, out)
    _times(x, skip, out)
    return out


@njit(nogil=True, cache=True)
def _dots(vector: np.ndarray, output: np.ndarray, cand: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    d = vector.shape[0]
    score, known = np.zeros(cand.shape[0], np.float32), np.zeros(cand.shape[0], np.bool_)
    for c in range(cand.shape[0]):
        row = output[cand[c]]
        total = row[d]
        for e in range(d):
            total += vector[e] * row[e]
        score[c], known[c] = total, row[d + 1] > 0
    return score, known


class Twin:
    """Scores candidates for one user at a time; reads tables, writes none.

    Args:
        tables: Arrays named as in `layout.layout`.
    """

    def __init__(self, tables: Mapping[str, np.ndarray], settings: TgnSettings) -> None:
        self.tables = tables
        w = unpack(tables["net"][0], settings)
        self.from_item = w["from_item"]
        self.attention = tuple(w[name] for name in ("query", "key", "value", "place", "bucket", "age"))
        self.layers = tuple(
            w[name] for name in ("hidden", "hidden_bias", "from_user", "out", "out_bias", "skip")
        )

    def user_vector(self, hist: np.ndarray, age: np.ndarray, user: int) -> np.ndarray:
        """Return a user's vector float32 [d].

        Shapes:
            - hist: int32 [K], newest first, -1 where unused; age: int64 [K] ms
            - user: the user's row, -1 for unknown
        """
        t = self.tables
        vector: np.ndarray = _vector(
            hist,
            bucket(age),
            user,
            t["item_vector"],
            t["item_memory"],
            t["user_memory"],
            self.from_item,
            self.attention,
            self.layers,
        )
        return vector

    def score(
        self, hist: np.ndarray, age: np.ndarray, user: int, cand: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return scores float32 [C] and whether each item has been learned, bool [C]."""
        score, known = _dots(self.user_vector(hist, age, user), self.tables["item_output"], cand)
        return score, known
