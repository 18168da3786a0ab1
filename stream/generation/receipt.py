"""Receipts: what the writer has removed of users who were forgotten, for the readers to tell.

A ring in shared memory, a row a record that asked for it; nothing in it names a user, and none of it is saved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from state.storage.table import Table

COUNTS = ("t", "found", "history", "seen", "events", "memory", "letters")
RING = 256  # requests a reader may be late by

RECEIPT = np.dtype(
    [
        ("partition", "i8"),
        ("next", "i8"),  # the offset after the record's, 0 in a row never written
        ("t", "i8"),  # stream time in ms
        ("found", "i8"),  # 1 when anything was known
        ("history", "i8"),  # items of the history
        ("seen", "i8"),  # items of the seen list
        ("events", "i8"),  # interactions
        ("memory", "i8"),  # 1 when something was learned of the user
        ("letters", "i8"),  # dead letters that named the user
        ("beyond", "S256"),  # the Kafka topic whose dead letters were not looked at, if any
    ],
    align=True,
)


class Receipts:
    """The last receipts.

    Args:
        folder: Where the table lies, or None for anonymous memory.
        write: Whether this process is the writer.
    """

    def __init__(self, folder: Path | None, *, write: bool) -> None:
        path = folder / "receipt.table" if folder else None
        self.table = Table("receipt", RECEIPT, capacity=RING, path=path, write=write)

    def put(self, partition: int, offset: int, *, beyond: str = "", **told: int) -> None:
        """Write the receipt of the record at an offset; fields are those of RECEIPT."""
        row = self.table.array[self.table.rows % RING]
        row["next"] = 0
        row["beyond"] = beyond.encode()
        for field, value in told.items():
            row[field] = value
        row["partition"], row["next"] = partition, offset + 1
        self.table.publish(self.table.rows + 1)

    def get(self, partition: int, offset: int) -> dict[str, Any] | None:
        """Return the fields of the receipt of the record at an offset, None where it is no longer there."""
        rows = self.table.array
        found = np.flatnonzero((rows["partition"] == partition) & (rows["next"] == offset + 1))
        if not found.shape[0]:
            return None
        row = rows[found[0]]
        return {field: int(row[field]) for field in COUNTS} | {"beyond": bytes(row["beyond"]).decode()}
