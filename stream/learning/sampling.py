"""Sampled softmax for the ranker: the candidates of an event that a training step learns from."""

from __future__ import annotations

import numpy as np

from state.ranking.sample import UNIFORM, Sample

COLUMNS = 48  # candidates of an event that a step learns from


def sampled(
    rng: np.random.Generator, sample: Sample, valid: np.ndarray, items: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the candidates a step learns from, the true item first, and the log of how many each stands for.

    Some of the found candidates and all of the random items are enough, and several times cheaper than all.  What
    was shown and not taken is always among them; what was not shown says nothing.

    Args:
        items: Item rows in use.

    Shapes:
        - valid: bool [n, C], where a candidate is
        - returns: int64 [n, COLUMNS at most], float32 of that shape, -inf where there is none
    """
    column = np.arange(valid.shape[1])[None]
    label, found = sample.label[:, None], sample.found[:, None]
    shown = valid & (sample.shown[:, : valid.shape[1]] > 0) & (column != label)
    random = valid & (column >= found) & (column != label) & ~shown
    key = rng.random(valid.shape)
    key[random] = -1.0
    key[shown] = -1.5
    key[np.broadcast_to(column == label, key.shape)] = -2.0
    key[~valid] = 2.0
    width = min(COLUMNS, key.shape[1])
    order = np.argsort(key, axis=1)[:, :width]
    kept = np.take_along_axis(key, order, 1)
    among = np.maximum(((kept >= 0) & (kept < 2)).sum(1, keepdims=True), 1)
    weight = np.where(kept < 2, np.log(np.maximum(1.0, (found - (label < found)) / among)), -np.inf)
    weight[kept == -1.0] = np.log(max(1.0, (items - valid.shape[1]) / UNIFORM))
    weight[kept == -1.5] = 0.0
    weight[:, 0] = 0.0
    return order, weight.astype(np.float32)
