"""Users against a pool of items: scores, loss, and the gradients of all three that went into it.

A score is the product of a user's vector and an item's, plus the item's bias, plus the repeat bias where the item is in
the user's history.  Users come in blocks whose scores stay in a core's cache, so no matrix of all of them is written.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numba import njit
from torch import Tensor

from tgn.inference.layout import TgnSettings
from tgn.training.loss import hard_loss, loss

SCORES = 240_000  # of a block, 1 MB
ZERO = np.float32(0)


@njit(nogil=True, cache=True)
def places(
    pool: np.ndarray,
    hist: np.ndarray,
    item: np.ndarray,
    slot: np.ndarray,
    column: np.ndarray,
    label: np.ndarray,
) -> None:
    """Find in which columns of a pool the items of histories, and the items taken, are.

    Shapes:
        - pool: int64 [P], item rows; hist: int32 [n, K], -1 where unused; item: int32 [n]
        - slot: int32 [rows of the table], all zero, and all zero again afterwards
        - column: int32 [n, K], label: int64 [n], written: the columns, -1 where the pool has none
    """
    for k in range(pool.shape[0]):
        slot[pool[k]] = k + 1
    for i in range(hist.shape[0]):
        label[i] = slot[item[i]] - 1
        for j in range(hist.shape[1]):
            column[i, j] = slot[hist[i, j]] - 1 if hist[i, j] >= 0 else -1
    for k in range(pool.shape[0]):
        slot[pool[k]] = 0


@njit(nogil=True, cache=True)
def _repeat(logits: np.ndarray, column: np.ndarray, again: np.ndarray) -> None:
    """Add each history item's bias to its score."""
    for i in range(column.shape[0]):
        for j in range(column.shape[1]):
            if column[i, j] >= 0:
                logits[i, column[i, j]] += again[i, j]


@njit(nogil=True, cache=True)
def _repeated(slope: np.ndarray, column: np.ndarray, of_again: np.ndarray) -> None:
    """Go back through `_repeat`."""
    for i in range(column.shape[0]):
        for j in range(column.shape[1]):
            of_again[i, j] = slope[i, column[i, j]] if column[i, j] >= 0 else ZERO


class Slopes(NamedTuple):
    """Gradients of the mean loss."""

    users: Tensor  # float32 [n, d], by the users' vectors
    again: Tensor  # float32 [n, K], by the repeat biases
    output: Tensor  # float32 [P, d + 1], by the output vectors and biases of the pool


class Contrast:
    """The loss of one kind of settings, with scratch of its own.

    Args:
        block: Scores worked out at once.
    """

    def __init__(self, settings: TgnSettings, block: int = SCORES) -> None:
        self.settings, self.block = settings, block
        self.scratch = torch.empty(0)

    def _block(self, logits: Tensor, label: Tensor, noise: Tensor | None) -> tuple[float, Tensor]:
        s = self.settings
        if s.negatives == "hard":
            return hard_loss(s.loss, logits, label, noise, s.hard)
        return loss(s.loss, logits, label, noise)

    def __call__(
        self,
        users: Tensor,
        again: Tensor,
        output: Tensor,
        column: np.ndarray,
        label: np.ndarray,
        noise: Tensor | None,
    ) -> tuple[float, Slopes]:
        """Return the mean loss of n events and its gradients.

        Shapes:
            - users: float32 [n, d]; again: float32 [n, K]; output: float32 [P, d + 1]
            - column, label: as `places` finds them, every label in the pool; noise: float32 [P], see `loss.loss`
        """
        (n, d), width, cost = users.shape, output.shape[0], 0.0
        step = min(n, max(1, self.block // width))
        if self.scratch.numel() < step * width:
            self.scratch = torch.empty(step * width)
        vectors, bias = output[:, :d], output[:, d].contiguous()
        labels, part = torch.from_numpy(label), users * (1 / n)
        out = Slopes(torch.empty_like(users), torch.empty_like(again), torch.zeros_like(output))
        of_bias = torch.zeros(width)
        for at in range(0, n, step):
            some = slice(at, min(at + step, n))
            logits = self.scratch[: (some.stop - at) * width].view(-1, width)
            torch.addmm(bias, users[some], vectors.t(), out=logits)
            _repeat(logits.numpy(), column[some], again[some].numpy())
            one, slope = self._block(logits, labels[some], noise)
            cost += one
            torch.mm(slope, vectors, out=out.users[some])
            _repeated(slope.numpy(), column[some], out.again[some].numpy())
            out.output[:, :d].addmm_(slope.t(), part[some])
            of_bias += slope.sum(0)
        out.users.mul_(1 / n)
        out.again.mul_(1 / n)
        out.output[:, d] = of_bias / n
        return cost / n, out
