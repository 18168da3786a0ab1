"""Debezium's change events: a row of a table before and after a change, with or without its schema around it.

    {"before": null, "after": {"user": "ann", "item": "cup", …}, "op": "c", "ts_ms": 1700000000000, "source": {…}}
    {"schema": {…}, "payload": {…as above…}}

A row that is inserted (`c`), changed (`u`) or read in a snapshot (`r`) is an event, its fields those of `after`.  One that is
deleted (`d`), a truncated table (`t`) and a message of the log (`m`) are none, and nothing is wrong with them.

Source: Debezium 2.x, connectors for PostgreSQL and MySQL, section "Data change events".  Not taken: `before`, transactions.
"""

from __future__ import annotations

from typing import Any, Final

from stream.error import BadEvent, Ignored

ROWS: Final = ("c", "u", "r")  # operations that leave a row
_OTHERS: Final = {"d": "a deleted row", "t": "a truncated table", "m": "a message of the database's log"}


def change(fields: dict[str, Any]) -> dict[str, Any] | None:
    """Return the change event that an object is, without its schema; None where it is none."""
    payload = fields.get("payload")
    if "schema" in fields and isinstance(payload, dict):
        fields = payload
    op = fields.get("op")
    known = isinstance(op, str) and (op in ROWS or op in _OTHERS)
    return fields if known and ("after" in fields or op in _OTHERS) else None


def row(change: dict[str, Any]) -> dict[str, Any]:
    """Return the row that a change leaves.

    Raises:
        Ignored: It leaves none.
        BadEvent: It should, and does not.
    """
    op, after = change["op"], change.get("after")
    if op in _OTHERS:
        raise Ignored(f"{_OTHERS[op]}, which is no event")
    if not isinstance(after, dict):
        raise BadEvent("missing", f"after is {after!r:.60} in a change with op {op!r}, expected the row")
    return after
