"""Which rows of which tables changed since they were last asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def once(rows: np.ndarray, slot: np.ndarray) -> np.ndarray:
    """Return rows int64 [n] each once, by first appearance; slot int32 [rows of the table] is all zero before and after."""
    out, count = np.empty(rows.shape[0], np.int64), 0
    for row in rows:
        if slot[row] == 0:
            slot[row] = 1
            out[count] = row
            count += 1
    for k in range(count):
        slot[out[k]] = 0
    return out[:count]


class Changes:
    """Rows that changed, by table.

    Args:
        slot: Scratch for the tables of users and for all others, int32 [rows], all zero between two calls.
    """

    def __init__(self, slot: Mapping[str, np.ndarray]) -> None:
        self.slot = slot
        self.parts: dict[tuple[str, ...], list[np.ndarray]] = {}

    def touch(self, rows: np.ndarray, *names: str) -> None:
        """Note that rows int64 [n] of these tables changed; tables that change together are named together."""
        self.parts.setdefault(names, []).append(rows)

    def take(self) -> dict[str, np.ndarray]:
        """Return the rows noted since the last call, by table, each once."""
        found: dict[str, list[np.ndarray]] = {}
        for names, parts in self.parts.items():
            rows = self._once(names[0], parts)
            for name in names:
                found.setdefault(name, []).append(rows)
        self.parts = {}
        return {
            name: parts[0] if len(parts) == 1 else self._once(name, parts) for name, parts in found.items()
        }

    def _once(self, name: str, parts: list[np.ndarray]) -> np.ndarray:
        rows: np.ndarray = once(
            np.concatenate(parts), self.slot["user" if name.startswith("user") else "item"]
        )
        return rows
