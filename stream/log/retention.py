"""Remove the oldest records of a log: those older than an age, and those beyond a size."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stream.log.database import Database
from stream.log.group import OVERHEAD_BYTES
from stream.log.topic import WAIT_S, Bound, Topic, bounds, find, table

CHUNK: Final = 2048  # records removed in one transaction: writers wait for no more


def trim(
    folder: str | Path,
    topic: str,
    *,
    keep_ms: int | None = None,
    keep_bytes: int | None = None,
    now_ms: int | None = None,
    until: Mapping[int, int] | None = None,
) -> int:
    """Remove a topic's oldest records; return how many.

    The space is used again by what is appended later.  A compacted topic keeps what it has.

    Args:
        keep_ms: Records older than this go.
        keep_bytes: The oldest go until a partition's keys, values, headers and rows take no more.
        now_ms: The wall clock, left out, now.
        until: Partition -> the offset before which records may go, none of a partition left out; without it read or not.
    """
    database = Database(Path(folder))
    cutoff = (
        None if keep_ms is None else (time.time_ns() // 1_000_000 if now_ms is None else now_ms) - keep_ms
    )
    removed = 0
    try:
        found = find(database, topic)
        if found is None or found.compact:
            return 0
        for partition in range(found.partitions):
            limit = sys.maxsize if until is None else until.get(partition, 0)
            while count := _trim(database, found, partition, limit, cutoff, keep_bytes):
                removed += count
    finally:
        database.close()
    return removed


def _trim(
    database: Database, topic: Topic, partition: int, limit: int, cutoff: int | None, keep_bytes: int | None
) -> int:
    """Remove up to `CHUNK` records of a partition."""
    with database.reading():
        end = bounds(database, topic)[partition]
        if not _count(database, topic, partition, end._replace(high=limit), cutoff, keep_bytes)[0]:
            return 0  # nothing to write: no writer waits
    with database.writing(WAIT_S) as connection:
        end = bounds(database, topic)[partition]
        count, size = _count(database, topic, partition, end._replace(high=limit), cutoff, keep_bytes)
        if count:
            low = end.low + count
            connection.execute(f"DELETE FROM {table(topic.number, partition)} WHERE offset < ?", (low,))
            connection.execute(
                "UPDATE partition SET low = ?, bytes = bytes - ? WHERE topic = ? AND partition = ?",
                (low, size, topic.number, partition),
            )
    return count


def _count(
    database: Database, topic: Topic, partition: int, end: Bound, cutoff: int | None, keep_bytes: int | None
) -> tuple[int, int]:
    """Return how many of a partition's first records, of those inside of `end`, are to go, and their bytes."""
    (total,) = database.connection.execute(
        "SELECT bytes FROM partition WHERE topic = ? AND partition = ?", (topic.number, partition)
    ).fetchone()
    rows = database.connection.execute(
        f"SELECT ms, coalesce(length(key), 0) + length(value) + length(headers) + {OVERHEAD_BYTES} "
        f"FROM {table(topic.number, partition)} WHERE offset >= ? AND offset < ? ORDER BY offset LIMIT {CHUNK}",
        end,
    ).fetchall()
    count = size = 0
    for ms, bytes_ in rows:
        if not (
            (cutoff is not None and ms < cutoff) or (keep_bytes is not None and total - size > keep_bytes)
        ):
            break
        count, size = count + 1, size + bytes_
    return count, size
