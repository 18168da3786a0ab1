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

import warnings

import numpy as np
import torch
from torch import Tensor

from tgn.inference.layout import AGES, TYPES

with warnings.catch_warnings():
    # PyTorch Geometric scripts a class of its own while it is imported, which PyTorch warns of.
    warnings.simplefilter("ignore", DeprecationWarning)
    from torch_geometric.nn.aggr import Aggregation
    from torch_geometric.utils import scatter

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


class TimeDecayed(Aggregation):  # type: ignore[misc]
    """Mean of messages weighted by 2 ** (-(newest - t) / half-life).

    Args:
        half_life_ms: Milliseconds after which a message weighs half.

    Shapes:
        - x: float32 [n, D] messages; t: int64 [n] ms; index: int64 [n], the node of each
        - output: float32 [dim_size, D], zero for nodes without messages
    """

    def __init__(self, half_life_ms: float) -> None:
        super().__init__()
        self.half_life_ms = half_life_ms

    def forward(  # type: ignore[override]
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
        t: Tensor | None = None,
    ) -> Tensor:
        """Return one aggregated message a node."""
        if index is None or t is None or ptr is not None or dim not in (-2, 0):
            raise ValueError(
                "got no index or no t, expected both: one node and one time a message, along dim 0"
            )
        size = int(index.max()) + 1 if dim_size is None else dim_size
        newest = scatter(t, index, dim=0, dim_size=size, reduce="max")
        age = (newest[index] - t).double()
        weight = torch.exp2(-age / max(self.half_life_ms, 1e-9)).to(x.dtype)
        mass = torch.zeros(size, dtype=x.dtype).index_add_(0, index, weight)
        total = torch.zeros(size, x.shape[1], dtype=x.dtype).index_add_(0, index, x * weight[:, None])
        return total / mass.clamp(min=1e-12)[:, None]
