"""Over-smoothing: how alike the vectors of all nodes have become, layer by layer.

Source: Li et al., Deeper Insights into Graph Convolutional Networks (2018), section 3.1, for what it measures:
repeated averaging over neighbours makes all nodes the same.
"""

from __future__ import annotations

import numpy as np


def smoothness(vectors: np.ndarray) -> float:
    """Return the mean cosine of all pairs of distinct rows, from their sum in one pass; NaN for fewer than two rows.

    Rows of zeros have no direction and are left out.

    Shapes:
        - vectors: float [n, d]
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = (vectors / np.maximum(length, 1e-12))[length[:, 0] > 0].astype(np.float64)
    n = unit.shape[0]
    if n < 2:
        return float("nan")
    return float((np.square(unit.sum(axis=0)).sum() - n) / (n * (n - 1)))
