"""The ranker's forward pass for processes that load no torch: the same weights, read from the same row.

The weights of the network lie one after another in one float32 row:

    | w1 [F, H] | b1 [H] | w2 [H, H] | b2 [H] | w3 [H] | alpha |

`ranker.Ranker` trains them; a test holds both passes equal.
"""

from __future__ import annotations

import numpy as np
from numba import njit

HIDDEN = 64
SCORES = 3  # inputs from the temporal graph network: centred score, log-softmax, known


def width(features: int, hidden: int = HIDDEN) -> int:
    """Return the length of the weight row for `features` counted features."""
    return (features + SCORES) * hidden + hidden + hidden * hidden + hidden + hidden + 1


def unpack(row: np.ndarray, features: int, hidden: int = HIDDEN) -> tuple[np.ndarray, ...]:
    """Return (w1, b1, w2, b2, w3, alpha) as views of the weight row."""
    parts, at = [], 0
    for shape in ((features + SCORES, hidden), (hidden,), (hidden, hidden), (hidden,), (hidden,), (1,)):
        size = int(np.prod(shape))
        parts.append(row[at : at + size].reshape(shape))
        at += size
    return tuple(parts)


def inputs(score: np.ndarray, known: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return the ranker's inputs made of the temporal score: centred, log-softmax, known.

    Shapes:
        - score, known, valid: [..., C]
        - output: float32 [..., C, 3], zero where not known or not valid
    """
    use = known & valid & np.isfinite(score)
    count = np.maximum(use.sum(-1, keepdims=True), 1)
    clean = np.where(use, score, 0.0).astype(np.float32)
    centred = np.where(use, clean - clean.sum(-1, keepdims=True) / count, 0.0)
    peak = np.where(use, centred, -np.inf).max(-1, keepdims=True, initial=-np.inf)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    mass = np.where(use, np.exp(np.minimum(centred - peak, 0.0)), 0.0).sum(-1, keepdims=True)
    soft = np.where(use, np.maximum(centred - peak - np.log(np.maximum(mass, 1e-30)), -10.0), -10.0)
    return np.stack([centred / 4, soft / 5 + 1, use], axis=-1).astype(np.float32)


@njit(nogil=True, cache=True)
def row_inputs(score: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return `inputs` for one request whose candidates are all valid.

    Shapes:
        - score: float32 [C]; known: bool [C]
        - output: float32 [C, 3]
    """
    n = score.shape[0]
    out = np.zeros((n, SCORES), np.float32)
    count, total, peak, mass = 0, 0.0, -np.inf, 0.0
    for c in range(n):
        if known[c] and np.isfinite(score[c]):
            count += 1
            total += score[c]
            peak = max(peak, np.float64(score[c]))
    mean = total / max(count, 1)
    for c in range(n):
        if known[c] and np.isfinite(score[c]):
            mass += np.exp(score[c] - peak)
    for c in range(n):
        if known[c] and np.isfinite(score[c]):
            out[c, 0] = (score[c] - mean) / 4
            out[c, 1] = max(score[c] - peak - np.log(max(mass, 1e-30)), -10.0) / 5 + 1
            out[c, 2] = 1
        else:
            out[c, 1] = -1
    return out


def logits(x: np.ndarray, tgn: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return one score a candidate: the blend, plus what was learned.

    Shapes:
        - x: float32 [C, F], counted features; column 0 is the blend
        - tgn: float32 [C, 3], from `inputs`
        - row: float32 [width(F)]
        - output: float32 [C]
    """
    w1, b1, w2, b2, w3, alpha = unpack(row, x.shape[-1])
    hidden = np.maximum(x @ w1[: x.shape[-1]] + tgn @ w1[x.shape[-1] :] + b1, 0.0)
    hidden = np.maximum(hidden @ w2 + b2, 0.0)
    out: np.ndarray = x[..., 0] * 4 + hidden @ w3 + alpha * tgn[..., 0] * 4
    return out
