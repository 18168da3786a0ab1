"""The store on disk: changed rows and the offsets they came from, in one atomic write.

    key    | table name | 0 | row, 4 bytes big-endian |       value  | crc32, 4 bytes | row |
    key    | names' kind, ".id" | 0 | row             |       value  | crc32          | name |
    key    | "offset" | 0 | topic | 0 | partition     |       value  | crc32          | offset, 8 bytes |
    key    | "meta" | 0 | name                        |       value  | crc32          | JSON |
    key    | "digest" | 0 | group                     |       value  | crc32          | count, sum |

A row of zeros, of which nothing is known, has no key, and neither has a row without a name.
A load compares each group of keys with its digest, see `ledger`: a store that lost records, or holds records of two
ages, is refused.

Learned rows are numbers that a program of other sizes, or with other features, would read wrongly: see `meaning`.

A write holds all rows a batch of events changed, the names it added and the offset of the event after it, so
that a process killed anywhere starts again from a whole batch.  Nothing else in the program knows RocksDB.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from state.error import BadStore
from state.storage import crash
from state.storage.database import MEND, Database
from state.storage.ids import Ids
from state.storage.ledger import DIGEST, ROW, Ledger
from state.storage.loader import fill
from state.storage.schema import FRESH, meaning, meanings, refusal
from state.storage.table import Table

FORMAT = 3
PIECE = 1_024  # learned rows written at a time


class Store:
    """The database of one state folder.

    Args:
        folder: The database's own folder; made when missing.
        sync: Whether every write waits for the disk.

    Raises:
        BadStore: The folder holds another format, or cannot be opened.
    """

    def __init__(self, folder: Path, *, sync: bool = True) -> None:
        self.folder, self.sync = folder, sync
        self.loaded = False  # whether names in memory are on the disk
        self.base = Database(folder, FORMAT)
        self.ledger = Ledger(self.base)
        self._check_format()

    def reopen(self) -> None:
        """Open the database again: after a write failed RocksDB takes no more.

        Raises:
            BadStore: It cannot be opened.
        """
        self.base.reopen()
        self.ledger.digests.clear()

    def _check_format(self) -> None:
        found = self.meta("format")
        if found is None and not self.base.fresh:
            raise BadStore(f"{self.folder}: the store is damaged (what it held is gone); {MEND}")
        if found is None:
            self.ledger.begin()
            self.note("format", FORMAT)
        elif found != FORMAT:
            raise BadStore(f"{self.folder}: format {found}, this program reads {FORMAT}; {MEND}")
        self.base.made()

    def _check_meaning(self, tables: Iterable[Table]) -> None:
        kept = meanings(self.meta("learned"))
        self.ledger.mends = {name.encode(): FRESH for name in (*kept, "learned")}
        for table in tables:
            if meaning(table):
                self.ledger.mends[table.name.encode()] = FRESH
            why = refusal(table, kept.get(table.name))
            learned = why and (
                table.name in kept or next(self.ledger.scan(table.name.encode() + b"\0"), None)
            )
            if learned:
                raise BadStore(f"{self.folder}: {why}")

    def meta(self, name: str) -> object:
        """Return a fact kept beside the tables, None when missing."""
        found = self.ledger.get(b"meta\0" + name.encode())
        return None if found is None else json.loads(found)

    def note(self, name: str, fact: object) -> None:
        """Keep a fact beside the tables; raises BadStore where it cannot be written."""
        batch = self.base.batch()
        self.ledger.put(batch, {b"meta\0" + name.encode(): json.dumps(fact).encode()})
        self.ledger.write(batch, self.sync)

    def put(self, records: Mapping[bytes, bytes | None]) -> None:
        """Write records by key, None removes one; the disk is not waited for.

        Raises:
            BadStore: They cannot be written.
        """
        batch = self.base.batch()
        self.ledger.put(batch, records)
        self.ledger.write(batch, False)

    def offsets(self, topic: str, kind: str = "offset") -> dict[int, int]:
        """Return the next offset to read of each partition of `topic`."""
        prefix = kind.encode() + b"\0" + topic.encode() + b"\0"
        return {
            int.from_bytes(key[len(prefix) :], "big"): int.from_bytes(data, "little")
            for key, data in self.ledger.scan(prefix)
        }

    def count(self, group: str) -> int:
        """Return how many records of a group, such as a table's rows, were saved."""
        kept = self.ledger.get(DIGEST + group.encode())
        return 0 if kept is None else int.from_bytes(kept[:8], "little")

    def load(self, tables: Iterable[Table], names: Iterable[Ids]) -> None:
        """Fill tables and names from the last save.

        Raises:
            BadStore: A row is corrupt, of another width or of another meaning.
        """
        tables = list(tables)
        self._check_meaning(tables)
        for ids in names:
            for key, data in self.ledger.group(ids.name.encode() + b".id"):
                row, text = int.from_bytes(key[-4:], "big"), data.decode()
                ids.put(row, text)
                if ids.row[text] != row:
                    raise BadStore(
                        f"{self.folder}: {ids.name} {text!r} has row {row} and another one; {MEND}"
                    )
        for table in tables:
            mend = FRESH if meaning(table) else MEND
            fill(table, self.ledger.group(table.name.encode()), str(self.folder), mend)
        self.ledger.check()
        self.loaded = True

    def save(
        self,
        tables: Iterable[Table],
        names: dict[Ids, int],
        topic: str,
        offsets: dict[int, int],
        *,
        kind: str = "offset",
        sync: bool | None = None,
        more: Mapping[bytes, bytes | None] | None = None,
    ) -> int:
        """Write changed rows, names added since row `names[ids]`, and offsets, at once; return the rows written.

        Args:
            more: Other records by key; None removes one.

        Raises:
            BadStore: The disk is full or failing; nothing of this save is there.
        """
        batch, count = self.base.batch(), 0
        for table in tables:
            count += self._put(batch, table, np.sort(table.dirty))
        records: dict[bytes, bytes | None] = {}
        for ids, since in names.items():
            prefix = ids.name.encode() + b".id\0"
            for row in chain(sorted(ids.unsaved), range(since, len(ids))):
                records[prefix + row.to_bytes(ROW, "big")] = ids.text[row].encode()
        for partition, offset in offsets.items():
            key = kind.encode() + b"\0" + topic.encode() + b"\0" + partition.to_bytes(4, "big")
            records[key] = offset.to_bytes(8, "little")
        self.ledger.put(batch, records | dict(more or {}))
        crash.point("save")
        self.ledger.write(batch, self.sync if sync is None else sync)
        crash.point("saved")
        for table in tables:
            table.clean()
        for ids in names:
            ids.unsaved.clear()
        return count

    def save_slowly(
        self,
        tables: Iterable[Table],
        topic: str,
        offsets: dict[int, int],
        *,
        more: Mapping[bytes, bytes | None] | None = None,
    ) -> int:
        """Write changed learned rows in pieces, so that nothing else waits long; the offsets come last.

        A process that dies between two pieces has learned rows of two ages, which learning mends.

        Raises:
            BadStore: A piece could not be written.
        """
        tables, count = list(tables), 0
        now = {table.name: meaning(table) for table in tables}
        if meanings(self.meta("learned")) != now:
            self.note("learned", now)
        for table in tables:
            rows = np.sort(table.dirty)
            table.clean()
            for begin in range(0, rows.shape[0], PIECE):
                batch = self.base.batch()
                try:
                    self._put(batch, table, rows[begin : begin + PIECE])
                    self.ledger.write(batch, False)
                    crash.point("learned")
                except BadStore:
                    table.touch(rows[begin:])
                    raise
            count += rows.shape[0]
        return count + self.save([], {}, topic, offsets, kind="learned", more=more)

    def forget_learned(self, names: Iterable[str], facts: Iterable[str] = ()) -> None:
        """Drop the rows of learned tables, of these names and of those the store knows of, and facts; state stays."""
        batch = self.base.batch()
        for name in {*names, *meanings(self.meta("learned")), "learned"}:
            self.ledger.drop(batch, name.encode())
        self.ledger.put(batch, {b"meta\0" + fact.encode(): None for fact in ("learned", *facts)})
        self.ledger.write(batch, True)

    def _put(self, batch: Any, table: Table, rows: np.ndarray) -> int:
        """Add rows of a table to a batch; return how many.

        Raises:
            BadStore: One holds a number that is not finite; nothing must be written.
        """
        if rows.shape[0]:
            broken = table.broken(rows)
            if broken.shape[0]:
                raise BadStore(
                    f"{self.folder}: {table.name} row {broken[0]}: a number is not finite ({broken.shape[0]} rows in all); "
                    "nothing was saved, what was saved before is right: start again, and report it if it comes back"
                )
            self.ledger.put_rows(batch, table.name.encode(), rows, table.bytes[rows])
        return int(rows.shape[0])

    def scrub(self, prefixes: Iterable[bytes]) -> None:
        """Have RocksDB drop what was removed or replaced under these prefixes from its files, which takes a while.

        Raises:
            BadStore: It cannot be done.
        """
        self.base.compact(prefixes)

    def records(self, prefix: bytes) -> dict[bytes, bytes]:
        """Return the records whose keys begin with `prefix`."""
        return dict(self.ledger.scan(prefix))

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """Return every key and its bytes, for comparing two stores."""
        return self.ledger.scan(b"")

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
