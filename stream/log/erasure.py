"""Erase records of a topic of the log: their places stay, with a time and headers, and nothing else.

The old bytes are overwritten in the file, and leave the WAL as soon as no reader needs it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from stream.event.batch import Record
from stream.event.message import Headers
from stream.log.database import Database
from stream.log.record import checksum, pack, unpack
from stream.log.topic import WAIT_S, Topic, find, table

ROWS: Final = 500  # erased in one transaction: writers wait for no more
TERMS: Final = 40  # texts one statement looks for
MOST: Final = 200  # texts looked for by SQLite; beyond that, `blank` is asked for every record
TRIES, PAUSE_S = 20, 0.01  # to empty the WAL

Blank = Callable[[Record], Headers | None]


def erase(folder: str | Path, topic: str, texts: Sequence[bytes], blank: Blank) -> None:
    """Erase the records that `blank` says.

    Args:
        texts: What a record to erase holds one of, in its key, value or headers.
        blank: Return the headers a record is to have instead, None where it stays.

    Raises:
        BadSource: The log cannot be read, or is kept by another process for too long.
    """
    database = Database(Path(folder))
    try:
        found = find(database, topic)
        if found is None or found.compact:
            return
        with database.named():
            database.connection.execute("PRAGMA secure_delete = ON")
        changed = False
        for partition in range(found.partitions):
            rows = list(_rows(database, found, partition, texts, blank))
            for start in range(0, len(rows), ROWS):
                _write(database, found, partition, rows[start : start + ROWS])
            changed |= bool(rows)
        if changed:
            _empty(database)
    finally:
        database.close()


class _Row(NamedTuple):
    """A record to erase: how many bytes it has, and its headers from now on."""

    offset: int
    ms: int
    size: int
    headers: bytes


def _rows(
    database: Database, topic: Topic, partition: int, texts: Sequence[bytes], blank: Blank
) -> Iterator[_Row]:
    """Yield the records to erase."""
    seen, few = set[int](), len(texts) <= MOST
    for start in range(0, len(texts) if few else 1, TERMS):
        some = texts[start : start + TERMS] if few else ()
        where = " OR ".join(["instr(key, ?) OR instr(value, ?) OR instr(headers, ?)"] * len(some)) or "1"
        with database.reading() as connection:
            for offset, ms, key, value, headers in connection.execute(
                f"SELECT offset, ms, key, value, headers FROM {table(topic.number, partition)} WHERE {where}",
                [text for text in some for _ in range(3)],
            ):
                record = Record(partition, offset, value, ms, key or b"", unpack(headers))
                instead = None if offset in seen else blank(record)
                if instead is not None:
                    seen.add(offset)
                    yield _Row(offset, ms, len(key or b"") + len(value) + len(headers), pack(instead))


def _write(database: Database, topic: Topic, partition: int, rows: Sequence[_Row]) -> None:
    """Replace records, those that retention has not removed meanwhile."""
    less = 0
    with database.writing(WAIT_S) as connection:
        for offset, ms, size, headers in rows:
            done = connection.execute(
                f"UPDATE {table(topic.number, partition)} SET key = NULL, value = x'', headers = ?, checksum = ? "
                "WHERE offset = ?",
                (headers, checksum(offset, ms, b"", b"", headers), offset),
            )
            less += done.rowcount * (size - len(headers))
        connection.execute(
            "UPDATE partition SET bytes = bytes - ? WHERE topic = ? AND partition = ?",
            (less, topic.number, partition),
        )


def _empty(database: Database) -> None:
    """Move the WAL into the file and cut it, unless readers are in the way for long."""
    with database.named():
        database.connection.execute("PRAGMA busy_timeout = 0")
        for _ in range(TRIES):
            (busy, *_rest) = database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return
            time.sleep(PAUSE_S)
