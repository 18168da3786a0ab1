"""The tables of one generation of state, opened together: by the writer in ingest, by readers in serve."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from state.record.former import SHORT_WORLD, shortened
from state.record.layout import (
    BOARD,
    EDGE,
    FOREVER,
    HISTORY,
    INLINE,
    ITEM,
    KINDS,
    LEADER,
    ONCE,
    OVERFLOW,
    PROFILE,
    SEEN,
    TOUCHED,
    USER,
    WORLD,
    Rows,
)
from state.record.setting import GraphSettings
from state.storage.table import Mark, Table

UNMEASURED = 3_600_000.0  # pace in ms until there are events to measure it by
WINDOW = 1 << 20  # ids of events that are remembered
SPARE = 1_000_000  # blocks of seen lists beyond one and a half a user; those never written take no memory


# Columns of `Scratch.acc`: what an item got of one-hop push, of the walks, of what the last users of the same items
# took, of one-hop push from the whole history; and its worth, which is made of these and of boards.
PUSHED, WALKED, PEERS, PUSHED_ALL, WORTH = range(5)


class World:
    """All counted state.

    Args:
        folder: Where table files lie, or None for anonymous memory.
        max_users, max_items: Ceilings, in rows.
        write: Whether this process is the writer.
    """

    def __init__(
        self,
        settings: GraphSettings,
        *,
        folder: Path | None = None,
        max_users: int = 4_000_000,
        max_items: int = 1_000_000,
        write: bool = True,
    ) -> None:
        def table(name: str, dtype: np.dtype, rows: int) -> Table:
            path = folder / f"{name}.table" if folder else None
            return Table(name, dtype, capacity=rows, path=path, write=write)

        self.world = table("world", WORLD, 1)
        self.users = table("user", USER, max_users)
        self.items = table("item", ITEM, max_items)
        self.edges = table("edge", EDGE, max_items)
        self.seen = table("seen", SEEN, 1 + max_users + max_users // 2 + SPARE)
        blocks = max_users * (HISTORY // INLINE - 1)  # as many as there can be, so that none is ever missing
        self.history = table("history", OVERFLOW, 1 + blocks)
        self.boards = table("board", LEADER, 4)
        self.once = table("once", ONCE, 1 + WINDOW)
        self.users.earlier[PROFILE.itemsize] = self._shorten
        self.world.earlier[SHORT_WORLD] = self._lengthen
        self.tables = [
            self.world, self.users, self.items, self.edges, self.seen, self.history, self.boards, self.once
        ]  # fmt: skip
        self.state = State(
            self.world.array,
            self.users.array,
            self.items.array,
            self.edges.array,
            self.seen.array,
            self.history.array,
            self.boards.array,
            settings.rates(),
            np.zeros(2, PROFILE),
            np.zeros(0, np.int64),
            np.zeros(0, np.int32),
        )
        if write:
            self.world.array["pace"] = settings.decay.pace_seconds * 1_000 or UNMEASURED
            self.marks = Marks(
                self.users.marks, self.items.marks, self.edges.marks, self.seen.marks, self.history.marks,
                self.boards.marks,
            )  # fmt: skip

    def _lengthen(self, rows: np.ndarray, data: np.ndarray) -> None:
        """Take a row of the world from a store of format 3."""
        self.world.bytes[rows, :SHORT_WORLD] = data
        self.world.touch(rows)

    def _shorten(self, rows: np.ndarray, data: np.ndarray) -> None:
        """Take rows of users from a store of format 3; the world's row is there."""
        world = self.world.array[0]
        first = 1 + int(world["overflows"])
        users, blocks = shortened(data.view(PROFILE)[:, 0], rows, first)
        numbers = np.arange(first, first + blocks.shape[0])
        for table, where, values in ((self.users, rows, users), (self.history, numbers, blocks)):
            table.hold(where)
            table.array[where] = values
            table.touch(where)
        world["overflows"] += blocks.shape[0]
        self.world.touch(np.zeros(1, np.int32))

    def scratch(self) -> Scratch:
        """Return room for one request at a time."""
        n = self.items.capacity
        return Scratch(
            np.zeros(n, np.int32),
            np.zeros(n, np.uint8),
            np.zeros(n, np.uint16),
            np.zeros(TOUCHED, np.int32),
            np.zeros((TOUCHED, WORTH + 1), np.float32),
            np.zeros(BOARD, np.int32),
            np.zeros(BOARD, np.float32),
            np.zeros(1, np.int64),
            np.zeros(65_536, np.int32),
            np.zeros(1, np.int64),
            np.zeros(n, np.uint8),
            np.full(KINDS, FOREVER, np.int64),
        )


class State(NamedTuple):
    """Everything the kernels read, by table."""

    world: Rows  # WORLD [1]
    users: Rows
    items: Rows
    edges: Rows
    seen: Rows
    history: Rows  # OVERFLOW
    boards: Rows  # LEADER [4]
    rates: Rows  # RATES [1]
    profile: Rows  # PROFILE [2], this process's own: GUEST and OPENED, see `state.counter.history`
    trust_at: np.ndarray  # int64 [users + 1] or [0], see `state.graph.trust`
    trusted: np.ndarray  # int32 [e]


class Marks(NamedTuple):
    users: Mark
    items: Mark
    edges: Mark
    seen: Mark
    history: Mark
    boards: Mark


class Scratch(NamedTuple):
    """Room for one request: arrays over all items that are zero between requests."""

    where: np.ndarray  # int32 [items], candidate number + 1
    seen: np.ndarray  # uint8 [items], seen by the user: REPEATABLE, or KEPT_OUT where the seen rules say so
    found: np.ndarray  # uint16 [items], 1 + the number among those touched
    touched: np.ndarray  # int32 [TOUCHED]
    acc: np.ndarray  # float32 [TOUCHED, WORTH + 1]
    pick: np.ndarray  # int32 [BOARD]
    weight: np.ndarray  # float32 [BOARD]
    touched_n: np.ndarray  # int64 [1]
    flagged: np.ndarray  # int32 [many], items flagged in `seen`
    flagged_n: np.ndarray  # int64 [1]
    barred: np.ndarray  # uint8 [items], may be no candidate; whoever sets it clears it
    ttl: (
        np.ndarray
    )  # int64 [KINDS], ms an event of each kind keeps its item out; FOREVER, or 0 for not at all
