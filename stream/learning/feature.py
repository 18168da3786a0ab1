"""Explicit features of items and users: frozen columns, filled in as the names appear, with learned weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from state.storage.ids import Ids
from stream.generation.generation import Generation
from stream.lane.job import Gone


class Explicit:
    """Writes the tables `item_column` and `user_column`; whoever is in neither file keeps zeros.

    Args:
        items, users: Features by name, float32 [columns], from `column.read`.
    """

    def __init__(
        self, generation: Generation, items: Mapping[str, np.ndarray], users: Mapping[str, np.ndarray]
    ) -> None:
        self.generation, self.sides = generation, {"item": items, "user": users}
        self.filled = {"item": 0, "user": 0}
        self._changes = {"item": 0, "user": 0}  # changes of names taken in

    def fill(self) -> None:
        """Take in the names that came since the last call."""
        for side, ids in self._names():
            begin, end = self.filled[side], len(ids)
            self._changes[side], again = ids.since(self._changes[side])
            self.filled[side] = end
            if self.sides[side]:
                self._write(side, [*(row for row in again if row < begin), *range(begin, end)])

    def refill(self, kind: str, rows: np.ndarray) -> None:
        """Write the rows of evicted names anew: of the names that have them by now, else zeros."""
        side = "item" if kind == "item" else "user"
        if self.sides[side]:
            self._write(side, rows.tolist())

    def _names(self) -> list[tuple[str, Ids]]:
        return [("item", self.generation.items), ("user", self.generation.users)]

    def _write(self, side: str, rows: list[int]) -> None:
        text, found = dict(self._names())[side].text, self.sides[side]
        table = self.generation.learned[f"{side}_column"]
        none = np.zeros(table.array.shape[1], table.dtype)
        values = {row: found.get(text[row], none) for row in sorted(set(rows)) if row < len(text)}
        given = [row for row, value in values.items() if value.any() or table.array[row].any()]
        if given:
            table.hold(np.array(given, np.int64))
            table.array[given] = [values[row] for row in given]
            table.touch(np.array(given, np.int64))


def clear(generation: Generation, gone: Gone, explicit: Explicit | None = None) -> None:
    """Reset what was learned of evicted rows; columns are given, and become those of the names that have the rows now."""
    for kind, rows in gone.items():
        generation.clear(kind, rows)
        if explicit is not None:
            explicit.refill(kind, rows)
