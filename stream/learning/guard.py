"""Never below the obvious: live quality of each ranker over a window, and which one serves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from state.ranking.sample import Sample

WINDOW = 2_000  # events the live quality looks back on


JUDGED = 500  # events before the guard may act


MARGIN = 0.003  # MRR the learned ranker may stay behind


class Judged(NamedTuple):
    """Ranks of n events by each ranker, before any of them was learned from.

    float64 [n]; NaN where the true item was one the user had and may not have again.
    """

    riverwalk: np.ndarray
    blend: np.ndarray
    own_recency: np.ndarray
    popularity: np.ndarray
    served: np.ndarray  # by the one of them that served at the time


def ranks(score: np.ndarray, sample: Sample, n: int) -> np.ndarray:
    """Return the place of each true item, float64 [n]; ties share the mean of their places.

    Items that are no candidates come after all candidates, by popularity (or nowhere, where that was not
    worked out).  A score that is not finite comes last.
    """
    found, label = sample.found[:n], sample.label[:n]
    place = np.arange(score.shape[1])[None]
    clean = np.where((place < found[:, None]) & np.isfinite(score), score, -1e30)
    mine = np.take_along_axis(clean, np.maximum(label, 0)[:, None], 1)
    inside = 0.5 * ((clean > mine).sum(1) + (clean >= mine).sum(1) - 1) + 1
    outside = np.where(sample.better[:n] < 0, np.inf, found + sample.better[:n] + 0.5 * sample.equal[:n] + 1)
    broken = mine[:, 0] <= -1e30
    at: np.ndarray = np.where((label >= 0) & (label < found), np.where(broken, found, inside), outside)
    return at
