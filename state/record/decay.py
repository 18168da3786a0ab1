"""Exponential decay by half-life."""

from __future__ import annotations

import numpy as np
from numba import njit

LN2 = 0.6931471805599453


@njit(nogil=True, cache=True)
def decay(gap: float, half: float) -> float:
    """Return what is left of 1 after `gap`; late events (a negative gap) keep 1."""
    return np.exp(-LN2 * gap / half) if gap > 0 else 1.0
