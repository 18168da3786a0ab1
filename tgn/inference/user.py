"""User vector and scores of candidates without torch: `embedding.user_vector` over the same tables.

Written as sums of scaled rows, which compile to vector instructions.  The attention and the scores are the
kernels that the torch side uses as well; a test holds the rest equal.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from tgn.inference.attention import ANY_ORDER, bucket, look
from tgn.inference.layout import TgnSettings, unpack

HALF = 10.0  # times an item has been learned when half is known of it
MOST = 1e9


@njit(nogil=True, cache=True, fastmath=ANY_ORDER)
def _times(x: np.ndarray, w: np.ndarray, out: np.ndarray) -> None:
    """Add x [a] times w [a, b] to out [b], four rows at a time."""
    four = x.shape[0] // 4 * 4
    for i in range(0, four, 4):
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        for j in range(out.shape[0]):
            out[j] += a * w[i, j] + b * w[i + 1, j] + c * w[i + 2, j] + d * w[i + 3, j]
    for i in range(four, x.shape[0]):
        for j in range(out.shape[0]):
            out[j] += x[i] * w[i, j]


@njit(nogil=True, cache=True)
def _vector(
    hist: np.ndarray,
    age: np.ndarray,
    user: int,
    item: tuple[np.ndarray, ...],
    person: tuple[np.ndarray, ...],
    attention: tuple[np.ndarray, ...],
    layers: tuple[np.ndarray, ...],
    more: tuple[np.ndarray, ...],
) -> tuple[np.ndarray, np.ndarray]:
    item_vector, item_memory, from_item, item_column, from_item_column = item
    buckets = bucket(age)
    d = item_vector.shape[1]
    k = 0
    while k < hist.shape[0] and hist[k] >= 0:
        k += 1
    vectors, projected = np.zeros((k, d), np.float32), np.zeros((k, 3 * d), np.float32)
    query, key, value, place, bias, ages = attention
    for j in range(k):
        vectors[j] = item_vector[hist[j]]
        _times(item_memory[hist[j]], from_item, vectors[j])
        _times(item_column[hist[j]], from_item_column, vectors[j])
        _times(vectors[j], key, projected[j, d : 2 * d])
        _times(vectors[j], value, projected[j, 2 * d :])
    if k:
        _times(vectors[0], query, projected[0, :d])
    index = np.arange(k).astype(np.int32).reshape(1, k)
    out, share = np.zeros((1, 3 * d), np.float32), np.zeros((1, place.shape[0], k), np.float32)
    look(vectors, projected, index, buckets.reshape(1, -1), place, bias, ages, share, out)
    x = out[0]
    hidden_w, hidden_b, out_w, out_b, skip = layers
    user_memory, from_user, user_column, from_user_column = person
    hidden = hidden_b.copy()
    _times(x, hidden_w, hidden)
    if user >= 0:
        _times(user_memory[user], from_user, hidden)
        _times(user_column[user], from_user_column, hidden)
    for j in range(hidden.shape[0]):
        hidden[j] = max(hidden[j], np.float32(0))
    vector = out_b.copy()
    _times(hidden, out_w, vector)
    _times(x, skip, vector)
    again_place, again_age, again_user = more
    whole = np.zeros(1, np.float32)
    _times(hidden, again_user, whole)
    again = np.zeros(hist.shape[0], np.float32)
    for j in range(k):
        again[j] = whole[0] + again_place[j] + again_age[buckets[j]]
    return vector, again


@njit(nogil=True, cache=True, fastmath=ANY_ORDER)
def dots(
    users: np.ndarray,
    again: np.ndarray,
    hist: np.ndarray,
    output: np.ndarray,
    column: np.ndarray,
    weight: np.ndarray,
    trained: bool,
    cand: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the score of each candidate, and how much is known of it, 0 to 1.

    An item that has been learned n times is known n / (n + 10); explicit features count as once more.  One pass: a cut costs a call for each candidate.

    Args:
        trained: Whether the weights of explicit features have learned anything.

    Shapes:
        - users: float32 [n, d]; again: float32 [n, K], added to the scores of the items hist: int32 [n, K]
        - output: float32 [N, d + 2], the table `item_output`
        - column: float32 [N, c], the table `item_column`; weight: float32 [c, d + 1], `output_item_column`
        - cand: int32 [n, C], -1 where unused
        - output: float32 [n, C] twice
    """
    d, c = users.shape[1], column.shape[1]
    score, known = np.zeros(cand.shape, np.float32), np.zeros(cand.shape, np.float32)
    explicit = np.zeros(c, np.float32)
    for i in range(cand.shape[0]):
        user, length = users[i], 0
        while length < hist.shape[1] and hist[i, length] >= 0:
            length += 1
        for e in range(c):
            explicit[e] = weight[e, d]
            for f in range(d):
                explicit[e] += weight[e, f] * user[f]
        for k in range(cand.shape[1]):
            item = max(cand[i, k], 0)
            row = output[item]
            total, some = row[d], False
            for e in range(d):
                total += user[e] * row[e]
            for e in range(c):
                total += explicit[e] * column[item, e]
                some |= column[item, e] != 0
            for j in range(length):
                if hist[i, j] == item:
                    total += again[i, j]
            score[i, k] = total
            times = min(max(row[d + 1], np.float32(0)), np.float32(MOST))
            if some and trained:
                times += np.float32(1)
            if cand[i, k] >= 0 and times > 0:
                known[i, k] = times / (times + np.float32(HALF))
    return score, known


