"""Ids: names outside, row numbers inside; the one crossing between the two.

Names lie in shared memory, and each process keeps a dictionary of its own that it catches up from three tables:

    span     int64 a row      | begin << 16 + size | begin << 16 + size | 0: no name | ...
    name     bytes            | ann | bob | 000 erased | eve | free ...      new names at the end
    change   int64            | changes | version | rows without a name | ring of the rows that changed ...

The ring is a log of removed and reused rows: the row of change c lies in slot c % ring.  With a ring of 8, after 11
changes, a reader that has read 9 of them reads two slots:

    slot     |  0  |  1  |  2  |  3  |  4  |  5  |  6  |  7  |
    change   |  8  |  9  | 10  |  3  |  4  |  5  |  6  |  7  |
                      ^ read      ^ the next one is written here

Rows are numbered in order of first appearance.  A removed row is reused, the lowest first, so that which rows are
free shows in which have no name, and a restarted writer reuses the same ones.  New rows show in the count of rows, all
other changes in the ring: a reader that is behind by more than half a ring reads every name again.  A name that is half
written, or is removed while it is read, is logged once more by a later change.  The version is odd while names are
moved together, which reclaims the room of erased ones.
"""

from __future__ import annotations

import heapq
from pathlib import Path

import numpy as np

from state.error import NoRoom
from state.storage.table import HEADER, Table

