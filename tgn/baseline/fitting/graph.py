"""The graph of users and items as a normalised sparse matrix, and products with it that cost one pass each way.

Nodes are users, then items: node `n_users + i` is item i.

Source: Kipf and Welling, Semi-Supervised Classification with Graph Convolutional Networks (2017), equation 2, for
D^-1/2 A D^-1/2, with A + I in place of A for self loops.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tgn.baseline.contract import Training


def pairs(training: Training) -> tuple[np.ndarray, np.ndarray]:
    """Return each pair of user and item once, int64 [p] each, in order of user and item."""
    key = np.unique(training.users.astype(np.int64) * training.n_items + training.items)
    return key // training.n_items, key % training.n_items


def edges(users: np.ndarray, items: np.ndarray, n_users: int) -> Tensor:
    """Return both directions of each pair as PyTorch Geometric's `edge_index`, int64 [2, 2 p]."""
    item = items.astype(np.int64) + n_users
    user = users.astype(np.int64)
    return torch.from_numpy(np.stack([np.r_[user, item], np.r_[item, user]]))


def sparse(row: np.ndarray, column: np.ndarray, weight: np.ndarray, shape: tuple[int, int]) -> Tensor:
    """Return a sparse matrix as torch's CSR, float32; entries of one place are summed.

    Shapes:
        - row, column: int [e]; weight: float [e]
    """
    key = row.astype(np.int64) * shape[1] + column
    key, place = np.unique(key, return_inverse=True)
    value = np.bincount(place, weight, key.shape[0]).astype(np.float32)
    start = np.searchsorted(key, np.arange(shape[0] + 1) * shape[1])
    with warnings.catch_warnings():
        # That CSR is in beta is told once a process; the products used here are held to dense ones by tests.
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(start), torch.from_numpy(key % shape[1]), torch.from_numpy(value), shape
        )


def adjacency(
    users: np.ndarray, items: np.ndarray, n_users: int, n_items: int, loops: bool = False
) -> Tensor:
    """Return the symmetrically normalised adjacency of users and items, sparse CSR [n, n]; it equals its transpose.

    Args:
        loops: Join each node to itself before normalising.

    Shapes:
        - users, items: int [p], each pair once
    """
    n = n_users + n_items
    user, item = users.astype(np.int64), items.astype(np.int64) + n_users
    own = np.arange(n if loops else 0)
    row, column = np.r_[user, item, own], np.r_[item, user, own]
    degree = np.bincount(row, minlength=n)
    scale = 1.0 / np.sqrt(np.maximum(degree, 1))
    return sparse(row, column, scale[row] * scale[column], (n, n))


class _Symmetric(torch.autograd.Function):
    """A product with a matrix that equals its transpose, so that no transpose is built on the way back."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, x: Tensor) -> Tensor:
        ctx.matrix = matrix
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[None, Tensor]:
        return None, ctx.matrix @ grad[0]


def propagate(matrix: Tensor, x: Tensor) -> Tensor:
    """Return `matrix @ x` for a sparse matrix that equals its transpose.

    Shapes:
        - matrix: sparse CSR [n, n]; x: float32 [n, d]; output: float32 [n, d]
    """
    out: Tensor = _Symmetric.apply(matrix, x)  # type: ignore[no-untyped-call]
    return out
