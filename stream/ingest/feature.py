"""Explicit features of items and users: frozen columns, filled in as the names appear, with learned weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stream.generation.generation import Generation


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
        generation = self.generation
        for side, ids in (("item", generation.items), ("user", generation.users)):
            begin, end = self.filled[side], len(ids)
            self._changes[side], again = ids.since(self._changes[side])
            self.filled[side] = end
            found = self.sides[side]
            if not found:
                continue
            new = (*(row for row in again if row < begin), *range(begin, end))
            rows = [row for row in new if ids.text[row] in found]
            if rows:
                table = generation.learned[f"{side}_column"]
                table.hold(np.sort(np.array(rows, np.int64)))
                table.array[rows] = [found[ids.text[row]] for row in rows]
                table.touch(np.array(rows, np.int64))
