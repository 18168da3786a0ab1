"""Messages from an event to the memories of its user and its item.

    | the other's vector [d] | age code [8] | event type [7] | value |

For a user the other's vector is the item's.  For an item it is the vector of the user's item
before this one, which is how the item learns where its users come from.

Source: Rossi et al., Temporal Graph Networks (2020), section 3.1, message function (identity).  The node's own
memory is not in the message: the GRU sees it as its hidden state.
"""

from __future__ import annotations

import numpy as np

from tgn.inference.layout import AGES, TYPES

# Periods of one minute to about a year, a factor apart.
FREQUENCY = (2 * np.pi / np.geomspace(60.0, 3e7, AGES)).astype(np.float64)


def age_code(age_ms: np.ndarray) -> np.ndarray:
    """Return cos(age * frequency), float32 [n, 8]; the product is taken in float64.

    A float32 cosine of milliseconds is noise after a day.
    """
    phase = (np.maximum(age_ms, 0) / 1000.0)[:, None] * FREQUENCY
    code: np.ndarray = np.cos(phase).astype(np.float32)
    return code


def messages(other: np.ndarray, age_ms: np.ndarray, kind: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return messages float32 [n, d + 16].

    Shapes:
        - other: float32 [n, d]; age_ms: int64 [n], since the node's last event
        - kind: int8 [n]; value: float32 [n]
    """
    n, d = other.shape
    out = np.zeros((n, d + AGES + TYPES + 1), np.float32)
    out[:, :d] = other
    out[:, d : d + AGES] = age_code(age_ms)
    out[np.arange(n), d + AGES + np.clip(kind, 0, TYPES - 1)] = 1.0
    clean = np.nan_to_num(value.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    out[:, -1] = np.sign(clean) * np.log1p(np.abs(clean)) / 4
    return out
