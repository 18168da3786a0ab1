"""Node memory: a GRU over aggregated messages, for the nodes of a batch.

Source: Rossi et al., Temporal Graph Networks (2020), section 3.1, memory updater.  Unlike the paper's code and
PyTorch Geometric's `TGNMemory`, the update is written back at once instead of when the node is next touched;
the weights learn through the last update all the same, which is computed again from the stored memory before
it and its message.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from tgn.inference.layout import TgnSettings
from tgn.network.message import TimeDecayed, messages


def gru(message: Tensor, hidden: Tensor, w: Mapping[str, Tensor]) -> Tensor:
    """Return the new memory, as `torch.nn.GRUCell` computes it.

    Shapes:
        - message: [n, message width]; hidden and output: [n, m]
    """
    a = message @ w["gru_in"] + w["gru_bias"]
    b = hidden @ w["gru_hidden"] + w["gru_hidden_bias"]
    (ar, az, an), (br, bz, bn) = a.chunk(3, 1), b.chunk(3, 1)
    r, z = torch.sigmoid(ar + br), torch.sigmoid(az + bz)
    return (1 - z) * torch.tanh(an + r * bn) + z * hidden


class Memory:
    """Updates the memory of the users and items of a batch.

    Args:
        tables: Arrays named as in `layout.layout`, written in place.
    """

    def __init__(self, tables: Mapping[str, np.ndarray], settings: TgnSettings) -> None:
        self.tables = tables
        self.aggregate = TimeDecayed(settings.half_life_days * 86_400_000)

    def _side(
        self,
        side: str,
        node: np.ndarray,
        other: np.ndarray,
        t: np.ndarray,
        kind: np.ndarray,
        value: np.ndarray,
        w: Mapping[str, Tensor],
    ) -> np.ndarray:
        memory, time = self.tables[f"{side}_memory"], self.tables[f"{side}_time"]
        rows, index = np.unique(node, return_inverse=True)
        last = time[node]
        age = np.where(last > 0, t - last, 0)
        x = torch.from_numpy(messages(other, age, kind, value))
        message = self.aggregate(x, torch.from_numpy(index), dim_size=rows.shape[0], t=torch.from_numpy(t))
        message = torch.nan_to_num(message, nan=0.0, posinf=0.0, neginf=0.0)
        before = memory[rows]
        after = gru(message, torch.from_numpy(before), w).numpy()
        if side == "user":
            self.tables["user_before"][rows] = before
            self.tables["user_message"][rows] = message.numpy()
        memory[rows] = np.where(np.isfinite(after), after, before)
        newest = time[rows]
        np.maximum.at(newest, index, t)
        time[rows] = newest
        return rows

    @torch.no_grad()
    def update(
        self,
        user: np.ndarray,
        item: np.ndarray,
        t: np.ndarray,
        kind: np.ndarray,
        value: np.ndarray,
        w: Mapping[str, Tensor],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Apply a batch of events; return the user rows and the item rows that changed.

        Shapes:
            - user, item: int32 [n]; t: int64 [n] ms; kind: int8 [n]; value: float32 [n]
        """
        vector, last = self.tables["item_vector"], self.tables["user_last"]
        before = vector[last[user]]
        users = self._side("user", user, vector[item], t, kind, value, w)
        items = self._side("item", item, before, t, kind, value, w)
        last[user] = item
        return users, items
