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
from numba import njit
from torch import Tensor

from tgn.inference.layout import TgnSettings
from tgn.network.message import aggregate


class Gru:
    """One update of memories, as `torch.nn.GRUCell` computes it, and the way back through it.

    Shapes:
        - message: [n, message width]; hidden: [n, m]
        - after: [n, m], the new memory
    """

    def __init__(self, message: Tensor, hidden: Tensor, w: Mapping[str, Tensor]) -> None:
        m = hidden.shape[1]
        self.message, self.hidden = message, hidden
        told = torch.addmm(w["gru_bias"], message, w["gru_in"])
        kept = torch.addmm(w["gru_hidden_bias"], hidden, w["gru_hidden"])
        self.gates = (told[:, : 2 * m] + kept[:, : 2 * m]).sigmoid_()
        self.kept = kept[:, 2 * m :]
        self.new = torch.addcmul(told[:, 2 * m :], self.gates[:, :m], self.kept).tanh_()
        self.after = torch.lerp(self.new, hidden, self.gates[:, m:])

    def back(self, slope: Tensor, g: Mapping[str, Tensor]) -> None:
        """Add to the gradients of the weights, given the gradient [n, m] by `after`."""
        m = slope.shape[1]
        r, z = self.gates[:, :m], self.gates[:, m:]
        of_new = slope * (1 - z) * (1 - self.new * self.new)
        of_gates = torch.cat([of_new * self.kept, slope * (self.hidden - self.new)], 1)
        of_gates *= self.gates * (1 - self.gates)
        of_told, of_kept = torch.cat([of_gates, of_new], 1), torch.cat([of_gates, of_new * r], 1)
        g["gru_in"].addmm_(self.message.t(), of_told)
        g["gru_bias"].add_(of_told.sum(0))
        g["gru_hidden"].addmm_(self.hidden.t(), of_kept)
        g["gru_hidden_bias"].add_(of_kept.sum(0))


def gru(message: Tensor, hidden: Tensor, w: Mapping[str, Tensor]) -> Tensor:
    """Return the new memory, see `Gru`."""
    return Gru(message, hidden, w).after


@njit(nogil=True, cache=True)
def _write(
    rows: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    newest: np.ndarray,
    memory: np.ndarray,
    time: np.ndarray,
) -> None:
    """Write memories back where they are finite, and turn no clock back."""
    for k in range(rows.shape[0]):
        row = memory[rows[k]]
        for e in range(row.shape[0]):
            row[e] = after[k, e] if np.isfinite(after[k, e]) else before[k, e]
        time[rows[k]] = max(time[rows[k]], newest[k])


class Memory:
    """Updates the memory of the users and items of a batch.

    Args:
        tables: Arrays named as in `layout.layout`, written in place.
    """

    def __init__(self, tables: Mapping[str, np.ndarray], settings: TgnSettings) -> None:
        self.tables, self.half_life_ms = tables, settings.half_life_days * 86_400_000
        self.slot = {side: np.zeros(tables[f"{side}_time"].shape[0], np.int32) for side in ("user", "item")}

    def _side(
        self,
        side: str,
        node: np.ndarray,
        other: np.ndarray,
        events: tuple[np.ndarray, np.ndarray, np.ndarray],
        w: Mapping[str, Tensor],
    ) -> np.ndarray:
        """Update one side's memories by what items `other` tell them; return the rows that changed."""
        memory, time, n = self.tables[f"{side}_memory"], self.tables[f"{side}_time"], node.shape[0]
        vector = self.tables["item_vector"]
        rows, newest = np.empty((2, n), np.int64)
        message = np.empty((n, self.tables["user_message"].shape[1]), np.float32)
        count = aggregate(
            node, vector, other, *events, time, self.half_life_ms, self.slot[side], rows, newest, message
        )
        rows, message = rows[:count], message[:count]
        before = memory[rows]
        after = gru(torch.from_numpy(message), torch.from_numpy(before), w).numpy()
        if side == "user":
            self.tables["user_before"][rows] = before
            self.tables["user_message"][rows] = message
        _write(rows, before, after, newest, memory, time)
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
        """Apply a batch of events; return the user rows and the item rows that changed, each once.

        Shapes:
            - user, item: int32 [n]; t: int64 [n] ms; kind: int8 [n]; value: float32 [n]
        """
        last = self.tables["user_last"]
        before = last[user]
        users = self._side("user", user, item, (t, kind, value), w)
        items = self._side("item", item, before, (t, kind, value), w)
        last[user] = item
        return users, items