BYTES = 48  # room for a name, on average
SIZE = 16  # bits of a span that hold the size of the name
LEAST = 1 << 16  # bytes of erased names that are not worth reclaiming
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
        self.span = table("span", "i8", capacity)
        self.heap = table("name", "u1", max(4096, capacity * BYTES))
        self.change = table("change", "i8", RING + self.ring)
        self.row: dict[str, int] = {}
        self.text: list[str] = []
        self.read = 0  # changes a reader has applied
        self.free: list[int] = []  # rows without a name, a heap
        self.unsaved: set[int] = set()  # rows removed or reused since the last save
        self.end = self.live = 0  # bytes in use, and of them bytes of names
        if write and first is not None:
            self.add(first)

    def __len__(self) -> int:
        """Return the number of rows that have ever been in use."""
        return len(self.text)

    @property
    def named(self) -> int:
        """How many rows have a name, as last published by the writer."""
        return self.span.rows - int(self.change.array[FREE])

    def add(self, text: str) -> int:
        """Return the row of `text`, a new one when it has none.

        Raises:
            NoRoom: The ceiling is reached and no row is free.
        """
        found = self.row.get(text)
        if found is None:
            found = self._assign(text)
        if found < 0:
            raise NoRoom(
                f"{self.name} {text!r} would be number {len(self.row) + 1}, the ceiling is {self.capacity}; "
                f"raise state.max_{self.name}s and restart"
            )
        return found

    def rows(self, texts: list[str]) -> np.ndarray:
        """Return the rows of many names, int32 [n], new ones included; shorter where there is no room for one."""
        get = self.row.get
        found = list(map(get, texts))
        if None in found:
            for i, row in enumerate(found):
                if row is None:
                    text = texts[i]
                    row = get(text)
                    if row is None:
                        row = self._assign(text)
                        if row < 0:
                            return np.array(found[:i], np.int32)
                    found[i] = row
        return np.array(found, np.int32)

    def _assign(self, text: str) -> int:
        """Return a row for a new name, -1 where there is no room."""
        data = text.encode()
        size, free, new = len(data), self.free, len(self.text)
        if (not free and new >= self.capacity) or self.live + size > self.heap.capacity:
            return -1
        if self.end + size > self.heap.capacity:
            self._compact()
        begin = self.end
        end = begin + size
        if HEADER + end > self.heap.held:
            self.heap.reserve(end)
        if HEADER + 8 * new >= self.span.held:
            self.span.reserve(new + 1)
        self.end = end
        self.live += size
        self.heap.array[begin:end] = np.frombuffer(data, np.uint8)
        row = heapq.heappop(free) if free else new
        self.span.array[row] = begin << SIZE | size
        self.row[text] = row
        if row == new:
            self.text.append(text)
            self.span.publish(row + 1)
        else:
            self.text[row] = text
            self.change.array[FREE] -= 1
            self._log(row)
        return row

    def fill(self, rows: np.ndarray, sizes: np.ndarray, data: bytes) -> str:
        """Give rows names as the store has them, of a row that comes twice the last; rows left out have no name.

        Shapes:
            - rows, sizes: int64 [n], bytes of each name, 0 for none; `data`: the names, one after the other

        Returns:
            A name that two rows would have, empty where all is well.

        Raises:
            NoRoom: A row is above the ceiling.
            NoMemory: There is none left for them.
        """
        top = max(int(rows.max(initial=-1)) + 1, len(self.text))
        if top > self.capacity or sizes.sum() > self.heap.capacity:
            raise NoRoom(
                f"{top:,} {self.name}s are stored, the ceiling is {self.capacity:,}; raise state.max_{self.name}s and restart"
            )
        ends, last = np.cumsum(sizes), np.full(top, -1, np.int64)
        last[rows] = np.arange(rows.shape[0])
        texts = [*self.text, *[""] * (top - len(self.text))]
        told = np.flatnonzero(last >= 0)
        place = last[told]
        for row, begin, end in zip(
            told.tolist(), (ends - sizes)[place].tolist(), ends[place].tolist(), strict=True
        ):
            texts[row] = data[begin:end].decode()
        known = {text: number for number, text in enumerate(texts) if text}
        if len(known) < sum(map(bool, texts)):
            return next(text for number, text in enumerate(texts) if text and known[text] != number)
        found = [text.encode() for text in texts]
        size = np.fromiter(map(len, found), np.int64, top)
        self.end = self.live = int(size.sum())
        self.heap.reserve(self.end)
        self.span.reserve(top)
        self.heap.array[: self.end] = np.frombuffer(b"".join(found), np.uint8)
        self.span.array[:top] = (np.cumsum(size) - size << SIZE | size) * (size > 0)
        self.row, self.text = known, texts
        self.free = np.flatnonzero(size == 0).tolist()
        self.change.array[FREE] = len(self.free)
        self.span.publish(top)
        return ""

    def remove(self, row: int) -> None:
        """Erase the name of a row, which a later name reuses."""
        text = self.text[row]
        span = int(self.span.array[row])
        begin, size = span >> SIZE, span & (1 << SIZE) - 1
        del self.row[text]
        self.text[row] = ""
        self.span.array[row] = 0
        self.heap.array[begin : begin + size] = 0
        self.live -= size
        heapq.heappush(self.free, row)
        self.change.array[FREE] += 1
        self._log(row)
        if self.end - self.live > max(LEAST, self.live):
            self._compact()

    def _log(self, row: int) -> None:
        self.unsaved.add(row)
        change, count = self.change.array, int(self.change.array[CHANGES])
        slot = RING + count % self.ring
        if HEADER + 8 * slot >= self.change.held:
            self.change.reserve(slot + 1)
        change[slot] = row
        change[CHANGES] = count + 1

    def _compact(self) -> None:
        """Move all names together, so that the free room is at the end."""
        data = [text.encode() for text in self.text]
        sizes = np.fromiter(map(len, data), np.int64, len(data))
        spans = (np.cumsum(sizes) - sizes << SIZE | sizes) * (sizes > 0)
        self.change.array[VERSION] += 1
        self.heap.array[: self.live] = np.frombuffer(b"".join(data), np.uint8)
        self.heap.array[self.live : self.end] = 0
        self.span.array[: len(data)] = spans
        self.change.array[VERSION] += 1
        self.end = self.live

    def since(self, number: int) -> tuple[int, list[int]]:
        """Return the number of changes so far, and the rows removed or reused after change `number`, each once.

        All rows there are, where more changed than half of the ring holds: the other half may be written meanwhile.
        """
        now = int(self.change.array[CHANGES])
        if now == number:
            return now, []
        if now - number > self.ring // 2:
            return now, list(range(len(self.text)))
        spans = RING + np.arange(number, now) % self.ring
        return now, list(dict.fromkeys(self.change.array[spans].tolist()))

    def catch_up(self) -> int:
        """Read what the writer has changed since the last call; return how many rows."""
        change, have = self.change.array, len(self.text)
        if self.span.rows == have and change[CHANGES] == self.read:
            return 0
        version, rows = int(change[VERSION]), self.span.rows
        now, changed = self.since(self.read)
        if version % 2:
            return 0  # names are being moved: the next call reads them
        wanted = np.array([*(row for row in changed if row < have), *range(have, rows)], np.int64)
        spans = self.span.array[wanted]
        begins, sizes = spans >> SIZE, spans & (1 << SIZE) - 1
        low = int(begins[sizes > 0].min(initial=self.heap.capacity))
        high = int((begins + sizes).max(initial=0))
        data = self.heap.array[low : max(low, high)].tobytes()
        same = self.span.array[wanted] == spans  # others have changed meanwhile, and are logged again
        if change[VERSION] != version or change[CHANGES] - now > self.ring // 2:
            return 0  # moved, or the ring was written over, while it was read
        texts = [
            data[at : at + size].decode() if good else ""
            for at, size, good in zip((begins - low).tolist(), sizes.tolist(), same.tolist(), strict=True)
        ]
        self._replace(wanted.tolist(), texts, have)
        self.read = now
        return rows - have + len(changed)

    def _replace(self, rows: list[int], texts: list[str], have: int) -> None:
        """Put names as they were read into the dictionary: those of rows below `have` replace what was known."""
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
