"""Schema of learned tables, so that a program of other sizes or features does not misread their numbers.

A learned table carries a `meaning`; the store keeps those of its rows under the meta name "learned" and refuses rows
of another one.
"""

from __future__ import annotations

from state.storage.table import Table

FRESH = (
    "drop what was learned with `riverwalk train --fresh-weights`, which keeps the state, or restore a backup"
)


def meaning(table: Table) -> str:
    """Return what the numbers of a learned table are; empty for a table of state."""
    return str(getattr(table, "meaning", ""))


def meanings(kept: object) -> dict[str, str]:
    """Return the meanings by table that the store keeps, from its meta record."""
    return kept if isinstance(kept, dict) else {}


def refusal(table: Table, found: str | None) -> str:
    """Return why rows of the meaning `found` (None: not recorded) are not read into a table; empty when they are."""
    wanted = meaning(table)
    if not wanted or found in (wanted, *getattr(table, "former", ())):
        return ""
    return (
        f"the learned table {table.name} holds {found or 'rows of no recorded shape'}, this program reads "
        f"{wanted}; go back to the settings and version it was learned with, or {FRESH}"
    )
