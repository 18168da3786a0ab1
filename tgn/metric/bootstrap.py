"""Paired bootstrap over users: confidence intervals of differences.

Events of one user are not independent, so whole users are drawn, not events: a resample has as many users as the
log, each with all their events or several times all of them.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13, for the percentile interval.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

RESAMPLES = 1_000
AT_ONCE = 4_000_000  # draws held in memory


class Interval(NamedTuple):
    """Mean differences and where 95 % of the resamples lie, float64 [k]; bounds are NaN for fewer than two users."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def interval(
    users: np.ndarray, difference: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Return the mean of each column of differences over events, with its interval.

    All columns meet the same resamples.

    Shapes:
        - users: int [n], whose event each row is; difference: float64 [n, k]
    """
    _, row, events = np.unique(users, return_inverse=True, return_counts=True)
    n = events.shape[0]
    total = np.stack([np.bincount(row, column, n) for column in difference.T], axis=1)  # [users, k]
    mean = total.sum(0) / max(1, users.shape[0])
    if n < 2:
        return Interval(mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan))
    chance = np.random.default_rng(seed)
    found = []
    for begin in range(0, resamples, max(1, AT_ONCE // n)):
        count = min(resamples - begin, max(1, AT_ONCE // n))
        drawn = chance.integers(0, n, (count, n)) + n * np.arange(count)[:, None]
        times = np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n).astype(np.float64)
        found.append((times @ total) / (times @ events)[:, None])
    low, high = np.quantile(np.concatenate(found), [0.025, 0.975], axis=0)
    return Interval(mean, low, high)
