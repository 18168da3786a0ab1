"""The store on disk: changed rows and the offsets they came from, in one atomic write.

    group  | table name                  | rows in blocks, see `block`
    group  | names' kind, ".id"          | names in blocks
    key    | "offset" | 0 | topic | 0 | partition     |       value  | crc32          | offset, 8 bytes |
    key    | "meta" | 0 | name                        |       value  | crc32          | JSON |
    key    | "digest" | 0 | group                     |       value  | crc32          | see `ledger`, `block` |

A load compares each group of keys with its digest, see `ledger` and `group`: a store that lost records, or holds records
of two ages, is refused.

Learned rows are numbers that a program of other sizes, or with other features, would read wrongly: see `meaning`.

A save has two halves.  `snapshot` copies what changed at one moment, in the thread that changes the tables; `write`
writes it, in any thread: all rows that changed, the names that came and the offset of the event after them count
together or not at all, so that a process killed anywhere starts again from a whole save.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import numpy as np

from state.error import BadStore
from state.storage import crash, migration
from state.storage.database import MEND, Database, other_format
from state.storage.group import Groups, Writing
from state.storage.ids import Ids
from state.storage.ledger import PLAIN, Ledger, group_of
from state.storage.schema import FRESH, meaning, meanings, refusal
from state.storage.snapshot import Snapshot, take
from state.storage.table import Table

FORMAT = 4


class Store:
    """The database of one state folder.  One thread changes the tables and takes snapshots, any may write them.

    Args:
        folder: The database's own folder; made when missing.
        sync: Whether every write waits for the disk.

    Raises:
        BadStore: The folder holds another format, or cannot be opened.
    """

    def __init__(self, folder: Path, *, sync: bool = True) -> None:
        self.folder, self.sync = folder, sync
        self.loaded = False  # whether names in memory are on the disk
        self.base = Database(folder, FORMAT, (migration.FROM,))
        self.ledger = Ledger(self.base)
        self.groups = Groups(self.base, self.ledger)
        self._room: dict[str, np.ndarray] = {}
        try:
            self._check_format()
        except BadStore:
            self.base.shut()  # whoever can read it may open it at once
            raise

    def reopen(self) -> None:
        """Open the database again: after a write failed RocksDB takes no more.

        Raises:
            BadStore: It cannot be opened.
        """
        with self.groups.lock, self.ledger.lock:
            self.base.reopen()
            self.groups.forget()

    def _check_format(self) -> None:
        found = self.meta("format")
        if found is None and not self.base.fresh:
            raise BadStore(f"{self.folder}: the store is damaged (what it held is gone); {MEND}")
        if found is None:
            self.ledger.begin()
            self.note("format", FORMAT)
        elif found == migration.FROM:
            migration.migrate(self.base, self.ledger, self.groups, FORMAT)
        elif found != FORMAT:
            raise other_format(self.folder, found, FORMAT)
        self.base.made()

    def _check_meaning(self, tables: Iterable[Table]) -> None:
        kept = meanings(self.meta("learned"))
        self.ledger.mends = {name.encode(): FRESH for name in (*kept, "learned")}
        for table in tables:
            if meaning(table):
                self.ledger.mends[table.name.encode()] = FRESH
            why = refusal(table, kept.get(table.name))
            if why and (table.name in kept or self.count(table.name)):
                raise BadStore(f"{self.folder}: {why}")

    def meta(self, name: str) -> object:
        """Return a fact kept beside the tables, None when missing."""
        found = self.ledger.get(b"meta\0" + name.encode())
        return None if found is None else json.loads(found)

    def note(self, name: str, fact: object) -> None:
        """Keep a fact beside the tables; raises BadStore where it cannot be written."""
        self.ledger.write({b"meta\0" + name.encode(): json.dumps(fact).encode()}, self.sync)

    def put(self, records: Mapping[bytes, bytes | None]) -> None:
        """Write records by key, None removes one; the disk is not waited for.

        Raises:
            BadStore: They cannot be written.
        """
        self.ledger.write(records, False)

    def offsets(self, topic: str, kind: str = "offset") -> dict[int, int]:
        """Return the next offset to read of each partition of `topic`."""
        prefix = kind.encode() + b"\0" + topic.encode() + b"\0"
        return {
            int.from_bytes(key[len(prefix) :], "big"): int.from_bytes(data, "little")
            for key, data in self.ledger.scan(prefix)
        }

    def count(self, group: str) -> int:
        """Return how many rows of a table, or names, are saved."""
        return self.groups.digest(group.encode())[3]

    def load(self, tables: Iterable[Table], names: Iterable[Ids]) -> None:
        """Fill tables and names from the last save.

        Raises:
            BadStore: A row is corrupt, of another width or of another meaning.
        """
        tables = list(tables)
        self._check_meaning(tables)
        with self.groups.lock:
            for ids in names:
                self.groups.fill_names(ids)
            for table in tables:
                self.groups.fill(table)
            self.groups.check()
        self.loaded = True

    def snapshot(
        self,
        tables: Iterable[Table],
        names: Mapping[Ids, int],
        offsets: Mapping[str, Mapping[int, int]],
        *,
        kind: str = "offset",
        more: Mapping[bytes, bytes | None] | None = None,
    ) -> Snapshot:
        """Copy changed rows, names added since row `names[ids]`, and the offsets of topics, as of now.

        A snapshot is written, or undone, before another one of the same tables is taken.

        Args:
            more: Other records by key; None removes one, or a row of a table.
        """
        records = dict(more or {})
        for topic, ends in offsets.items():
            prefix = kind.encode() + b"\0" + topic.encode() + b"\0"
            for partition, offset in ends.items():
                records[prefix + partition.to_bytes(4, "big")] = offset.to_bytes(8, "little")
        return take(tables, names, records, self._room)

    def write(
        self, snapshot: Snapshot, *, wait: bool | None = None, turn: Callable[[], object] = bool
    ) -> int:
        """Write a snapshot; return the rows written.

        Args:
            wait: Until it is on the disk; left out, as the store does.
            turn: Called before each block, to wait for another thread that has more to do with the interpreter.

        Raises:
            BadStore: The disk is full or failing, or a number is not finite; nothing of it is there.
        """
        crash.point("snapshot")
        wait = self.sync if wait is None else wait
        snapshot.check(str(self.folder))
        records = {key: data for key, data in snapshot.records.items() if group_of(key) in PLAIN}
        with self.groups.lock:
            try:
                writing = Writing(self.groups, turn, wait)
                for name, parts in chain(snapshot.groups(), self.groups.removed(snapshot.records)):
                    writing.put(name, parts)
                crash.point("save")
                writing.commit(records)
            except BadStore:
                self.groups.forget()
                raise
        if wait:
            self.base.sync()
        crash.point("saved")
        return snapshot.rows

    def save(
        self,
        tables: Iterable[Table],
        names: Mapping[Ids, int],
        topic: str,
        offsets: Mapping[int, int],
        *,
        kind: str = "offset",
        more: Mapping[bytes, bytes | None] | None = None,
    ) -> int:
        """Take a snapshot and write it at once; return the rows written.

        Raises:
            BadStore: See `write`; everything is marked as changed again.
        """
        snapshot = self.snapshot(tables, names, {topic: offsets}, kind=kind, more=more)
        try:
            return self.write(snapshot)
        except BadStore:
            snapshot.undo()
            raise

    def save_slowly(
        self,
        tables: Iterable[Table],
        topic: str,
        offsets: Mapping[int, int],
        *,
        more: Mapping[bytes, bytes | None] | None = None,
    ) -> int:
        """Write changed learned rows, in the thread that changes them, with the offsets that were learned.

        Raises:
            BadStore: See `save`.
        """
        tables = list(tables)
        now = {table.name: meaning(table) for table in tables}
        if meanings(self.meta("learned")) != now:
            self.note("learned", now)
        return self.save(tables, {}, topic, offsets, kind="learned", more=more)

    def forget_learned(self, names: Iterable[str], facts: Iterable[str] = ()) -> None:
        """Drop the rows of learned tables, of these names and of those the store knows of, and facts; state stays."""
        gone = [name.encode() for name in {*names, *meanings(self.meta("learned")), "learned"}]
        with self.groups.lock, self.ledger.lock:
            batch = self.base.batch()
            self.ledger.drop(batch, gone)
            self.ledger.put(batch, {b"meta\0" + fact.encode(): None for fact in ("learned", *facts)})
            self.ledger.commit(batch)
            for name in gone:
                self.groups.known.pop(name, None)
        self.base.sync()

    def scrub(self, keys: Iterable[bytes], whole: bool = False) -> None:
        """Have what was saved before of some rows leave the files, which takes a while.

        Args:
            keys: | group | 0 | row, 4 bytes |, or | group | 0 | for all rows of a group; b"" for everything.
            whole: See `Database.compact`.

        Raises:
            BadStore: It cannot be done.
        """
        rows = dict[bytes, list[int] | None]()
        for key in keys:
            name, _, row = key.partition(b"\0")
            known = rows.setdefault(name, [])
            if row and known is not None:
                known.append(int.from_bytes(row, "big"))
            else:
                rows[name] = None
        for name, some in rows.items():
            for one in [name] if name else sorted(self.groups.names()):
                self.groups.renew(one, None if some is None else np.array(some, np.int64))
        self.base.compact([name + b"\0" if name else name for name in rows], whole)

    def records(self, prefix: bytes) -> dict[bytes, bytes]:
        """Return the records whose keys begin with `prefix`, of a table or of names one a row."""
        name, end, _ = prefix.partition(b"\0")
        if not end or name in PLAIN:
            return dict(self.ledger.scan(prefix))
        return {key: data for key, data in self.groups.records(name) if key.startswith(prefix)}

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield everything that is kept, row by row, for comparing two stores."""
        for name in sorted({*PLAIN, *self.groups.names()}):
            yield from self.ledger.scan(name + b"\0") if name in PLAIN else self.groups.records(name)

    def checkpoint(self, folder: Path) -> None:
        """Write the store as it is now to a folder that is not there yet, while it goes on.

        Raises:
            BadStore: It cannot be written.
        """
        self.base.checkpoint(folder)

    def flush(self) -> None:
        """Wait until everything written is on the disk."""
        self.base.sync()

    def close(self) -> None:
        """Save what RocksDB holds in memory and close the folder."""
        self.base.close()
