"""The time-decayed mean of messages as an aggregation of PyTorch Geometric, for graph models built from its pieces.

`message.aggregate` computes the same for a batch of events in one compiled pass, without PyTorch Geometric in the
process that learns; a test holds the two equal.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

with warnings.catch_warnings():
    # PyTorch Geometric scripts a class of its own while it is imported, which PyTorch warns of.
    warnings.simplefilter("ignore", DeprecationWarning)
    from torch_geometric.nn.aggr import Aggregation
    from torch_geometric.utils import scatter


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