class UserEncoder:
    """Scores candidates for one user at a time; reads tables, writes none.

    Args:
        tables: Arrays named as in `layout.layout`.
    """

    def __init__(self, tables: Mapping[str, np.ndarray], settings: TgnSettings) -> None:
        self.tables = tables
        w = unpack(tables["net"][0], settings)
        self.steps = tables["net_moment"][0, -1:]
        none = {
            name: np.zeros((tables[f"{name.partition('_')[0]}_memory"].shape[0], 0), np.float32)
            for name in ("user_memory", "user_column", "item_memory", "item_column")
        }

        def given(name: str, on: bool) -> tuple[np.ndarray, np.ndarray]:
            weight = w[f"from_{name.removesuffix('_memory')}"] if on else np.zeros((0, 0), np.float32)
            return (tables[name] if on else none[name]), weight

        columns = settings.columns > 0
        self.column, into = given("item_column", columns)
        self.weight = w["output_item_column"] if columns else np.zeros((0, settings.dim + 1), np.float32)
        self.bare = (
            np.zeros((self.column.shape[0], 0), np.float32),
            np.zeros((0, settings.dim + 1), np.float32),
        )
        self.bare[0].flags.writeable = self.column.flags.writeable
        self.bare[1].flags.writeable = self.weight.flags.writeable
        self.item = (tables["item_vector"], *given("item_memory", settings.node_memory), self.column, into)
        self.person = (*given("user_memory", settings.node_memory), *given("user_column", columns))
        self.attention = tuple(w[name] for name in ("query", "key", "value", "place", "bucket", "age"))
        self.more = (w["again"], w["again_age"], w["again_user"].reshape(-1, 1))
        self.layers = tuple(w[name] for name in ("hidden", "hidden_bias", "out", "out_bias", "skip"))

    def user_vector(self, hist: np.ndarray, age: np.ndarray, user: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a user's vector float32 [d], and the repeat bias of the items of the history, float32 [K].

        Shapes:
            - hist: int32 [K], newest first, -1 where unused; age: int64 [K] ms
            - user: the user's row, -1 for unknown
        """
        vector, again = _vector(
            hist, age, user, self.item, self.person, self.attention, self.layers, self.more
        )
        return vector, again

    def score_known(
        self, hist: np.ndarray, age: np.ndarray, user: int, cand: np.ndarray, *, content: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return scores float32 [C] and how much is known of each item, 0 to 1, float32 [C]; see `dots`.

        Args:
            content: Whether the explicit features of the candidates count.
        """
        users, again = self.user_vector(hist, age, user)
        trained = bool(self.steps[0] > 0)
        column, weight = (self.column, self.weight) if content else self.bare
        score, known = dots(
            users[None], again[None], hist[None], self.tables["item_output"], column, weight, trained, cand[None]
        )  # fmt: skip
        return score[0], known[0]

    def score(
        self, hist: np.ndarray, age: np.ndarray, user: int, cand: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return scores float32 [C] and whether anything is known of each item, bool [C]."""
        score, known = self.score_known(hist, age, user, cand)
        return score, known > 0
