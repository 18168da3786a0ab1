"""The store of what is learned: its own folder, one writer, beside the store of what is counted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import structlog

from state.storage.schema import meanings
from state.storage.store import Store
from stream.generation.generation import Generation
from stream.generation.learned import Learned
from stream.learning import guard

log = structlog.get_logger()


def open_learned(folder: Path, learned: Learned) -> Store:
    """Open the store and load the learned tables from it.

    Raises:
        BadStore: It is damaged, or was learned with other sizes or features.
    """
    store = Store(folder, sync=False)
    try:
        load(store, learned)
    except BaseException:
        store.close()
        raise
    return store


def load(store: Store, learned: Learned) -> None:
    """Load the learned tables, and the live quality.

    Raises:
        BadStore: They are damaged, or were learned with other sizes or features.
    """
    store.load(learned.tables.values(), [])
    for table in learned.tables.values():
        if table.dropped:
            log.warning(
                "a table begins anew, all else that was learned stays",
                table=table.name,
                stored=table.dropped,
                now=table.meaning,
            )
    guard.restore(learned.quality, store.meta(guard.NAME))


def save(
    store: Store,
    learned: Learned,
    topic: str,
    offsets: Mapping[int, int],
    more: Mapping[bytes, bytes | None] | None = None,
) -> None:
    """Save what was learned, the live quality, and the offsets that were seen of a topic.

    Args:
        more: Other records by key.

    Raises:
        BadStore: It cannot be written.
    """
    records = guard.record(learned.quality) | dict(more or {})
    store.save_slowly(learned.tables.values(), topic, dict(offsets), more=records)


def clear_unnamed(generation: Generation) -> None:
    """Reset what was learned of rows without a name: it is saved on a slower clock, so a crash may have left some.

    Args:
        generation: Its counted tables are loaded from the store.
    """
    for kind, ids in (("item", generation.items), ("user", generation.users)):
        used = ids.span.rows
        for table in generation.nodes[kind]:
            rows = np.flatnonzero(table.bytes[: table.held_rows].any(1))
            bare = rows[(rows >= used) | (ids.span.array[np.minimum(rows, used - 1)] == 0)] if used else rows
            if bare.shape[0] and not table.name.endswith("_column"):
                generation.clear(kind, bare.astype(np.int64))


def move(counted: Path, folder: Path, tables: Callable[[], Learned]) -> None:
    """Move what was learned out of the store of what is counted, where older versions kept it.

    Ended in the middle it is done again: nothing is dropped before all of it is kept.

    Args:
        counted: The store of what is counted, which nobody has open.
        folder: The store of what is learned; where it is there, nothing is done.
        tables: Makes empty tables in memory.

    Raises:
        BadStore: It is damaged, or was learned with other sizes or features.
    """
    if folder.is_dir() or not counted.is_dir():
        return
    part, old = folder.with_name(f"{folder.name}.part"), Store(counted)
    try:
        if meanings(old.meta("learned")):
            shutil.rmtree(part, ignore_errors=True)
            learned = tables()
            load(old, learned)
            for table in learned.tables.values():
                table.touch(np.flatnonzero(table.bytes.any(1)))
            new = Store(part)
            try:
                save(new, learned, "", {})
                new.flush()
            finally:
                new.close()
            old.forget_learned(learned.tables, [guard.NAME])
            old.flush()
    finally:
        old.close()
    if part.is_dir():
        part.rename(folder)
