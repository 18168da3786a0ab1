"""Item metadata as a table: a row an item, its JSON as it came, and which rows changed lately.

    row     | length, 4 bytes | JSON |          a length of 0: nothing is known

Beside it stands where the newest records of an item were read, so that of two the later one counts whatever the order
in which several partitions are read.

The writer raises the count of changes after it has written a row; a reader that falls more than a ring behind reads
every row again.  A reader may meet a row that is half written: the change that is being made tells it once more.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from state.storage.table import Table

ROW = 1_024  # bytes of a row
MOST = ROW - 4  # bytes of JSON
NOTHING, TOLD, HIDDEN, UNTOLD = 0, 1, 2, 3  # known of an item; UNTOLD is hidden, too, and not described
RING = 8_192  # changes a reader may be behind
DESCRIPTION, SWITCH = 0, 1  # records of an item: what it is, and HIDE or UNHIDE
SAYS = (None, True, False)  # what a switch says, by its number
HIDING = np.dtype(
    [
        ("partition", "u2", (2,)),  # of the newest record of each, plus 1; 0: none is known
        ("ms", "i8", (2,)),  # the time of these records
        ("switch", "u1"),  # what it says: a position in SAYS
        ("description_later", "u1"),  # 1 where the description is later than the switch
    ]
)


class Metadata:
    """What a catalogue says of items, shared with readers like every table.

    Args:
        folder: Where table files lie, or None for anonymous memory.
        rows: The ceiling, in items.
        write: Whether this process is the writer.
    """

    def __init__(self, folder: Path | None, rows: int, *, write: bool) -> None:
        def table(name: str, dtype: str | np.dtype, shape: tuple[int, ...], capacity: int) -> Table:
            path = folder / f"{name}.table" if folder else None
            return Table(name, np.dtype(dtype), shape, capacity=capacity, path=path, write=write)

        self.table = table("metadata", "u1", (ROW,), rows)
        self.known = table("described", "u1", (), rows)  # NOTHING, TOLD, …: no other page is looked at
        self.hiding = table("hiding", HIDING, (), rows)
        self.changes = table("change", "i8", (RING + 1,), 1).array[0]
        if write:
            self.changes[0] = 1

    @property
    def tables(self) -> list[Table]:
        """What the store keeps."""
        return [self.table, self.known, self.hiding]

    def put(self, row: int, payload: bytes, hidden: bool = False) -> None:
        """Write what is known of an item, and whether it is in no answer.  The caller touches the tables.

        Args:
            payload: At most MOST bytes, empty for nothing.

        Raises:
            NoMemory: There is none for the row.
        """
        self.table.hold(np.array([row]))
        told = len(payload).to_bytes(4, "little") + payload
        if not payload:
            self.table.array[row] = 0
        self.table.array[row, : len(told)] = np.frombuffer(told, np.uint8)
        known = (HIDDEN if payload else UNTOLD) if hidden else TOLD if payload else NOTHING
        self.known.array[row] = known
        count = int(self.changes[0])
        self.changes[1 + count % RING] = row
        self.changes[0] = count + 1

    def get(self, row: int) -> bytes:
        """Return the JSON of an item, empty when nothing is known."""
        place = self.table.array[row]
        length = int.from_bytes(place[:4].tobytes(), "little")
        return place[4 : 4 + min(length, MOST)].tobytes()

    def note(self, row: int, kind: int, partition: int, ms: int) -> bool:
        """Note where a record of an item was read; return False where a later one of its kind is known.

        Records of one partition are later in the order they come.  Between partitions their times decide, then the
        partitions' numbers.

        Args:
            kind: DESCRIPTION or SWITCH.
            ms: The record's time.
        """
        place = self.hiding.array[row]
        if not _later(place, kind, partition, ms):
            return False
        place["partition"][kind], place["ms"][kind] = partition + 1, ms
        place["description_later"] = _later(place, 1 - kind, partition, ms) == (kind == DESCRIPTION)
        return True

    def switch(self, row: int, says: bool | None) -> None:
        """Write what HIDE or UNHIDE says of an item."""
        self.hiding.array[row]["switch"] = SAYS.index(says)

    def says(self, row: int) -> tuple[bool | None, bool]:
        """Return what the last HIDE or UNHIDE says of an item, and whether its description is later."""
        place = self.hiding.array[row]
        return SAYS[int(place["switch"])], bool(place["description_later"])

    def release(self, rows: np.ndarray) -> None:
        """Clear rows, int64 [n], that go to other items, and of which nothing is known."""
        noted = rows[self.hiding.array["partition"][rows].any(1)]
        self.hiding.bytes[noted] = 0
        self.hiding.touch(noted)

    def since(self, number: int, rows: int) -> tuple[int, list[int]]:
        """Return the number of changes so far, above 0, and the rows that changed after change `number` (0: all)."""
        now = int(self.changes[0])
        if now == number:
            return now, []
        if number == 0 or now - number > RING:
            return now, np.flatnonzero(self.known.array[:rows]).tolist()
        places = 1 + np.arange(number, now) % RING
        return now, list(dict.fromkeys(self.changes[places].tolist()))


def _later(place: np.void, kind: int, partition: int, ms: int) -> bool:
    """Return whether a record that comes now is later than the newest one of a kind."""
    known = int(place["partition"][kind])
    return known in (0, partition + 1) or (ms, partition + 1) > (int(place["ms"][kind]), known)
