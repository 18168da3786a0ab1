"""Groups of rows: tables and names, read from their blocks and compared with their digests.

A save writes its blocks in pieces, so that no single write is long, and then, in one batch, the digests, the records
and the removal of blocks that are stale: this last batch is the save.  Blocks from the next number of their group's
digest on are of a save that did not come so far, and are removed when the group is read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from state.error import BadStore
from state.storage import crash
from state.storage.block import DIGEST as FIELDS
from state.storage.block import KEY, NAMES, Blocks, Rows, decode, texts, unpacked
from state.storage.database import Database
from state.storage.ids import Ids
from state.storage.ledger import DIGEST, PLAIN, Ledger, group_of, seal
from state.storage.table import Table

PIECE = 1 << 16  # bytes written at a time: RocksDB holds up all other threads meanwhile
AWAITED = 1 << 19  # bytes the disk is waited for at a time, see `database.MEMTABLE`
RENEWED = 4 << 20  # bytes of blocks that are written anew at a time when old bytes are to leave the files


class Groups:
    """The groups of a database that are rows in blocks.  Who reads or writes them holds `lock`."""

    def __init__(self, base: Database, ledger: Ledger) -> None:
        self.base, self.ledger, self.lock = base, ledger, threading.RLock()
        self.known: dict[bytes, Blocks] = {}  # those that were read or written

    def index(self, name: bytes) -> Blocks:
        """Return where the rows of a group are.

        Raises:
            BadStore: See `read`.
        """
        if name not in self.known:
            for _ in self.read(name):
                pass
        return self.known[name]

    def digest(self, name: bytes) -> tuple[int, ...]:
        """Return the digest of a group: blocks, their sum, the next number, rows, the highest row plus 1; zeros for none."""
        kept = self.ledger.get(DIGEST + name)
        found = bytes(FIELDS.size) if kept is None else kept
        if len(found) != FIELDS.size:
            raise self.ledger.mismatch(name, 0, 0)
        return FIELDS.unpack(found)

    def read(self, name: bytes) -> Iterator[Rows]:
        """Yield the rows of a group block by block, later ones over earlier ones, and then compare them with their digest.

        Raises:
            BadStore: A block is corrupt, or they do not fit it.
        """
        blocks, rest = Blocks(name), list[bytes]()
        count, total, following, _, _ = self.digest(name)
        blocks.fresh = self.base.get(DIGEST + name) is None
        for key, value in self.base.scan(name + KEY):
            number = int.from_bytes(key[-8:], "big")
            if number >= following and not blocks.fresh:
                rest.append(key)
                continue
            found = self._decoded(key, value)
            if int(found.row.min()) < 0 or int(found.row.max()) >= 2**31 - 1:
                raise self.ledger.mismatch(name, blocks.count, count)
            blocks.take(number, int.from_bytes(value[:4], "little"), found.row.astype(np.int32))
            blocks.width = max(blocks.width, found.data.shape[1])
            yield found
        blocks.settle()
        blocks.next = following
        there = FIELDS.unpack(blocks.digest())
        if there[:2] != (count, total):
            raise self.ledger.mismatch(name, there[0], count)
        self._remove(rest)
        self.known.setdefault(name, blocks)

    def rows(self, key: bytes) -> Rows:
        """Return the rows of a block.

        Raises:
            BadStore: It is missing or corrupt.
        """
        value = self.base.get(key)
        if value is None:
            raise self.ledger.mismatch(key.partition(b"\0")[0], 0, 1)
        return self._decoded(key, value)

    def _decoded(self, key: bytes, value: bytes) -> Rows:
        try:
            return decode(self.ledger.unseal(key, value))
        except ValueError as exc:
            name = key.partition(b"\0")[0]
            raise BadStore(
                f"{self.base.folder}: the record {key!r} is corrupt ({exc}); {self.ledger.mend(name)}"
            ) from exc

    def _remove(self, keys: list[bytes]) -> None:
        """Remove what a save wrote that did not come to its end."""
        if keys:
            batch = self.base.batch()
            for key in keys:
                batch.delete(key)
            self.base.write(batch, False)

    def fill(self, table: Table) -> None:
        """Write the rows of a group into its table.

        Raises:
            BadStore: A row of another width, or above the ceiling; see also `read`.
            NoMemory: There is none left for them.
        """
        name = table.name.encode()
        *_, rows, top = self.digest(name)
        dense = 2 * rows >= top
        if dense:
            table.reserve(min(top, table.capacity))
        for row, data in self.read(name):
            known = data.shape[1] == table.row_bytes or data.shape[1] in table.earlier
            if not known or int(row.max()) >= table.capacity:
                bad = int(row.max() if known else row[0])
                raise BadStore(
                    f"{self.base.folder}: {table.name} row {bad} has {data.shape[1]} bytes, this program reads "
                    f"{table.row_bytes} and at most {table.capacity} rows; go back to the settings it was "
                    f"written with, or {self.ledger.mend(name)}"
                )
            if data.shape[1] != table.row_bytes:
                order = np.argsort(row)
                table.earlier[data.shape[1]](row[order].astype(np.int64), data[order])
                continue
            if not dense:
                table.hold(np.sort(row))
            first, last = int(row[0]), int(row[-1])
            if last - first + 1 == row.shape[0] and (row[1:] > row[:-1]).all():
                table.bytes[first : last + 1] = data
            else:
                table.bytes[row] = data

    def fill_names(self, ids: Ids) -> None:
        """Give rows the names that are stored.

        Raises:
            BadStore: A name has two rows; see also `read`.
            NoMemory: There is none left for them.
        """
        name = ids.name.encode() + NAMES
        rows, sizes, parts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [b""]
        for row, data in self.read(name):
            size, text = unpacked(data)
            rows.append(row.astype(np.int64))
            sizes.append(size)
            parts.append(text)
        twice = ids.fill(np.concatenate(rows), np.concatenate(sizes), b"".join(parts))
        if twice:
            raise BadStore(f"{self.base.folder}: {ids.name} {twice!r} has two rows; {self.ledger.mend(name)}")

    def records(self, name: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows of a group that are not zero, each as a record of its own: | group | 0 | row, 4 bytes |, bytes."""
        found = dict[int, bytes]()
        with self.lock:
            for row, data in self.read(name):
                lines = texts(data) if name.endswith(NAMES) else [line.tobytes() for line in data]
                found.update(zip(row.tolist(), lines, strict=True))
        for number in sorted(found):
            if found[number].strip(b"\0"):
                yield name + b"\0" + number.to_bytes(4, "big"), found[number]

    def renew(self, name: bytes, row: np.ndarray | None) -> None:
        """Write the blocks anew that hold stale bytes of these rows, None for any.

        Raises:
            BadStore: They cannot be written.
        """
        left = True
        while left:
            with self.lock:
                try:
                    blocks = self.index(name)
                    found = blocks.stale(row, RENEWED)
                    left = bool(found)
                    if left:
                        writing = Writing(self)
                        writing.add(blocks, blocks.renew(found, self.rows))
                        writing.commit({})
                except BadStore:
                    self.forget()
                    raise

    def forget(self) -> None:
        """Have what is on the disk read again: what is known of it may be ahead of it."""
        self.ledger.digests.clear()
        self.known.clear()

    def names(self) -> set[bytes]:
        """Return the names of all groups."""
        kept = [key[len(DIGEST) :] for key, _ in self.base.scan(DIGEST)]
        return {*kept, *self.base.groups()} - {b"", DIGEST[:-1], *PLAIN}

    def check(self) -> None:
        """Compare every group of the state that was not read yet with its digest.

        Learned groups, which `mends` names, are compared when their tables are loaded.

        Raises:
            BadStore: A group does not fit its digest.
        """
        for name in {*PLAIN} - self.ledger.mends.keys():
            self.ledger.digest(name)
        for name in self.names() - self.ledger.mends.keys():
            self.index(name)

    def removed(self, records: Iterable[bytes]) -> Iterator[tuple[bytes, list[Rows]]]:
        """Yield the rows of tables whose keys are among those of records, group by group, as zeros."""
        rows = dict[bytes, list[int]]()
        for key in records:
            if group_of(key) not in PLAIN:
                rows.setdefault(group_of(key), []).append(int.from_bytes(key[-4:], "big"))
        for name, row in rows.items():
            width = self.index(name).width
            if width:
                yield name, [Rows(np.array(row, np.int32), np.zeros((len(row), width), np.uint8))]


