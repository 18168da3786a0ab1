"""Ids: text outside, rows inside.  The one crossing.

Names in shared memory, each process with its own dictionary, caught up from them:

    place    | begin and size, 8 bytes a row; 0: the row has no name |
    name     | bytes of names, new ones at the end |
    change   | changes so far | version | rows without a name | ring of the rows that changed |

Rows are given in order of first appearance.  A row that is let go is given again, the lowest first, so that which rows
are free shows in which have no name, and a restarted writer gives the same ones.  Rows that are new are told by the
count of rows, all other changes by the ring: a reader that is behind by more than a ring reads every name again.  A
name that is half written, or is taken away while it is read, is told once more by a later change.  The version is odd
while names are moved together, which takes the room of those that were erased back.
"""

from __future__ import annotations

import heapq
from pathlib import Path

import numpy as np

from state.error import NoRoom
from state.storage.table import Table

BYTES = 48  # room for a name, on average
SIZE = 16  # bits of a place that hold the size of the name
LEAST = 1 << 16  # bytes of erased names that are not worth taking back
CHANGES, VERSION, FREE, RING = 0, 1, 2, 3  # where things lie in the table of changes


class Ids:
    """Names of one kind.

    `row` leads from a name to its row, `text` from a row to its name, empty where it has none.

    Args:
        name: `user` or `item`.
        capacity: The ceiling, in rows.
        folder: Where the tables lie, or None for anonymous memory.
        write: Whether this process is the writer.
        first: A name for row 0, where row 0 is no real id.
    """

    def __init__(
        self,
        name: str,
        *,
        capacity: int,
        folder: Path | None = None,
        write: bool = True,
        first: str | None = None,
    ) -> None:
        def table(part: str, dtype: str, rows: int) -> Table:
            path = folder / f"{name}.{part}.table" if folder else None
            return Table(f"{name}.{part}", np.dtype(dtype), capacity=rows, path=path, write=write)

        self.name = name
        self.capacity = capacity
        self.ring = max(8192, capacity // 2)
        self.place = table("place", "i8", capacity)
        self.heap = table("name", "u1", max(4096, capacity * BYTES))
        self.change = table("change", "i8", RING + self.ring)
        self.row: dict[str, int] = {}
        self.text: list[str] = []
        self.told = 0  # changes a reader has taken in
        self.free: list[int] = []  # rows without a name, a heap
        self.unsaved: set[int] = set()  # rows let go or given again since the last save
        self.end = self.live = 0  # bytes in use, and of them bytes of names
        if write and first is not None:
            self.add(first)

    def __len__(self) -> int:
        """Return the number of rows that have ever been in use."""
        return len(self.text)

    @property
    def named(self) -> int:
        """How many rows have a name, as last published by the writer."""
        return self.place.rows - int(self.change.array[FREE])

    def add(self, text: str) -> int:
        """Return the row of `text`, giving it one when it is new.

        Raises:
            NoRoom: The ceiling is reached and no row is free.
        """
        found = self.row.get(text)
        if found is None:
            found = self._give(text)
        if found < 0:
            raise NoRoom(
                f"{self.name} {text!r} would be number {len(self.row) + 1}, the ceiling is {self.capacity}; "
                f"raise state.max_{self.name}s and restart"
            )
        return found

    def rows(self, texts: list[str]) -> np.ndarray:
        """Return the rows of many names, int32 [n], giving new ones theirs; shorter where there is no room for one."""
        get = self.row.get
        found = list(map(get, texts))
        if None in found:
            for i, row in enumerate(found):
                if row is None:
                    text = texts[i]
                    row = get(text)
                    if row is None:
                        row = self._give(text)
                        if row < 0:
                            return np.array(found[:i], np.int32)
                    found[i] = row
        return np.array(found, np.int32)

    def _give(self, text: str) -> int:
        """Give a new name a row, -1 where there is no room."""
        data = text.encode()
        size, free, new = len(data), self.free, len(self.text)
        if (not free and new >= self.capacity) or self.live + size > self.heap.capacity:
            return -1
        if self.end + size > self.heap.capacity:
            self._close_up()
        begin = self.end
        self.end = end = begin + size
        self.live += size
        self.heap.array[begin:end] = np.frombuffer(data, np.uint8)
        row = heapq.heappop(free) if free else new
        self.place.array[row] = begin << SIZE | size
        self.row[text] = row
        if row == new:
            self.text.append(text)
            self.place.publish(row + 1)
        else:
            self.text[row] = text
            self.change.array[FREE] -= 1
            self._tell(row)
        return row

    def put(self, row: int, text: str) -> None:
        """Give `text` a row above those in use, as the store knows it; rows left out have no name.

        Raises:
            NoRoom: It is above the ceiling.
        """
        for free in range(len(self.text), min(row, self.capacity)):
            self.text.append("")
            heapq.heappush(self.free, free)
        self.change.array[FREE] = len(self.free)
        waiting, self.free = self.free, []
        self.add(text)
        self.free = waiting

    def remove(self, row: int) -> None:
        """Let a row go: its name is erased, and the row is given to a later one."""
        text = self.text[row]
        place = int(self.place.array[row])
        begin, size = place >> SIZE, place & (1 << SIZE) - 1
        del self.row[text]
        self.text[row] = ""
        self.place.array[row] = 0
        self.heap.array[begin : begin + size] = 0
        self.live -= size
        heapq.heappush(self.free, row)
        self.change.array[FREE] += 1
        self._tell(row)
        if self.end - self.live > max(LEAST, self.live):
            self._close_up()

    def _tell(self, row: int) -> None:
        self.unsaved.add(row)
        change, count = self.change.array, int(self.change.array[CHANGES])
        change[RING + count % self.ring] = row
        change[CHANGES] = count + 1

    def _close_up(self) -> None:
        """Move all names together, so that the room of erased ones is at the end."""
        data = [text.encode() for text in self.text]
        sizes = np.fromiter(map(len, data), np.int64, len(data))
        places = (np.cumsum(sizes) - sizes << SIZE | sizes) * (sizes > 0)
        self.change.array[VERSION] += 1
        self.heap.array[: self.live] = np.frombuffer(b"".join(data), np.uint8)
        self.heap.array[self.live : self.end] = 0
        self.place.array[: len(data)] = places
        self.change.array[VERSION] += 1
        self.end = self.live

    def since(self, number: int) -> tuple[int, list[int]]:
        """Return the number of changes so far, and the rows let go or given again after change `number`, each once.

        All rows there are, where more changed than half of the ring holds: the other half may be written meanwhile.
        """
        now = int(self.change.array[CHANGES])
        if now == number:
            return now, []
        if now - number > self.ring // 2:
            return now, list(range(len(self.text)))
        places = RING + np.arange(number, now) % self.ring
        return now, list(dict.fromkeys(self.change.array[places].tolist()))

    def catch_up(self) -> int:
        """Read what the writer has changed since the last call; return how many rows."""
        change, have = self.change.array, len(self.text)
        if self.place.rows == have and change[CHANGES] == self.told:
            return 0
        version, rows = int(change[VERSION]), self.place.rows
        now, changed = self.since(self.told)
        if version % 2:
            return 0  # names are being moved: the next call reads them
        wanted = np.array([*(row for row in changed if row < have), *range(have, rows)], np.int64)
        places = self.place.array[wanted]
        begins, sizes = places >> SIZE, places & (1 << SIZE) - 1
        low = int(begins[sizes > 0].min(initial=self.heap.capacity))
        high = int((begins + sizes).max(initial=0))
        data = self.heap.array[low : max(low, high)].tobytes()
        same = self.place.array[wanted] == places  # others have changed meanwhile, and are told of again
        if change[VERSION] != version or change[CHANGES] - now > self.ring // 2:
            return 0  # moved, or the ring was written over, while it was read
        texts = [
            data[at : at + size].decode() if good else ""
            for at, size, good in zip((begins - low).tolist(), sizes.tolist(), same.tolist(), strict=True)
        ]
        self._take(wanted.tolist(), texts, have)
        self.told = now
        return rows - have + len(changed)

    def _take(self, rows: list[int], texts: list[str], have: int) -> None:
        """Take in names as they were read: those of rows below `have` replace what was known."""
        for row in rows:
            if row < have:
                if self.row.get(self.text[row]) == row:
                    del self.row[self.text[row]]
            else:
                self.text.append("")
        for row, text in zip(rows, texts, strict=True):
            self.text[row] = text
            if text:
                self.row[text] = row
