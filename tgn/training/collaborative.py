"""Fit low-rank EASE item vectors: the closed-form item–item model, factorized."""

from __future__ import annotations

import numpy as np

from tgn.inference.collaborative import SlowSettings


def fit(gram: np.ndarray, settings: SlowSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return (left, right), float32 [m, rank] each, of the item–item model of a Gram matrix float32 [m, m]."""
    m, rank = gram.shape[0], settings.rank
    left, right = np.zeros((m, rank), np.float32), np.zeros((m, rank), np.float32)
    if m < 2:
        return left, right
    regular = gram + np.float32(settings.ridge) * np.eye(m, dtype=np.float32)
    inverse = np.linalg.inv(regular)
    model = -inverse / np.diag(inverse)
    np.fill_diagonal(model, 0.0)
    width = min(m, rank + 16)
    basis = np.random.default_rng(0).normal(size=(m, width)).astype(np.float32)
    for _ in range(2):
        basis, _ = np.linalg.qr(model @ basis)
        basis, _ = np.linalg.qr(model.T @ basis)
    basis, _ = np.linalg.qr(model @ basis)
    u, s, v = np.linalg.svd(basis.T @ model, full_matrices=False)
    r = min(rank, width)
    root = np.sqrt(s[:r])
    left[:, :r] = (basis @ u[:, :r]) * root
    right[:, :r] = v[:r].T * root
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return np.zeros_like(left), np.zeros_like(right)
    return left, right
