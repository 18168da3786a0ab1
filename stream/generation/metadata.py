"""Item metadata as a table: a row an item, its JSON as it came, and which rows changed lately.

    row     | length, 4 bytes | JSON |          a length of 0: nothing is known

The writer raises the count of changes after it has written a row; a reader that falls more than a ring behind reads
every row again.  A reader may meet a row that is half written: the change that is being made tells it once more.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from state.storage.table import Table

ROW = 1_024  # bytes of a row
MOST = ROW - 4  # bytes of JSON
NOTHING, TOLD, HIDDEN = 0, 1, 2  # of an item
RING = 8_192  # changes a reader may be behind


class Metadata:
    """What a catalogue says of items, shared with readers like every table.

    Args:
        folder: Where table files lie, or None for anonymous memory.
        rows: The ceiling, in items.
        write: Whether this process is the writer.
    """

    def __init__(self, folder: Path | None, rows: int, *, write: bool) -> None:
        def table(name: str, dtype: str, shape: tuple[int, ...], capacity: int) -> Table:
            path = folder / f"{name}.table" if folder else None
            return Table(name, np.dtype(dtype), shape, capacity=capacity, path=path, write=write)

        self.table = table("metadata", "u1", (ROW,), rows)
        self.known = table("described", "u1", (), rows)  # NOTHING, TOLD or HIDDEN: no other page is looked at
        self.changes = table("change", "i8", (RING + 1,), 1).array[0]
        if write:
            self.changes[0] = 1

    @property
    def tables(self) -> list[Table]:
        """What the store keeps."""
        return [self.table, self.known]

    def put(self, row: int, payload: bytes, hidden: bool = False) -> None:
        """Write what is known of an item, and whether answers leave it out.  The caller touches the tables.

        Args:
            payload: At most MOST bytes, empty for nothing.
        """
        told = len(payload).to_bytes(4, "little") + payload
        if not payload:
            self.table.array[row] = 0
        self.table.array[row, : len(told)] = np.frombuffer(told, np.uint8)
        self.known.array[row] = HIDDEN if hidden else TOLD if payload else NOTHING
        count = int(self.changes[0])
        self.changes[1 + count % RING] = row
        self.changes[0] = count + 1

    def get(self, row: int) -> bytes:
        """Return the JSON of an item, empty when nothing is known."""
        place = self.table.array[row]
        length = int.from_bytes(place[:4].tobytes(), "little")
        return place[4 : 4 + min(length, MOST)].tobytes()

    def since(self, number: int, rows: int) -> tuple[int, list[int]]:
        """Return the number of changes so far, above 0, and the rows that changed after change `number` (0: all)."""
        now = int(self.changes[0])
        if now == number:
            return now, []
        if number == 0 or now - number > RING:
            return now, np.flatnonzero(self.known.array[:rows]).tolist()
        places = 1 + np.arange(number, now) % RING
        return now, list(dict.fromkeys(self.changes[places].tolist()))
