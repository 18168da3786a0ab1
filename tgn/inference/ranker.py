"""The ranker's forward pass without torch, over the weight row that training writes.

The weights of the network lie one after another in one float32 row:

    | w1 [F, H] | b1 [H] | w2 [H, H] | b2 [H] | w3 [H] | alpha |

`tgn.training.ranker.Ranker` trains them; a test holds both passes equal.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tgn.inference.attention import ANY_ORDER

HIDDEN = 32
FORMER_HIDDEN = 64  # of earlier stores, whose rankers begin anew
BLEND = 0  # the feature that the ranker corrects
EACH = 3  # inputs from a learned score: centred score, log-softmax, known
SCORES = 2 * EACH  # from the temporal score, then from the slow one


def shapes(features: int, hidden: int = HIDDEN) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of the weights, in the order they lie in the row."""
    return (features + SCORES, hidden), (hidden,), (hidden, hidden), (hidden,), (hidden,), (2,)


def width(features: int, hidden: int = HIDDEN) -> int:
    """Return the length of the weight row for `features` counted features."""
    return sum(map(math.prod, shapes(features, hidden)))


def unpack(row: np.ndarray, features: int, hidden: int = HIDDEN) -> tuple[np.ndarray, ...]:
    """Return (w1, b1, w2, b2, w3, alpha) as views of the weight row."""
    parts, at = [], 0
    for shape in shapes(features, hidden):
        size = math.prod(shape)
        parts.append(row[at : at + size].reshape(shape))
        at += size
    return tuple(parts)


def inputs(score: np.ndarray, known: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return the ranker's inputs made of a learned score: centred, log-softmax, known.

    Shapes:
        - score, valid: [..., C]; known: [..., C], how well the item is known, 0 to 1
        - output: float32 [..., C, 3], zero where not known or not valid
    """
    out = np.empty((*score.shape, EACH), np.float32)
    used, width = np.multiply(known, valid, dtype=np.float32), score.shape[-1]
    batch_inputs(score.reshape(-1, width), used.reshape(-1, width), out.reshape(-1, width, EACH))
    return out


@njit(nogil=True, cache=True)
def row_inputs(score: np.ndarray, known: np.ndarray, out: np.ndarray) -> None:
    """Write `inputs` for one request whose candidates are all valid.

    Shapes:
        - score: float32 [C]; known: float32 or bool [C]
        - out: float32 [C, 3]
    """
    n = score.shape[0]
    count, total, peak, mass = 0, 0.0, -np.inf, 0.0
    for c in range(n):
        if known[c] > 0 and np.isfinite(score[c]):
            count += 1
            total += score[c]
            peak = max(peak, np.float64(score[c]))
    mean = total / max(count, 1)
    for c in range(n):
        if known[c] > 0 and np.isfinite(score[c]):
            mass += np.exp(score[c] - peak)
    mass = np.log(max(mass, 1e-30))
    for c in range(n):
        if known[c] > 0 and np.isfinite(score[c]):
            out[c, 0] = (score[c] - mean) / 4
            out[c, 1] = max(score[c] - peak - mass, -10.0) / 5 + 1
            out[c, 2] = known[c]
        else:
            out[c, 0], out[c, 1], out[c, 2] = 0, -1, 0


@njit(nogil=True, cache=True)
def batch_inputs(score: np.ndarray, known: np.ndarray, out: np.ndarray) -> None:
    """Write `row_inputs` for each row of a batch."""
    for i in range(score.shape[0]):
        row_inputs(score[i], known[i], out[i])


@njit(nogil=True, cache=True)
def _relu(h: np.ndarray, bias: np.ndarray) -> None:
    """Add a bias [H] to hidden units [n, H] and rectify them, in place."""
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            h[i, j] = max(h[i, j] + bias[j], np.float32(0))


@njit(nogil=True, cache=True, fastmath=ANY_ORDER)
def _out(
    x: np.ndarray, h: np.ndarray, bias: np.ndarray, w: np.ndarray, alpha: np.ndarray, features: int
) -> np.ndarray:
    """Return scores float32 [n] from hidden units [n, H] and inputs x [n, features + SCORES]."""
    out = np.empty(h.shape[0], np.float32)
    for i in range(h.shape[0]):
        total = np.float32(0)
        for j in range(h.shape[1]):
            total += w[j] * max(h[i, j] + bias[j], np.float32(0))
        learned = x[i, BLEND] + alpha[0] * x[i, features] + alpha[1] * x[i, features + EACH]
        out[i] = total + np.float32(4) * learned
    return out


class Forward:
    """Forward pass with buffers of its own, for one request at a time; `x` takes features and learned inputs.

    Args:
        row: float32 [width(features)], read anew at every pass.
        rows: Candidates of a request at most.
    """

    def __init__(self, row: np.ndarray, features: int, rows: int) -> None:
        self.features = features
        self.w1, self.b1, self.w2, self.b2, self.w3, self.alpha = unpack(row, features)
        self.x = np.zeros((rows, features + SCORES), np.float32)
        self.h1, self.h2 = np.zeros((rows, HIDDEN), np.float32), np.zeros((rows, HIDDEN), np.float32)

    def logits(self, n: int) -> np.ndarray:
        """Return scores of the first `n` rows of `x`, float32 [n]."""
        x, h1, h2 = self.x[:n], self.h1[:n], self.h2[:n]
        np.dot(x, self.w1, out=h1)
        _relu(h1, self.b1)
        np.dot(h1, self.w2, out=h2)
        out: np.ndarray = _out(x, h2, self.b2, self.w3, self.alpha, self.features)
        return out
