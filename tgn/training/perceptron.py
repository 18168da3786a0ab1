"""The ranker's network over many candidates at once, forward and backward, with the gradient written out.

    score = 4 · (blend + alpha · [temporal score, slow score]) + w3 · relu(relu(x w1 + b1) w2 + b2)

Candidates lie one below another in a flat matrix, those that are not in use left out, a block of whole events at a
time: a block's units stay in a core's cache between the products, and no graph of operations is kept.  The products
are torch's; what lies between them is compiled.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from tgn.inference.attention import ANY_ORDER
from tgn.inference.ranker import BLEND, EACH, HIDDEN, SCORES, unpack

ROWS = 1_536  # candidates of a block: its inputs and three layers of units take 1 MB
NONE = np.float32(-1e9)  # score of a candidate that is not in use
ZERO = np.float32(0)
FOUR = np.float32(4)


@njit(nogil=True, cache=True)
def gather(x: np.ndarray, tgn: np.ndarray, used: np.ndarray, flat: np.ndarray, ends: np.ndarray) -> int:
    """Write the inputs of the candidates in use one below another; return how many there are.

    Shapes:
        - x: float32 [n, C, F]; tgn: float32 [n, C, 6]; used: bool [n, C]
        - flat: float32 [>= n * C, F + 6], written
        - ends: int64 [n], written: where each event's candidates end
    """
    features, at = x.shape[2], 0
    for i in range(x.shape[0]):
        for c in range(x.shape[1]):
            if used[i, c]:
                row = flat[at]
                for f in range(features):
                    row[f] = x[i, c, f]
                for f in range(tgn.shape[2]):
                    row[features + f] = tgn[i, c, f]
                at += 1
        ends[i] = at
    return at


@njit(nogil=True, cache=True)
def rectify(h: np.ndarray, bias: np.ndarray) -> None:
    """Add a bias [H] to hidden units [n, H] and rectify them, in place."""
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            h[i, j] = max(h[i, j] + bias[j], ZERO)


@njit(nogil=True, cache=True, fastmath=ANY_ORDER)
def scores(
    flat: np.ndarray, h: np.ndarray, bias: np.ndarray, w: np.ndarray, alpha: np.ndarray, out: np.ndarray
) -> None:
    """Write the scores float32 [n] of inputs [n, F + 6] and second units [n, H] to which no bias was added."""
    features = flat.shape[1] - SCORES
    for i in range(h.shape[0]):
        total = ZERO
        for j in range(h.shape[1]):
            total += w[j] * max(h[i, j] + bias[j], ZERO)
        learned = flat[i, BLEND] + alpha[0] * flat[i, features] + alpha[1] * flat[i, features + EACH]
        out[i] = total + FOUR * learned


@njit(nogil=True, cache=True)
def softmax(
    score: np.ndarray, ends: np.ndarray, used: np.ndarray, weight: np.ndarray, label: np.ndarray, part: float
) -> float:
    """Replace scores by the gradient of the loss by them; return the loss of these events, summed.

    Args:
        part: What an event's loss is multiplied by.

    Shapes:
        - score: float32 [rows]; ends: int64 [n], as in `gather`; used: bool [n, C]
        - weight: float32 [n, C], log of how many items a candidate stands for; label: int64 [n]
    """
    cost, begin = 0.0, 0
    for i in range(ends.shape[0]):
        at, taken = begin, -1
        for c in range(weight.shape[1]):
            if used[i, c]:
                score[at] += weight[i, c]
                taken = at if c == label[i] else taken
                at += 1
        true = score[taken] if taken >= 0 else NONE
        peak = true
        for k in range(begin, at):
            peak = max(peak, score[k])
        mass = ZERO if taken >= 0 else np.exp(true - peak)
        for k in range(begin, at):
            score[k] = np.exp(score[k] - peak)
            mass += score[k]
        cost += part * (np.log(mass) + peak - true)
        share = np.float32(part / mass)
        for k in range(begin, at):
            score[k] *= share
        if taken >= 0:
            score[taken] -= np.float32(part)
        begin = at
    return cost


@njit(nogil=True, cache=True)
def last(
    slope: np.ndarray,
    flat: np.ndarray,
    h: np.ndarray,
    bias: np.ndarray,
    w: np.ndarray,
    of_bias: np.ndarray,
    of_w: np.ndarray,
    of_alpha: np.ndarray,
) -> None:
    """Go back through `scores`: add to the gradients of its weights, and replace the second units by theirs.

    Shapes:
        - slope: float32 [n], gradient by the scores; the rest as in `scores`
    """
    features = flat.shape[1] - SCORES
    for i in range(h.shape[0]):
        s = slope[i]
        of_alpha[0] += FOUR * s * flat[i, features]
        of_alpha[1] += FOUR * s * flat[i, features + EACH]
        for j in range(h.shape[1]):
            unit = max(h[i, j] + bias[j], ZERO)
            down = s * w[j] if unit > ZERO else ZERO
            of_w[j] += s * unit
            of_bias[j] += down
            h[i, j] = down


@njit(nogil=True, cache=True)
def first(slope: np.ndarray, h: np.ndarray, of_bias: np.ndarray) -> None:
    """Go back through `rectify`: gradients [n, H] by the units become those by what went into them."""
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            s = slope[i, j] if h[i, j] > ZERO else ZERO
            slope[i, j] = s
            of_bias[j] += s


class Perceptron:
    """Scores and gradients over a row of weights, with scratch of its own.

    Args:
        features: F, counted features.
    """

    def __init__(self, features: int) -> None:
        self.features = features
        self._room(ROWS)

    def _room(self, rows: int) -> None:
        """Make scratch for blocks of so many candidates."""
        self.rows = rows
        self.flat = np.zeros((rows, self.features + SCORES), np.float32)
        self.units = [np.zeros((rows, HIDDEN), np.float32) for _ in range(3)]
        self.out = np.zeros(rows, np.float32)
        self.scratch = [torch.from_numpy(array) for array in (self.flat, *self.units)]

    def _blocks(self, n: int, width: int) -> list[slice]:
        if width > self.rows:
            self._room(width)
        step = max(1, self.rows // max(width, 1))
        return [slice(at, min(at + step, n)) for at in range(0, n, step)]

    def _forward(
        self,
        part: tuple[np.ndarray, ...],
        x: np.ndarray,
        tgn: np.ndarray,
        used: np.ndarray,
        w: tuple[Tensor, Tensor],
    ) -> tuple[int, np.ndarray]:
        """Leave a block's inputs and units in the scratch, its scores in `out`; return its rows, and `ends`."""
        ends = np.empty(x.shape[0], np.int64)
        m = gather(single(x), single(tgn), used, self.flat, ends)
        _, b1, _, b2, w3, alpha = part
        flat, h1, h2, _ = (array[:m] for array in self.scratch)
        torch.mm(flat, w[0], out=h1)
        rectify(self.units[0][:m], b1)
        torch.mm(h1, w[1], out=h2)
        scores(self.flat[:m], self.units[1][:m], b2, w3, alpha, self.out[:m])
        return m, ends

    def score(self, row: np.ndarray, x: np.ndarray, tgn: np.ndarray, used: np.ndarray) -> np.ndarray:
        """Return scores float32 [n, C] by the weights `row`, zero where not in use; shapes as in `gather`."""
        out, used = np.zeros(used.shape, np.float32), np.ascontiguousarray(used)
        part = unpack(row, self.features)
        w = torch.from_numpy(part[0]), torch.from_numpy(part[2])
        for some in self._blocks(*used.shape):
            m, _ = self._forward(part, x[some], tgn[some], used[some], w)
            out[some][used[some]] = self.out[:m]
        return out

    def gradient(
        self, row: np.ndarray, x: np.ndarray, tgn: np.ndarray, weight: np.ndarray, label: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Return the mean loss of n events, and its gradient by the weights `row`, of their shape.

        Shapes:
            - x, tgn: as in `gather`, or float16
            - weight: float32 [n, C], -inf where there is no candidate; label: int64 [n]
        """
        n, cost, out = label.shape[0], 0.0, np.zeros_like(row)
        weight, used = np.ascontiguousarray(weight), np.isfinite(weight)
        part, of = unpack(row, self.features), unpack(out, self.features)
        w1, w2, of_w1, of_w2 = (torch.from_numpy(array) for array in (part[0], part[2], of[0], of[2]))
        for some in self._blocks(*weight.shape):
            m, ends = self._forward(part, x[some], tgn[some], used[some], (w1, w2))
            flat, h1, h2, slope = (array[:m] for array in self.scratch)
            units, score = [array[:m] for array in self.units], self.out[:m]
            cost += softmax(score, ends, used[some], weight[some], label[some], 1.0 / n)
            last(score, self.flat[:m], units[1], part[3], part[4], of[3], of[4], of[5])
            of_w2.addmm_(h1.t(), h2)
            torch.mm(h2, w2.t(), out=slope)
            first(units[2], units[0], of[1])
            of_w1.addmm_(flat.t(), slope)
        return cost, out


def half(x: np.ndarray) -> np.ndarray:
    """Return an array as float16, by torch, which is many times faster at it than numpy."""
    out: np.ndarray = torch.from_numpy(x).half().numpy()
    return out


def single(x: np.ndarray) -> np.ndarray:
    """Return a float16 or float32 array as float32, itself where it is."""
    if x.dtype == np.float32:
        return np.ascontiguousarray(x)
    out: np.ndarray = torch.from_numpy(x).float().numpy()
    return out
