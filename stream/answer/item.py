"""Items as this process knows them: their names, what the items topic says of them, and which are hidden."""

from __future__ import annotations

from threading import RLock

import numpy as np

from stream.answer.exploration import Exploration
from stream.answer.reason import short
from stream.catalogue import hiding
from stream.catalogue.catalogue import Catalogue
from stream.catalogue.record import Value, decode
from stream.error import BadEvent
from stream.generation.generation import Generation
from stream.generation.metadata import HIDDEN

AT_ONCE = 32  # descriptions taken in before a request is answered


class Items:
    """Names, metadata and visibility of items.  `catch_up` and `take` write, under a lock; requests only read.

    Args:
        exploration: Is informed of new items.
        catalogue: What an earlier generation knew of items; their rows are the same.

    Fields:
        hidden: uint8 [items], 1 where an item may be in no answer; `version` counts its changes, `reach` is the first
            row from which on nothing is hidden.
        waiting: Rows whose description changed and was not taken in yet.
    """

    def __init__(self, generation: Generation, exploration: Exploration, catalogue: Catalogue) -> None:
        self.generation, self.exploration, self.catalogue = generation, exploration, catalogue
        self.hidden = np.zeros(generation.items.capacity, np.uint8)
        self.version, self.reach = 0, 0
        self.waiting: dict[int, None] = {}
        self._changes = 0  # of the metadata table that were seen
        self._items = generation.world.state.world["items"]  # how many there are, one number
        self._lock = RLock()

    def catch_up(self, most: int = AT_ONCE) -> bool:
        """Take in what the items topic has said since the last call; hidden items are hidden from now on.

        Of all else it takes in `most` items at once, the latest first, so that a request does not wait for a whole
        catalogue.

        Returns:
            Whether some are left for the next call.
        """
        metadata, waiting = self.generation.metadata, self.waiting
        with self._lock:
            self._changes, rows = metadata.since(self._changes, int(self._items[0]))
            if rows:
                hidden = metadata.known.array[rows] >= HIDDEN
                if (self.hidden[rows] != hidden).any():
                    self.hidden[rows] = hidden
                    self.reach = max(self.reach, *(row + 1 for row in rows))
                    self.version += 1
                for row in rows:
                    waiting.pop(row, None)
                    waiting[row] = None
            for _ in range(min(most, len(waiting))):
                self.take(waiting.popitem()[0])
        return bool(waiting)

    def take(self, row: int) -> None:
        """Take in the description of an item."""
        with self._lock:
            self.waiting.pop(row, None)
            try:
                fields = decode(self.generation.metadata.get(row))
                self.catalogue.put(row, self._shown(row, fields))
            except BadEvent:
                return  # half written: it comes again
            self.exploration.put(row, fields, int(self.generation.world.state.items[row]["n"]))

    def _shown(self, row: int, fields: dict[str, Value] | None) -> dict[str, Value] | None:
        """Return the fields of an item with `hidden` as it is, whichever way it was hidden."""
        said = hiding.told(fields)
        hidden = hiding.settled(said, *self.generation.metadata.says(row))
        if hidden == bool(said):
            return fields
        rest = {name: value for name, value in (fields or {}).items() if name != "hidden"}
        return rest | {"hidden": True} if hidden else rest

    def rows(self, names: list[str], *, keep: bool = False, any_of: bool = False) -> np.ndarray:
        """Return the rows of items that have had an event, int32.

        Args:
            keep: One for every name, 0 for others.
            any_of: Also those that have had none.
        """
        if not names:
            return np.zeros(0, np.int32)
        known_rows = self.generation.items.row
        rows = np.array([known_rows.get(name, 0) for name in names], np.int32)
        known = rows > 0
        if not any_of:
            known &= self.generation.world.state.items["n"][rows] > 0
        out: np.ndarray = np.where(known, rows, 0).astype(np.int32) if keep else rows[known]
        return out

    def name(self, row: int) -> str:
        """Return an item's name."""
        return self.names([row])[0]

    def names(self, rows: list[int]) -> list[str]:
        """Return items' names, empty where there is none."""
        items = self.generation.items
        if max(rows, default=0) >= len(items):
            with self._lock:
                items.catch_up()
        text, n = items.text, len(items)
        return [text[row] if row < n else "" for row in rows]

    def title(self, row: int) -> str:
        """Return what an item is called: its title, where it has one, or its name."""
        return self.told_title(row) or self.name(row)

    def told_title(self, row: int) -> str:
        """Return an item's title in a line, empty where the items topic tells none."""
        if row in self.waiting:
            self.take(row)
        title = self.catalogue.value(row, "title")
        return short(title) if isinstance(title, str) and title.strip() else ""

    def titles(self, names: list[str]) -> list[str]:
        """Return the titles of items by name, empty where there is none."""
        rows = self.generation.items.row
        return [self.told_title(row) if (row := rows.get(name, 0)) else "" for name in names]
