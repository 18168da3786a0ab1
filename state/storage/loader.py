"""Fill a table from the records of a store."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from state.error import BadStore
from state.storage.table import Table

CHUNK = 8_192  # rows written at a time


def fill(table: Table, records: Iterable[tuple[bytes, bytes]], where: str, mend: str) -> None:
    """Write rows into a table from records: keys that end in the row, 4 bytes big-endian, and the row's bytes.

    Args:
        where, mend: Where the records come from and what to do when they do not fit, for the message.

    Raises:
        BadStore: A row of another width, or above the ceiling.
        NoMemory: There is none left for them.
    """
    rows: dict[int, list[int]] = {width: [] for width in (table.row_bytes, *table.earlier)}
    parts: dict[int, list[bytes]] = {width: [] for width in rows}

    def flush(width: int) -> None:
        if rows[width]:
            block = np.frombuffer(b"".join(parts[width]), np.uint8).reshape(-1, width)
            places = np.array(rows[width])
            if width == table.row_bytes:
                table.hold(places)
                table.bytes[places] = block
            else:
                table.earlier[width](places, block)
            rows[width].clear()
            parts[width].clear()

    for key, data in records:
        row, width = int.from_bytes(key[-4:], "big"), len(data)
        if width not in rows or row >= table.capacity:
            raise BadStore(
                f"{where}: {table.name} row {row} has {width} bytes, this program reads "
                f"{table.row_bytes} and at most {table.capacity} rows; go back to the settings it was "
                f"written with, or {mend}"
            )
        rows[width].append(row)
        parts[width].append(data)
        if len(rows[width]) == CHUNK:
            flush(width)
    for width in rows:
        flush(width)
