"""What is known of users and items beside their events, as learned vectors: columns and kinds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from tgn.baseline.contract import Training


class Features(nn.Module):
    """Vectors of users or items from their columns and kinds: a learned product, and a learned vector a kind.

    Args:
        columns: float32 [n, c], or None.
        kinds: By name, int32 [n], -1 for none; or None.
        n: Users or items.
        dim: Width of the vectors, D.

    Shapes:
        - output: float32 [n, D], zeros where nothing is known
    """

    def __init__(
        self, columns: np.ndarray | None, kinds: Mapping[str, np.ndarray] | None, n: int, dim: int
    ) -> None:
        super().__init__()
        self.n, self.dim = n, dim
        self.columns = None if columns is None else torch.from_numpy(columns.astype(np.float32))
        self.kinds = {name: torch.from_numpy(one.astype(np.int64) + 1) for name, one in (kinds or {}).items()}
        self.linear = None if columns is None else nn.Linear(columns.shape[1], dim, bias=False)
        if self.linear is not None:
            nn.init.normal_(self.linear.weight, std=0.1)
        self.by_kind = nn.ModuleList(
            nn.Embedding(int(one.max()) + 1, dim, padding_idx=0) for one in self.kinds.values()
        )
        for one in self.by_kind:
            nn.init.normal_(one.weight[1:], std=0.1)  # type: ignore[index, arg-type]

    def forward(self) -> Tensor:
        """Return the vectors."""
        out = torch.zeros(self.n, self.dim)
        if self.linear is not None:
            out = out + self.linear(self.columns)
        for kind, vector in zip(self.kinds.values(), self.by_kind, strict=True):
            out = out + vector(kind)
        return out


def of_users(training: Training, dim: int) -> Features | None:
    """Return the features of users; None where nothing is known."""
    if training.user_columns is None and not training.user_kinds:
        return None
    return Features(training.user_columns, training.user_kinds, training.n_users, dim)


def of_items(training: Training, dim: int) -> Features | None:
    """Return the features of items; None where nothing is known."""
    if training.item_columns is None and not training.item_kinds:
        return None
    return Features(training.item_columns, training.item_kinds, training.n_items, dim)
