"""The user's vector and its scores for processes that load no torch: `embedding.user_vector` over the same tables.

A test holds both equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from tgn.layout import TgnSettings, bucket, unpack


class Twin:
    """Scores candidates for one user at a time; reads tables, writes none.

    Args:
        tables: Arrays named as in `layout.layout`.
    """

    def __init__(self, tables: Mapping[str, np.ndarray], settings: TgnSettings) -> None:
        self.tables, self.settings = tables, settings
        self.w = unpack(tables["net"][0], settings)

    def user_vector(self, hist: np.ndarray, age: np.ndarray, user: int) -> np.ndarray:
        """Return a user's vector float32 [d].

        Shapes:
            - hist: int32 [K], newest first, -1 where unused; age: int64 [K] ms
        """
        s, w = self.settings, self.w
        k = int((hist >= 0).sum())
        memory = self.tables["user_memory"][user] if user >= 0 else np.zeros(s.memory, np.float32)
        if k == 0:
            x = np.zeros(3 * s.dim, np.float32)
        else:
            rows = hist[:k]
            vectors = self.tables["item_vector"][rows] + self.tables["item_memory"][rows] @ w["from_item"]
            buckets = bucket(age[:k])
            each = s.dim // s.heads
            query = (vectors[0] @ w["query"]).reshape(s.heads, each)
            key = (vectors @ w["key"]).reshape(k, s.heads, each)
            value = (vectors @ w["value"] + w["age"][buckets]).reshape(k, s.heads, each)
            score = np.einsum("he,khe->hk", query, key) / math.sqrt(each)
            score += w["place"][:, :k] + w["bucket"][:, buckets]
            score = np.exp(score - score.max(1, keepdims=True))
            score /= score.sum(1, keepdims=True)
            attention = np.einsum("hk,khe->he", score, value).reshape(-1)
            x = np.concatenate([attention, vectors[0], vectors.mean(0)])
        hidden = np.maximum(x @ w["hidden"] + memory @ w["from_user"] + w["hidden_bias"], 0)
        out: np.ndarray = hidden @ w["out"] + w["out_bias"] + x @ w["skip"]
        return out

    def score(
        self, hist: np.ndarray, age: np.ndarray, user: int, cand: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return scores float32 [C] and whether each item has been learned, bool [C]."""
        d = self.settings.dim
        output = self.tables["item_output"][cand]
        score = output[:, :d] @ self.user_vector(hist, age, user) + output[:, d]
        return score, output[:, d + 1] > 0
