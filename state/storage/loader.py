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
    rows: list[int] = []
    parts: list[bytes] = []

    def flush() -> None:
        if rows:
            block = np.frombuffer(b"".join(parts), np.uint8).reshape(len(rows), table.row_bytes)
            places = np.array(rows)
            table.hold(places)
            table.bytes[places] = block
            rows.clear()
            parts.clear()

    for key, data in records:
        row = int.from_bytes(key[-4:], "big")
        if len(data) != table.row_bytes or row >= table.capacity:
            raise BadStore(
                f"{where}: {table.name} row {row} has {len(data)} bytes, this program reads "
                f"{table.row_bytes} and at most {table.capacity} rows; go back to the settings it was "
                f"written with, or {mend}"
            )
        rows.append(row)
        parts.append(data)
        if len(rows) == CHUNK:
            flush()
    flush()
