"""Messages from an event to the memories of its user and its item, and their mean where several reach one node.

    | the other's vector [d] | age code [8] | event type [7] | value |

For a user the other's vector is the item's.  For an item it is the vector of the user's item
before this one, which is how the item learns where its users come from.

Source: Rossi et al., Temporal Graph Networks (2020), section 3.1, message function (identity).  The node's own
memory is not in the message: the GRU sees it as its hidden state.  The paper aggregates by the last message or the
plain mean; here newer messages weigh more, which becomes the last message as the half-life goes to zero and the mean as
it grows.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tgn.inference.attention import ANY_ORDER
from tgn.inference.layout import AGES, TYPES

# Periods of one minute to about a year, a factor apart.
PERIOD = np.geomspace(60.0, 3e7, AGES)
FREQUENCY = 2 * np.pi / PERIOD
TURNS = 1 / (1000.0 * PERIOD)  # of the code a millisecond
# Of the series of cos(2 pi x) in x * x, from the highest power down: 1e-9 exact for half a turn either way.
SERIES = np.array([(-1) ** n * (2 * np.pi) ** (2 * n) / math.factorial(2 * n) for n in range(11, -1, -1)])


@njit(nogil=True, cache=True, fastmath=ANY_ORDER)
def _add_code(age_ms: int, weight: float, out: np.ndarray) -> None:
    """Add weight * cos(age * frequency) to out float32 [8].

    The turns are taken in float64 and whole ones dropped: a float32 cosine of milliseconds is noise after a day.
    """
    age = np.float64(max(age_ms, 0))
    for a in range(AGES):
        turns = age * TURNS[a]
        part = turns - np.floor(turns + 0.5)
        square, total = part * part, 0.0
        for n in range(SERIES.shape[0]):
            total = total * square + SERIES[n]
        out[a] += np.float32(weight * total)


@njit(nogil=True, cache=True, fastmath=ANY_ORDER)
def _add(other: np.ndarray, age_ms: int, kind: int, value: float, weight: float, out: np.ndarray) -> None:
    """Add a message times its weight to out float32 [d + 16]."""
    d = other.shape[0]
    share = np.float32(weight)
    for e in range(d):
        out[e] += share * other[e]
    _add_code(age_ms, weight, out[d : d + AGES])
    out[d + AGES + min(max(kind, 0), TYPES - 1)] += share
    size = abs(np.float64(value))
    if size <= 1e300:  # a value that is no number, or infinite, says nothing
        out[d + AGES + TYPES] += np.float32(weight * np.sign(value) * np.log1p(size) / 4)


@njit(nogil=True, cache=True)
def age_code(age_ms: np.ndarray) -> np.ndarray:
    """Return cos(age * frequency) of ages int64 [n] in ms, float32 [n, 8]."""
    out = np.zeros((age_ms.shape[0], AGES), np.float32)
    for i in range(age_ms.shape[0]):
        _add_code(age_ms[i], 1.0, out[i])
    return out


@njit(nogil=True, cache=True)
def messages(other: np.ndarray, age_ms: np.ndarray, kind: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return messages float32 [n, d + 16], one an event.

    Shapes:
        - other: float32 [n, d]; age_ms: int64 [n], since the node's last event
        - kind: int8 [n]; value: float32 [n]
    """
    out = np.zeros((other.shape[0], other.shape[1] + AGES + TYPES + 1), np.float32)
    for i in range(other.shape[0]):
        _add(other[i], age_ms[i], kind[i], value[i], 1.0, out[i])
    return out


@njit(nogil=True, cache=True)
def aggregate(
    node: np.ndarray,
    vector: np.ndarray,
    other: np.ndarray,
    t: np.ndarray,
    kind: np.ndarray,
    value: np.ndarray,
    time: np.ndarray,
    half_life_ms: float,
    slot: np.ndarray,
    rows: np.ndarray,
    newest: np.ndarray,
    message: np.ndarray,
) -> int:
    """Aggregate the messages that reach each node of a batch, weighted by 2 ** (-(newest - t) / half-life).

    One pass over arrays as arguments, returning how many nodes there are.  What is not finite in a mean becomes 0.

    Shapes:
        - node: int32 [n], the node each message reaches; t: int64 [n] ms; kind: int8 [n]; value: float32 [n]
        - vector: float32 [N, d], of which rows other: int32 [n] are told
        - time: int64 [M], each node's last event before the batch, 0 for none
        - slot: int32 [M], all zero, and all zero again afterwards
        - rows, newest: int64 [n], written: the nodes by first appearance, and their newest event of the batch
        - message: float32 [n, d + 16], written
    """
    count = 0
    for i in range(node.shape[0]):
        row = node[i]
        if slot[row] == 0:
            rows[count], newest[count] = row, t[i]
            message[count] = 0
            count += 1
            slot[row] = count
        newest[slot[row] - 1] = max(newest[slot[row] - 1], t[i])
    mass = np.zeros(count, np.float32)
    for i in range(node.shape[0]):
        k, last = slot[node[i]] - 1, time[node[i]]
        weight = 1.0
        if newest[k] > t[i]:
            weight = np.float64(np.float32(2.0 ** (-np.float64(newest[k] - t[i]) / max(half_life_ms, 1e-9))))
        _add(vector[other[i]], t[i] - last if last > 0 else 0, kind[i], value[i], weight, message[k])
        mass[k] += np.float32(weight)
    for k in range(count):
        slot[rows[k]] = 0
        part = np.float32(1) / max(mass[k], np.float32(1e-12))
        for e in range(message.shape[1]):
            mean = message[k, e] * part
            message[k, e] = mean if abs(mean) < np.inf else np.float32(0)
    return count
