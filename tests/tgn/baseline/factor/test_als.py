"""Alternating least squares, held to the dense problem it solves."""

import numpy as np
import torch

from tgn.baseline.factor.als import Cost, cells, sweep
from tgn.baseline.factor.fold_in import Side

COST = Cost(zero=0.2, l2=0.05, power=0.5)


def dense(
    own: np.ndarray, other: np.ndarray, y: np.ndarray, free: list[int], scale: np.ndarray
) -> np.ndarray:
    """Each row's free coordinates by a ridge regression over all cells, written out."""
    out, fixed = own.copy(), [k for k in range(own.shape[1]) if k not in free]
    for row in range(own.shape[0]):
        taken = np.flatnonzero(y[row])
        a = np.concatenate([other[taken], COST.zero**0.5 * other])
        b = np.concatenate([y[row, taken], np.zeros(other.shape[0])]) - a[:, fixed] @ own[row, fixed]
        l2 = COST.l2 * (len(taken) + COST.zero * other.shape[0]) ** COST.power
        a = a[:, free]
        out[row, free] = np.linalg.solve(a.T @ a + l2 * np.diag(scale[free]), a.T @ b)
    return out


def problem(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = (rng.random((30, 20)) < 0.3) * rng.uniform(0.5, 2.0, (30, 20))
    y[np.arange(30), np.arange(30) % 20] = 1.0
    return rng.normal(size=(30, 6)), rng.normal(size=(20, 6)), y


def test_a_sweep_solves_the_ridge_regression_of_every_row_around_what_is_fixed() -> None:
    own, other, y = problem()
    scale, free = np.array([1.0, 1, 1, 1, 2, 3]), [0, 1, 2, 4]
    row, column = np.nonzero(y)
    found = sweep(
        torch.from_numpy(own).float(),
        torch.from_numpy(other).float(),
        cells(row, column, y[row, column], 30),
        torch.tensor(free),
        COST,
        torch.from_numpy(scale).float(),
    )

    np.testing.assert_allclose(found.numpy(), dense(own, other, y, free, scale), atol=2e-4)


def test_rows_without_cells_stay_as_they_are() -> None:
    own, other, _ = problem()
    none = np.zeros(0, int)
    with torch.no_grad():
        x = torch.from_numpy(own).float()
        found = sweep(
            x,
            torch.from_numpy(other).float(),
            cells(none, none, none, 30),
            torch.arange(6),
            COST,
            torch.ones(6),
        )

    assert torch.equal(found, x)


def test_folding_in_solves_the_same_regression_for_one_row() -> None:
    own, other, y = problem(1)
    y = (y > 0).astype(float)
    side = Side(other, np.array([0, 1, 2, 4]), COST, np.ones(4))
    expected = dense(own, other, y, [0, 1, 2, 4], np.ones(6))
    for row in range(30):
        taken = np.flatnonzero(y[row])
        np.testing.assert_allclose(
            side.solve(own[row], other[taken], np.ones(len(taken))), expected[row], atol=1e-8
        )
