"""Fit low-rank EASE item vectors: the closed-form item–item model, factorized.

The model is the unit matrix less the inverse of the regular Gram matrix, each column over its diagonal.  It is never
written down: a few products with the inverse, from random directions, find its largest factors; and the inverse of a
symmetric positive matrix is cheapest by its Cholesky factor.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tgn.inference.collaborative import SlowSettings

MORE = 16  # directions followed beyond those that are kept
SWEEPS = 2


def _fit(gram: np.ndarray, settings: SlowSettings) -> tuple[Tensor, Tensor] | None:
    m = gram.shape[0]
    regular = torch.from_numpy(gram + np.float32(settings.ridge) * np.eye(m, dtype=np.float32))
    factor, failed = torch.linalg.cholesky_ex(regular)
    if failed:
        return None
    inverse = torch.cholesky_inverse(factor)
    share = (1 / inverse.diagonal())[:, None]

    def forth(x: Tensor) -> Tensor:
        return torch.addmm(x, inverse, x * share, alpha=-1)

    def back(x: Tensor) -> Tensor:
        return x - (inverse @ x) * share

    width = min(m, settings.rank + MORE)
    start = np.random.default_rng(0).normal(size=(m, width)).astype(np.float32)
    basis = torch.linalg.qr(forth(torch.from_numpy(start)))[0]
    for _ in range(SWEEPS):
        basis = torch.linalg.qr(back(basis))[0]
        basis = torch.linalg.qr(forth(basis))[0]
    u, s, v = torch.linalg.svd(back(basis).t(), full_matrices=False)
    r = min(settings.rank, width)
    root = s[:r].sqrt()
    return (basis @ u[:, :r]) * root, v[:r].t() * root


def fit(gram: np.ndarray, settings: SlowSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return (left, right), float32 [m, rank] each, of the item–item model of a Gram matrix float32 [m, m].

    All zero where there is no model: fewer than two items, or a Gram matrix that is not finite.
    """
    m, rank = gram.shape[0], settings.rank
    left, right = np.zeros((m, rank), np.float32), np.zeros((m, rank), np.float32)
    found = _fit(gram, settings) if m > 1 and np.isfinite(gram).all() else None
    if found is not None and all(bool(torch.isfinite(part).all()) for part in found):
        r = found[0].shape[1]
        left[:, :r], right[:, :r] = found[0].numpy(), found[1].numpy()
    return left, right
