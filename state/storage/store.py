"""The store on disk: changed rows and the offsets they came from, in one atomic write.

RocksDB in raw mode: bytes in, bytes out, nothing is ever unpickled.

    key    | table name | 0 | row, 4 bytes big-endian |       value  | crc32, 4 bytes | row |
    key    | names' kind, ".id" | 0 | row             |       value  | crc32          | name |
    key    | "offset" | 0 | topic | 0 | partition     |       value  | crc32          | offset, 8 bytes |
    key    | "meta" | 0 | name                        |       value  | crc32          | JSON |

A row of zeros, of which nothing is known, has no key, and neither has a row without a name.

Learned rows are numbers that a program of other sizes, or with other features, would read wrongly: see `meaning`.

A write holds all rows a batch of events changed, the names it added and the offset of the event after it, so
that a process killed anywhere starts again from a whole batch.  Nothing else in the program knows RocksDB.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np
from rocksdict import BottommostLevelCompaction, CompactOptions, Options, Rdict, WriteBatch, WriteOptions

from state.error import BadStore
from state.storage.ids import Ids
from state.storage.loader import fill
from state.storage.schema import FRESH, meaning, meanings, refusal
from state.storage.table import Table

FORMAT = 3
PIECE = 1_024  # learned rows written at a time
MEND = "restore a backup or replay the topic into an empty folder"


def _put_or_delete(batch: WriteBatch, key: bytes, data: bytes | None) -> None:
    if data:
        batch.put(key, _seal(data))
    else:
        batch.delete(key)


def _seal(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little") + data


class Store:
    """The database of one state folder.

    Args:
        folder: The database's own folder; made when missing.
        sync: Whether every write waits for the disk.

    Raises:
        BadStore: The folder holds another format, or cannot be opened.
    """

    def __init__(self, folder: Path, *, sync: bool = True) -> None:
        self.folder = folder
        self.loaded = False  # whether names in memory are on the disk
        self._open()
        self.synced, self.loose = WriteOptions(), WriteOptions()
        self.synced.sync = True
        self.sync = sync
        self._check_format()

    def _open(self) -> None:
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_size(24 << 20)
        options.set_max_write_buffer_number(3)
        options.set_max_background_jobs(2)
        options.set_keep_log_file_num(3)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.db = Rdict(str(self.folder), options)
        except Exception as exc:
            raise BadStore(
                f"{self.folder}: cannot be opened ({exc}); is another riverwalk using it?"
            ) from exc

    def reopen(self) -> None:
        """Open the database again: after a write failed RocksDB takes no more.

        Raises:
            BadStore: It cannot be opened.
        """
        self._shut()
        self._open()

    def _shut(self) -> None:
        with suppress(Exception):  # RocksDB reports the failed write again; rows not saved are still marked
            self.db.close()

    def _check_format(self) -> None:
        found = self.meta("format")
        if found is None:
            self.note("format", FORMAT)
        elif found != FORMAT:
            raise BadStore(f"{self.folder}: format {found}, this program reads {FORMAT}; {MEND}")

    def _check_meaning(self, tables: Iterable[Table]) -> None:
        kept = meanings(self.meta("learned"))
        for table in tables:
            why = refusal(table, kept.get(table.name))
            learned = why and (
                table.name in kept or next(self._scan(table.name.encode() + b"\0", FRESH), None)
            )
            if learned:
                raise BadStore(f"{self.folder}: {why}")

    def _unseal(self, key: bytes, value: bytes, mend: str = MEND) -> bytes:
        data = value[4:]
        if zlib.crc32(data).to_bytes(4, "little") != value[:4]:
            raise BadStore(f"{self.folder}: the row {key!r} is corrupt (checksum); {mend}")
        return data

    def meta(self, name: str) -> object:
        """Return a fact kept beside the tables, None when missing."""
        key = b"meta\0" + name.encode()
        value = self.db.get(key)
        return None if value is None else json.loads(self._unseal(key, value))

    def note(self, name: str, fact: object) -> None:
        """Keep a fact beside the tables; raises BadStore where it cannot be written."""
        batch = WriteBatch(raw_mode=True)
        batch.put(b"meta\0" + name.encode(), _seal(json.dumps(fact).encode()))
        self._write(batch, self.sync)

    def _scan(self, prefix: bytes, mend: str = MEND) -> Iterator[tuple[bytes, bytes]]:
        items: Iterator[tuple[bytes, bytes]] = self.db.items(from_key=prefix)  # type: ignore[assignment]
        for key, value in items:
            if not key.startswith(prefix):
                return
            yield key, self._unseal(key, value, mend)

    def offsets(self, topic: str, kind: str = "offset") -> dict[int, int]:
        """Return the next offset to read of each partition of `topic`."""
        prefix = kind.encode() + b"\0" + topic.encode() + b"\0"
        return {
            int.from_bytes(key[len(prefix) :], "big"): int.from_bytes(data, "little")
            for key, data in self._scan(prefix)
        }

    def load(self, tables: Iterable[Table], names: Iterable[Ids]) -> None:
        """Fill tables and names from the last save.

        Raises:
            BadStore: A row is corrupt, of another width or of another meaning.
        """
        tables = list(tables)
        self._check_meaning(tables)
        for ids in names:
            for key, data in self._scan(ids.name.encode() + b".id\0"):
                row, text = int.from_bytes(key[-4:], "big"), data.decode()
                ids.put(row, text)
                if ids.row[text] != row:
                    raise BadStore(
                        f"{self.folder}: {ids.name} {text!r} has row {row} and another one; {MEND}"
                    )
        for table in tables:
            mend = FRESH if meaning(table) else MEND
            fill(table, self._scan(table.name.encode() + b"\0", mend), str(self.folder), mend)
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
        batch = WriteBatch(raw_mode=True)
        count = 0
        for table in tables:
            rows = np.sort(table.dirty)
            self._put(batch, table, rows)
            count += rows.shape[0]
        for ids, since in names.items():
            prefix = ids.name.encode() + b".id\0"
            for row in chain(sorted(ids.unsaved), range(since, len(ids))):
                _put_or_delete(batch, prefix + row.to_bytes(4, "big"), ids.text[row].encode())
        for partition, offset in offsets.items():
            key = kind.encode() + b"\0" + topic.encode() + b"\0" + partition.to_bytes(4, "big")
            batch.put(key, _seal(offset.to_bytes(8, "little")))
        for key, data in (more or {}).items():
            _put_or_delete(batch, key, data)
        self._write(batch, self.sync if sync is None else sync)
        for table in tables:
            table.clean()
        for ids in names:
            ids.unsaved.clear()
        return count

    def save_slowly(self, tables: Iterable[Table], topic: str, offsets: dict[int, int]) -> int:
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
                batch = WriteBatch(raw_mode=True)
                self._put(batch, table, rows[begin : begin + PIECE])
                try:
                    self._write(batch, False)
                except BadStore:
                    table.touch(rows[begin:])
                    raise
            count += rows.shape[0]
        return count + self.save([], {}, topic, offsets, kind="learned")

    def forget_learned(self, names: Iterable[str]) -> None:
        """Drop the rows of learned tables, of these names and of those the store knows of; state stays."""
        batch = WriteBatch(raw_mode=True)
        for name in {*names, *meanings(self.meta("learned")), "learned"}:
            batch.delete_range(name.encode() + b"\0", name.encode() + b"\1")
        batch.delete(b"meta\0learned")
        self._write(batch, True)

    def _write(self, batch: WriteBatch, wait: bool) -> None:
        try:
            self.db.write(batch, write_opt=self.synced if wait else self.loose)
        except Exception as exc:
            raise BadStore(
                f"{self.folder}: a save failed ({exc}); free some disk space, then learning goes on"
            ) from exc

    def _put(self, batch: WriteBatch, table: Table, rows: np.ndarray) -> None:
        """Add rows of a table to a batch."""
        put, crc, empty = batch.put, zlib.crc32, bytes(table.row_bytes)
        prefix, width = table.name.encode() + b"\0", table.row_bytes
        keys = rows.astype(">u4").tobytes()
        data = table.bytes[rows].tobytes()
        for i in range(rows.shape[0]):
            row = data[i * width : i * width + width]
            if row == empty:
                batch.delete(prefix + keys[4 * i : 4 * i + 4])
            else:
                put(prefix + keys[4 * i : 4 * i + 4], crc(row).to_bytes(4, "little") + row)

    def scrub(self, prefixes: Iterable[bytes]) -> None:
        """Have RocksDB drop what was removed or replaced under these prefixes from its files, which takes a while.

        Raises:
            BadStore: It cannot be done.
        """
        options = CompactOptions()
        options.set_bottommost_level_compaction(BottommostLevelCompaction.force())
        try:
            self.db.flush()
            for prefix in prefixes:
                self.db.compact_range(prefix, prefix + b"\xff" * 8, options)
        except Exception as exc:
            raise BadStore(f"{self.folder}: old rows cannot be dropped ({exc})") from exc

    def records(self, prefix: bytes) -> dict[bytes, bytes]:
        """Return the records whose keys begin with `prefix`."""
        return dict(self._scan(prefix))

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """Return every key and its bytes, for comparing two stores."""
        return self._scan(b"")

    def flush(self) -> None:
        """Wait until everything written is on the disk."""
        self.db.flush_wal(True)

    def close(self) -> None:
        """Save what RocksDB holds in memory and close the folder."""
        with suppress(Exception):  # what was saved lies in the log already
            self.db.flush()
        self._shut()