class Writing:
    """A write under way: blocks in pieces, then all that makes them count in one batch.

    Args:
        turn: Called before each block that is read or written.
        wait: Whether to wait for the disk now and then, so that little is left to wait for in the end.
    """

    def __init__(self, groups: Groups, turn: Callable[[], object] = bool, wait: bool = False) -> None:
        self._turn, self._wait = turn, wait
        self._base, self._ledger, self._groups = groups.base, groups.ledger, groups
        self._batch: Any = self._base.batch()
        self._size = self._loose = 0  # bytes in the batch, and of those written that were not waited for
        self._changed = dict[bytes, Blocks]()

    def put(self, name: bytes, parts: Iterable[Rows]) -> None:
        """Write the rows of a group that changed, and some blocks anew where there are too many."""
        blocks = self._groups.index(name)
        before = blocks.next
        self.add(blocks, blocks.write(parts))
        self.add(blocks, blocks.compact(self._rows, before))

    def add(self, blocks: Blocks, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Write blocks."""
        self._changed[blocks.name] = blocks
        for key, value in records:
            if blocks.fresh:  # so that blocks without a digest are known to have lost it
                self._batch.put(DIGEST + blocks.name, seal(bytes(FIELDS.size)))
                blocks.fresh = False
            self._turn()
            self._batch.put(key, value)
            self._size += len(value)
            if self._size > PIECE:
                self._loose += self._size
                enough = self._wait and self._loose >= AWAITED
                self._base.write(self._batch, enough)
                self._batch, self._size = self._base.batch(), 0
                self._loose = 0 if enough else self._loose
                crash.point("piece")

    def _rows(self, key: bytes) -> Rows:
        self._turn()
        return self._groups.rows(key)

    def commit(self, records: Mapping[bytes, bytes | None]) -> None:
        """Make it count, together with records of plain groups."""
        with self._ledger.lock:
            for blocks in self._changed.values():
                end(self._batch, blocks)
            self._ledger.put(self._batch, records)
            self._ledger.commit(self._batch)


def end(batch: Any, blocks: Blocks) -> None:
    """Add the digest of a group, and the removal of its stale blocks, to a batch."""
    for key in blocks.gone:
        batch.delete(key)
    blocks.gone, blocks.fresh = [], False
    batch.put(DIGEST + blocks.name, seal(blocks.digest()))
