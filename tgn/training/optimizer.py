"""Row-wise Adam: moments and step counts beside each row, applied to the rows of a batch alone.

Source: Kingma, Ba, Adam (2015), algorithm 1, and Loshchilov, Hutter, Decoupled Weight Decay (2019), algorithm 2.
Each row counts its own steps, so that the correction of the moments fits rows that are rarely updated.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

BETA1, BETA2, TINY = np.float32(0.9), np.float32(0.99), np.float32(1e-8)
ONE = np.float32(1)
SETTLED = 2_500  # steps after which the corrections of the moments are one in float32


@njit(nogil=True, cache=True)
def distinct(rows: np.ndarray, slot: np.ndarray, found: np.ndarray, index: np.ndarray) -> int:
    """Number the rows of a batch by first appearance; return how many there are.

    Shapes:
        - rows: int32 [n, K], -1 where unused
        - slot: int32 [rows of the table], all zero, and all zero again afterwards
        - found: int64 [n * K], written: the rows
        - index: int32 [n, K], written: the number of each row in `found`, -1 where unused
    """
    count = 0
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            row = rows[i, j]
            if row < 0:
                index[i, j] = -1
                continue
            if slot[row] == 0:
                found[count] = row
                count += 1
                slot[row] = count
            index[i, j] = slot[row] - 1
    for k in range(count):
        slot[found[k]] = 0
    return count


@njit(nogil=True, cache=True)
def count(table: np.ndarray, rows: np.ndarray) -> None:
    """Add one to the last column of a table float32 [N, w] for each time one of the rows int32 [n] is named."""
    for i in range(rows.shape[0]):
        table[rows[i], -1] += ONE


@njit(nogil=True, cache=True, error_model="numpy")
def descend(
    value: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    gradient: np.ndarray,
    scale: np.float32,
    n: float,
    rate: float,
    decay: float,
) -> None:
    """Take the n-th Adam step on weights, all arguments as in `adam`, with moments m and v of the gradient's shape."""
    one, two = np.float32(rate), ONE
    if n < SETTLED:
        one = np.float32(rate / (1 - math.exp(n * math.log(0.9))))
        two = np.float32(1 / math.sqrt(1 - math.exp(n * math.log(0.99))))
    keep = np.float32(1 - rate * decay)
    for e in range(gradient.shape[0]):
        g = gradient[e] * scale
        m[e] += (ONE - BETA1) * (g - m[e])
        v[e] += (ONE - BETA2) * (g * g - v[e])
        value[e] = keep * value[e] - one * m[e] / (np.sqrt(v[e]) * two + TINY)


@njit(nogil=True, cache=True)
def adam(
    value: np.ndarray, moment: np.ndarray, gradient: np.ndarray, scale: float, rate: float, decay: float
) -> None:
    """Take one Adam step on a row of weights.

    Args:
        scale: What the gradient is multiplied by.
        decay: Weight decay a step, as a share of the rate.

    Shapes:
        - value: float32 [>= n]; gradient: float32 [n]
        - moment: float32 [2 * m + 1] with m >= n: both moments, and the steps taken
    """
    n, half = gradient.shape[0], moment.shape[0] // 2
    moment[2 * half] += ONE
    steps = np.float64(moment[2 * half])
    descend(value, moment[:n], moment[half : half + n], gradient, np.float32(scale), steps, rate, decay)


@njit(nogil=True, cache=True)
def row_adam(
    table: np.ndarray,
    moment: np.ndarray,
    rows: np.ndarray,
    gradient: np.ndarray,
    at: int,
    clock: int,
    scale: float,
    rate: float,
    decay: float,
) -> None:
    """Take one Adam step on rows of a table; row 0 and rows below stay as they are.

    Nine arguments: a kernel, where a struct of arrays would be compiled anew for each table.

    Args:
        at: Where the moments of this table begin in a row of `moment`.
        clock: Where the row's count of steps lies there.

    Shapes:
        - table: float32 [N, >= w]; moment: float32 [N, M]
        - rows: int64 [n], each once; gradient: float32 [n, w]
    """
    w = gradient.shape[1]
    for k in range(rows.shape[0]):
        row = rows[k]
        if row <= 0:
            continue
        kept = moment[row]
        kept[clock] += ONE
        descend(
            table[row],
            kept[at : at + w],
            kept[at + w : at + 2 * w],
            gradient[k],
            np.float32(scale),
            np.float64(kept[clock]),
            rate,
            decay,
        )
