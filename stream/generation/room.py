"""Room in shared memory: reserved before rows are used, because a write into full shared memory ends its process.

A table is a sparse file as large as its ceiling, so that the file system promises more than it has.  The writer has
memory for all rows that a batch may use before it applies the first event of it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from state.error import NoMemory
from state.storage.ids import RING, Ids
from state.storage.table import Table
from stream.generation.generation import Generation
from stream.generation.learned import shapes

MOVES = 2  # changes of names that an event may make: its user forgotten, a free row reused
DESCRIBED = 1 << 13  # bytes that describing an item may take: a page of metadata and of what stands beside it


class Budget(NamedTuple):
    """Bytes of shared memory.

    free: Of the file system of the tables.
    most: All rows up to the ceilings.
    user, item: A row of each, with all that is kept of it: of a user one block of the seen list and one of the history.
    """

    free: int
    most: int
    user: int
    item: int


def free(generation: Generation) -> int:
    """Return the bytes that are free where the tables lie."""
    assert generation.live is not None
    room = os.statvfs(generation.live)
    return room.f_bavail * room.f_frsize


def tables(generation: Generation, kind: str) -> list[Table]:
    """Return the counted tables that have a row in use for each user, or for each item."""
    world, metadata = generation.world, generation.metadata
    if kind == "user":
        found = [world.users, generation.users.span]
    else:
        found = [world.items, world.edges, generation.items.span, metadata.known, metadata.hiding]
    return found


def learned_bytes(generation: Generation, kind: str) -> int:
    """Return the bytes of what is learned of a user, or of an item."""
    if kind == "user" and not generation.tgn.node_memory:
        return 0
    return sum(
        dtype.itemsize * math.prod(shape)
        for name, (of, dtype, shape) in shapes(generation.tgn, generation.slow).items()
        if of == kind and not name.endswith("_column")
    )


def reserve(generation: Generation, users: Iterable[str], items: Iterable[str], events: int) -> None:
    """Have memory for what these names, with so many events, may write.

    Raises:
        NoMemory: There is none for all of it; nothing was changed.
    """
    if generation.live is None:
        return
    for kind, ids, names in (("user", generation.users, users), ("item", generation.items, items)):
        new = set(names).difference(ids.row)
        ids.heap.reserve(ids.end + sum(len(name.encode()) for name in new))
        ids.change.reserve(_changes(ids, len(new), events))
        for table in tables(generation, kind):
            table.reserve(len(ids) + len(new))
    world = generation.world
    known = world.state.world[0]
    world.seen.reserve(1 + int(known["blocks"]) + events)
    world.history.reserve(1 + int(known["overflows"]) + events)
    world.once.reserve(2 + int(world.once.array[0]["t"]) + events)


def reserve_loaded(generation: Generation) -> None:
    """Have memory for all rows of what was loaded, also where nothing is known of them.

    Raises:
        NoMemory: There is none.
    """
    if generation.live is None:
        return
    world = generation.world.state.world[0]
    for kind, ids in (("user", generation.users), ("item", generation.items)):
        for table in tables(generation, kind):
            table.reserve(max(len(ids), int(world[f"{kind}s"])))
    generation.world.seen.reserve(1 + int(world["blocks"]))
    generation.world.history.reserve(1 + int(world["overflows"]))


def reserve_described(generation: Generation, items: Iterable[str], records: int) -> None:
    """Have memory for what so many records may say of these items.

    Raises:
        NoMemory: There is none; nothing was changed.
    """
    if generation.live is None or not records:
        return
    reserve(generation, (), items, records)
    wanted = DESCRIBED * records
    if free(generation) < wanted:
        raise NoMemory(
            f"{generation.live} has {free(generation) >> 10:,} KiB free, {records} records that describe items may need "
            f"{wanted >> 10:,} KiB; make it larger (docker run --shm-size), lower state.max_users or state.max_items, "
            "or name another folder in state.live"
        )


def budget(generation: Generation) -> Budget:
    """Return what the tables may take, and what is free."""
    limits, learned = generation.limits, {kind: learned_bytes(generation, kind) for kind in ("user", "item")}
    world = generation.world
    user = sum(table.row_bytes for table in (*tables(generation, "user"), world.seen, world.history))
    item = sum(table.row_bytes for table in tables(generation, "item"))
    most = sum(table.size for table in _every(generation))
    most += learned["user"] * limits.max_users + learned["item"] * limits.max_items
    return Budget(free(generation), most, user + learned["user"], item + learned["item"])


def saved(generation: Generation, count: Callable[[str], int]) -> int:
    """Return the bytes that loading what is counted takes.

    Args:
        count: The name of a table -> how many of its rows are saved.
    """
    return sum(min(table.size, count(table.name) * table.row_bytes) for table in _every(generation))


def _every(generation: Generation) -> list[Table]:
    names = [
        table for ids in (generation.users, generation.items) for table in (ids.span, ids.heap, ids.change)
    ]
    return [*generation.world.tables, *generation.metadata.tables, *names]


def _changes(ids: Ids, new: int, events: int) -> int:
    """Return how many rows of the table of changes a batch may come to; all where rows may be evicted."""
    if len(ids) + new >= ids.capacity:
        return ids.change.capacity
    return min(ids.change.capacity, RING + int(ids.change.array[0]) % ids.ring + MOVES * events + 1)
