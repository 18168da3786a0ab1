"""Ids: text outside, rows inside.  The one crossing.

An append-only log of names in shared memory; each process keeps its own dictionary, caught up from the log.
Row numbers are given in order of first appearance and never change.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from state.error import BadStore
from state.table import Table

BYTES = 48  # room in the log for a name, on average


class Ids:
    """Names of one kind.

    Args:
        name: `user` or `item`.
        capacity: The ceiling, in rows.
        folder: Where the log lies, or None for anonymous memory.
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
        self.ends = table("end", "i8", capacity)
        self.heap = table("name", "u1", max(4096, capacity * BYTES))
        self.row: dict[str, int] = {}
        self.text: list[str] = []
        if write and first is not None:
            self.add(first)

    def __len__(self) -> int:
        return len(self.text)

    def add(self, text: str) -> int:
        """Return the row of `text`, giving it the next one when it is new.

        Raises:
            BadStore: The ceiling is reached.
        """
        found = self.row.get(text)
        if found is not None:
            return found
        row = len(self.text)
        data = text.encode()
        begin = int(self.ends.array[row - 1]) if row else 0
        end = begin + len(data)
        if row >= self.capacity or end > self.heap.capacity:
            raise BadStore(
                f"{self.name} {text!r} would be number {row + 1}, the ceiling is {self.capacity}; "
                f"raise state.max_{self.name}s and restart"
            )
        self.heap.array[begin:end] = np.frombuffer(data, np.uint8)
        self.ends.array[row] = end
        self.row[text] = row
        self.text.append(text)
        self.ends.publish(row + 1)
        return row

    def rows(self, texts: list[str]) -> np.ndarray:
        """Return the rows of many names, int32 [n], giving new ones theirs."""
        get, add = self.row.get, self.add
        out = np.empty(len(texts), np.int32)
        for i, text in enumerate(texts):
            row = get(text)
            out[i] = add(text) if row is None else row
        return out

    def catch_up(self) -> int:
        """Read the names the writer has added since the last call; return how many."""
        have, now = len(self.text), self.ends.rows
        if now == have:
            return 0
        ends = self.ends.array[have:now].tolist()
        begin = int(self.ends.array[have - 1]) if have else 0
        data = self.heap.array[begin : ends[-1]].tobytes()
        at = 0
        for row, end in enumerate(ends, have):
            text = data[at : end - begin].decode()
            at = end - begin
            self.row[text] = row
            self.text.append(text)
        return now - have
