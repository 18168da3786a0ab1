"""Row capacity: names get rows, and where none is left, the least used rows are evicted.

    items   when a new one comes and no row is free: about a twentieth of all, those with the smallest decayed counts,
            never one that the items topic describes or hides
    users   likewise those who were silent for longest; and whoever asks to be forgotten

It happens between two events, the same two whatever batches the events come in, so that a replay ends in the same
rows.  What is learned of a row is cleared by the learner, after the events before it; see `stream.learning.job`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from state.counter.eviction import drop_items, drop_users, least, silent
from state.counter.seen import listed
from state.error import NoRoom
from state.record.layout import START
from state.record.tombstone import PREFIX, Tombstones
from state.storage.store import Store
from stream.dead_letter.erasure import Erased
from stream.event.batch import Batch
from stream.event.event import FORGET
from stream.generation.generation import Generation
from stream.lane.job import Gone

SHARE = 20  # one row in so many is evicted at once
STALE, SCRUBBED = "stale", "scrubbed"  # meta names: how many were forgotten; how many of them no file holds


class Run(NamedTuple):
    """Columns of n events in a row between which no row is evicted, by row.

    Shapes:
        - user, item: int32 [n]; t: int64 [n] ms; kind: int8 [n]; value: float32 [n]
        - taken: bool [n], whether it may be learned from; picked: bool [n], whether it is described for the ranker
        - partition: int32 [n]; offset: int64 [n], where it came from
    """

    user: np.ndarray
    item: np.ndarray
    t: np.ndarray
    kind: np.ndarray
    value: np.ndarray
    taken: np.ndarray
    picked: np.ndarray
    partition: np.ndarray
    offset: np.ndarray


class Kept(NamedTuple):
    """What goes into a save beside rows.

    records: All of it by key; then its parts, as `Budget` keeps them.
    """

    records: dict[bytes, bytes | None]
    tombstones: dict[bytes, bytes | None]
    erased: list[bytes]
    number: int


class Budget:
    """Allocate rows to names, and evict, in the writer.

    `gone` are the evicted rows that the learner has not cleared yet, `let_go` counts them by kind for metrics,
    `seconds` is the time it took; who reads them clears them.
    """

    def __init__(self, generation: Generation, store: Store | None) -> None:
        self.generation, self.world, self.store = generation, generation.world, store
        self.kinds = {"item": generation.items, "user": generation.users}
        records = store.records(PREFIX) if store is not None else {}
        salt, forgotten, scrubbed = (store and store.meta(name) for name in ("salt", STALE, SCRUBBED))
        self.tombstones = Tombstones(salt, records)
        self.checked = np.zeros(generation.users.capacity, np.uint8)  # 1: this row's user has no tombstone
        self.gone: Gone = {}
        self.let_go = {"item": 0, "user": 0}
        self.dropped = 0
        self.seconds = 0.0
        self.erased: list[bytes] = []  # keys of rows that held what was known of a forgotten user
        self.stale: list[bytes] = []  # such keys that are saved: the store's files may hold old bytes of them
        self.letters = Erased({}, "")  # of the users that the batch at hand forgets
        self.number: object = forgotten  # tombstones when `stale` was last added to
        if forgotten != scrubbed:
            self.stale = [b"user\0", b"user.id\0", b"seen\0", b"history\0"]

    def runs(
        self, batch: Batch, taken: np.ndarray, picked: np.ndarray, told: Callable[[], object]
    ) -> Iterator[Run]:
        """Yield the events of a batch, to be applied before the next ones are asked for.

        Args:
            taken: bool [n], which events may be learned from.
            picked: bool [n], which of them are described.
            told: Called when rows were evicted, with `gone` filled.

        Raises:
            NoRoom: A ceiling is reached and nothing may be evicted.
        """
        begin = 0
        for stop in (*np.flatnonzero(batch.kind == FORGET).tolist(), batch.size):
            yield from self._roomy(*self._kept(batch, taken, picked, begin, stop), told)
            if stop < batch.size:
                self._forget(batch.user[stop], int(batch.partition[stop]), int(batch.offset[stop]))
                told()
            begin = stop + 1

    def _kept(
        self, batch: Batch, taken: np.ndarray, picked: np.ndarray, begin: int, stop: int
    ) -> tuple[list[str], list[str], Run]:
        """Return the events `begin` to `stop` without those that are older than their user's being forgotten."""
        rows: slice | np.ndarray = slice(begin, stop)
        users, items = batch.user[begin:stop], batch.item[begin:stop]
        if len(self.tombstones) and stop > begin:
            good = self._alive(users, batch.t[begin:stop].tolist())
            rows = begin + np.array(good, np.int64)
            users, items = [users[k] for k in good], [items[k] for k in good]
            self.dropped += stop - begin - len(good)
            self.world.state.world[0]["dropped"] += stop - begin - len(good)
        none = np.zeros(0, np.int32)
        columns = batch.t, batch.kind, batch.value, taken, picked, batch.partition, batch.offset
        return users, items, Run(none, none, *(column[rows] for column in columns))

    def _alive(self, users: list[str], t: list[int]) -> list[int]:
        """Return which events are not older than their user's being forgotten."""
        row, checked, until, good = self.kinds["user"].row, self.checked, self.tombstones.get, []
        for k, user in enumerate(users):
            at = row.get(user)
            if at is None or not checked[at]:
                when = until(user)
                if t[k] <= when:
                    continue
                if at is not None and when < 0:
                    checked[at] = 1
            good.append(k)
        return good

    def _roomy(
        self, users: list[str], items: list[str], run: Run, told: Callable[[], object]
    ) -> Iterator[Run]:
        """Yield events as far as there are rows for their names, make room, and go on."""
        at, size = 0, len(users)
        while at < size:
            user = self.kinds["user"].rows(users[at:])
            end = at + user.shape[0]
            while at < end:
                item = self.kinds["item"].rows(items[at:end])
                stop = at + item.shape[0]
                if stop > at:
                    world = self.world.state.world[0]
                    for name, ids in self.kinds.items():
                        world[f"{name}s"] = max(int(world[f"{name}s"]), len(ids))
                    mine = user[user.shape[0] - (end - at) :][: stop - at]
                    yield Run(mine, item, *(column[at:stop] for column in run[2:]))
                at = stop
                if at < end:
                    self._make_room("item", items[at])
                    told()
            if at < size:
                self._make_room("user", users[at])
                told()

    def item(self, name: str) -> int:
        """Return the row of an item; others are evicted for it where none is free."""
        items = self.kinds["item"]
        while not (rows := items.rows([name])).shape[0]:
            self._make_room("item", name)
        world = self.world.state.world[0]
        world["items"] = max(int(world["items"]), len(items))
        return int(rows[0])

    def _make_room(self, kind: str, name: str) -> None:
        """Evict the least used rows."""
        began = time.perf_counter()
        ids = self.kinds[kind]
        free = ids.span.array[: len(ids)] == 0
        if kind == "item":
            free[START] = True
            free |= self.generation.metadata.known.array[: len(ids)] > 0
        rows = np.flatnonzero(~free)
        if not rows.shape[0]:
            raise NoRoom(
                f"{kind} {name!r} would be number {len(ids.row) + 1}, the ceiling is {ids.capacity}, and every item is "
                f"described or hidden by the items topic, so that none is let go; raise state.max_{kind}s and restart"
            )
        rows = (least if kind == "item" else silent)(self.world, rows, max(1, ids.capacity // SHARE))
        self._release(kind, rows)
        self.world.state.world[0][f"{kind}s_let_go"] += rows.shape[0]
        self.let_go[kind] += rows.shape[0]
        self.seconds += time.perf_counter() - began

    def _release(self, kind: str, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Evict rows; return by table the numbers of the blocks that were erased."""
        blocks: dict[str, np.ndarray] = {}
        if kind == "item":
            drop_items(self.world, rows)
            self.generation.metadata.release(rows)
        else:
            blocks = drop_users(self.world, rows)
            self.checked[rows] = 0
        for row in rows.tolist():
            self.kinds[kind].remove(row)
        before = self.gone.get(kind)
        self.gone[kind] = rows if before is None else np.union1d(before, rows)
        return blocks

    def _forget(self, name: str, partition: int, offset: int) -> None:
        """Remove a user and everything known of them, and write the receipt."""
        began = time.perf_counter()
        generation, world = self.generation, self.world.state.world[0]
        row = generation.users.row.get(name, -1)
        told = {
            "t": int(max(world["t"], world["heard"])),
            "found": 0,
            "history": 0,
            "seen": 0,
            "events": 0,
            "memory": 0,
            "letters": self.letters.letters.get(name, 0),
        }
        if row >= 0:
            user, rows = self.world.state.users[row], np.array([row])
            told |= {"found": 1, "history": int(user["slots"]), "events": int(user["n"])}
            told["seen"] = listed(self.world.state, row)
            told["memory"] = int(generation.knows(row))
            blocks = self._release("user", rows)
            self.gone["forgotten"] = np.union1d(self.gone.get("forgotten", rows), rows)
            world["forgotten"] += 1
            self.erased += [name + row.to_bytes(4, "big") for name in (b"user\0", b"user.id\0")]
            for table, some in blocks.items():
                prefix = table.encode() + b"\0"
                self.erased += [prefix + block.to_bytes(4, "big") for block in some.tolist()]
        self.tombstones.put(name, told["t"])
        generation.receipts.put(partition, offset, beyond=self.letters.beyond, **told)
        self.seconds += time.perf_counter() - began

    def take(self) -> Kept:
        """Return what goes into the next save, which is not kept here any longer."""
        records: dict[bytes, bytes | None] = dict(self.tombstones.unsaved)
        if self.erased:
            records[b"meta\0" + STALE.encode()] = str(self.tombstones.next).encode()
        kept = Kept(records, self.tombstones.unsaved, self.erased, self.tombstones.next)
        self.tombstones.unsaved, self.erased = {}, []
        return kept

    def undo(self, kept: Kept) -> None:
        """Keep again what could not be saved."""
        self.tombstones.unsaved = kept.tombstones | self.tombstones.unsaved
        self.erased = kept.erased + self.erased

    def saved(self, kept: Kept) -> None:
        """Note that it is saved."""
        if kept.erased:
            self.stale.extend(kept.erased)
            self.number = kept.number

    def scrub(self) -> None:
        """Drop from the store's files what was saved of users who were forgotten; any thread may, it takes a while.

        Raises:
            BadStore: It cannot be done now; the next call tries again.
        """
        if self.store is None:
            return
        number, keys = self.number, self.stale[:]
        self.store.scrub(keys)
        del self.stale[: len(keys)]
        self.store.note(SCRUBBED, number)
