"""A snapshot: what changed since the last one, copied at one moment, to be written while the tables go on changing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple

import numpy as np

from state.error import BadStore
from state.storage.block import NAMES, Rows, packed
from state.storage.ids import Ids
from state.storage.table import Table

PIECE = 1_024  # names packed at a time


class Part(NamedTuple):
    """The rows of a table that changed."""

    table: Table
    rows: Rows

    def broken(self) -> np.ndarray:
        """Return the rows that hold a number that is not finite, see `Table.broken`."""
        table, (row, data) = self.table, self.rows
        values = data.reshape(-1).view(table.dtype).reshape(row.shape[0], *table.array.shape[1:])
        fields = (
            [values[name] for name in table.dtype.names if table.dtype[name].base.kind == "f"]
            if table.dtype.names is not None
            else [values] * (table.dtype.kind == "f")
        )
        bad = np.zeros(row.shape[0], bool)
        for field in fields:
            bad |= ~(field < np.inf).reshape(row.shape[0], -1).all(1)
        return row[bad]


class Named(NamedTuple):
    """The rows that were named, or lost their name."""

    ids: Ids
    row: list[int]
    text: list[str]

    def parts(self) -> Iterator[Rows]:
        """Yield them as rows of their group."""
        for begin in range(0, len(self.row), PIECE):
            stop = begin + PIECE
            yield packed(self.row[begin:stop], self.text[begin:stop])


class Snapshot(NamedTuple):
    """Rows, names and records of one moment.

    records: By key; None removes one.
    """

    parts: list[Part]
    names: list[Named]
    records: dict[bytes, bytes | None]

    @property
    def rows(self) -> int:
        """How many rows changed."""
        return sum(part.rows.row.shape[0] for part in self.parts)

    def check(self, where: str) -> None:
        """Raise BadStore where a number is not finite: nothing must be written."""
        for part in self.parts:
            broken = part.broken()
            if broken.shape[0]:
                raise BadStore(
                    f"{where}: {part.table.name} row {broken[0]}: a number is not finite ({broken.shape[0]} rows in all); "
                    "nothing was saved, what was saved before is right: start again, and report it if it comes back"
                )

    def groups(self) -> Iterator[tuple[bytes, Iterable[Rows]]]:
        """Yield what changed, group by group."""
        for part in self.parts:
            yield part.table.name.encode(), [part.rows]
        for named in self.names:
            yield named.ids.name.encode() + NAMES, named.parts()

    def undo(self) -> None:
        """Mark everything as changed again, as it could not be written; in the thread that changes the tables."""
        for part in self.parts:
            part.table.touch(part.rows.row)
        for named in self.names:
            named.ids.unsaved.update(named.row)


def take(
    tables: Iterable[Table],
    names: Mapping[Ids, int],
    records: dict[bytes, bytes | None],
    room: dict[str, np.ndarray],
) -> Snapshot:
    """Copy what changed since the last snapshot, and mark it as unchanged.

    Args:
        names: The names to look at, and the first row of each that was new since then.
        room: Memory of former snapshots by table, to be used again; no other snapshot may be in use.
    """
    parts = []
    for table in tables:
        row = np.sort(table.dirty)
        if not row.shape[0]:
            continue
        data = room.get(table.name)
        if data is None or data.shape[0] < row.shape[0]:
            data = room[table.name] = np.empty((row.shape[0] + row.shape[0] // 4, table.row_bytes), np.uint8)
        np.take(table.bytes, row, axis=0, out=data[: row.shape[0]], mode="clip")
        table.clean()
        parts.append(Part(table, Rows(row, data[: row.shape[0]])))
    named = []
    for ids, since in names.items():
        rows = [*dict.fromkeys(chain(sorted(ids.unsaved), range(since, len(ids))))]
        if rows:
            named.append(Named(ids, rows, [ids.text[row] for row in rows]))
        ids.unsaved.clear()
    return Snapshot(parts, named, records)
