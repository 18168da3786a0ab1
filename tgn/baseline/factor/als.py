"""Alternating least squares over all cells: exact solutions of one side's vectors while the other's stand still.

    L = Σ_taken (y - u.v)² + α Σ_all (u.v)² + λ Σ_u (n_u + α m)^ν |u|² + the same of v

A coordinate may be fixed on a side: a bias of users is a coordinate in which every item has 1, a column of items one in
which each item has what the file says and only users learn.

Source: Hu, Koren and Volinsky, Collaborative Filtering for Implicit Feedback Datasets (2008), section 4, for the sum
over all cells at the price of the taken ones; Rendle, Krichene, Zhang and Koren, Revisiting the Performance of iALS on
Item Recommendation Benchmarks (2021), sections 2 and 4.1, for L and the power ν.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor

AT_ONCE = 4_000_000  # numbers of gathered vectors held in memory


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a cell and a large vector cost.  `zero` is α of L, `l2` is λ, `power` is ν."""

    zero: float = 0.3
    l2: float = 0.01
    power: float = 1.0


class Cells(NamedTuple):
    """The taken cells of one side, row after row.

    Shapes:
        - start: int64 [rows + 1]; other: int64 [n], the row of the other side; target: float32 [n]
    """

    start: np.ndarray
    other: np.ndarray
    target: np.ndarray


def cells(row: np.ndarray, other: np.ndarray, target: np.ndarray, rows: int) -> Cells:
    """Return the cells in order of their rows."""
    order = np.argsort(row, kind="stable")
    start = np.zeros(rows + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=rows), out=start[1:])
    return Cells(start, other[order].astype(np.int64), target[order].astype(np.float32))


def gram(other: Tensor, cost: Cost) -> Tensor:
    """Return α Σ v v^T over all vectors of a side, float32 [d, d]."""
    return cost.zero * (other.T @ other)


def memory(rows: int, dim: int, events: int) -> int:
    """Return the bytes that a fit takes: vectors and their best, cells of both sides, and what is solved at once."""
    return 4 * rows * dim * 8 + events * 20 * 8 + 4 * AT_ONCE * 8


def solve(found: Tensor, right: Tensor, own: Tensor, free: Tensor, l2: Tensor) -> Tensor:
    """Return `own` with its free coordinates solved for.

    Shapes:
        - found: float32 [b, d, d]; right: float32 [b, d], the normal equations over all coordinates
        - own: float32 [b, d], of which the fixed coordinates are read
        - free: int64 [f], the coordinates that are solved for; l2: float32 [b, f], what a large one costs
    """
    fixed = torch.ones(own.shape[1], dtype=torch.bool)
    fixed[free] = False
    inner = found[:, free][:, :, free] + torch.diag_embed(l2)
    side = right[:, free] - torch.einsum("bfx,bx->bf", found[:, free][:, :, fixed], own[:, fixed])
    out = own.clone()
    out[:, free] = torch.cholesky_solve(side[:, :, None], torch.linalg.cholesky(inner))[:, :, 0]
    return out


def sweep(own: Tensor, other: Tensor, taken: Cells, free: Tensor, cost: Cost, scale: Tensor) -> Tensor:
    """Return one side's vectors, solved for with the other's as they are; rows without cells stay.

    Rows go by their number of cells, so that those solved together hardly have to be padded.

    Shapes:
        - own: float32 [n, d]; other: float32 [m, d]; free: int64 [f]
        - scale: float32 [d], multiplies λ by coordinate
    """
    count = np.diff(taken.start)
    order = np.argsort(count, kind="stable")
    order = order[count[order] > 0]
    all_cells, out, dim = gram(other, cost), own.clone(), own.shape[1]
    at = 0
    while at < order.shape[0]:
        size = max(1, AT_ONCE // (dim * (int(count[order[at]]) + dim)))
        rows = order[at : at + size]
        widest = int(count[rows[-1]])
        rows = rows[: max(1, AT_ONCE // (dim * (widest + dim)))]
        at += rows.shape[0]
        place = taken.start[rows][:, None] + np.arange(int(count[rows[-1]]))
        real = torch.from_numpy(place < taken.start[rows + 1][:, None])
        place = np.minimum(place, taken.other.shape[0] - 1)
        vector = other[torch.from_numpy(taken.other[place])] * real[:, :, None]
        target = torch.from_numpy(taken.target[place]) * real
        found = vector.transpose(1, 2) @ vector + all_cells
        right = torch.einsum("bld,bl->bd", vector, target)
        l2 = cost.l2 * (torch.from_numpy(count[rows]).float() + cost.zero * other.shape[0]) ** cost.power
        index = torch.from_numpy(rows)
        out[index] = solve(found, right, own[index], free, l2[:, None] * scale[free])
    return out
