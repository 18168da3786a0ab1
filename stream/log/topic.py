"""Topics of the log: their partitions, their identity, and where each partition begins and ends."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from stream.error import BadSource
from stream.log.database import ANEW, Database, create

WAIT_S = 2.5  # for other writers


class Topic(NamedTuple):
    """A topic: its number in the file, its identity, whether only the newest record of a key is kept, how many partitions it has."""

    number: int
    id: str
    compact: bool
    partitions: int


class Bound(NamedTuple):
    """The offset of the first record a partition holds, and of the one that comes after its last."""

    low: int
    high: int


def table(topic: int, partition: int) -> str:
    """Return the name of the table that holds a partition: appending to the end of a table of its own costs the same at any size."""
    return f"record_{topic}_{partition}"


def ready(folder: str | Path) -> bool:
    """Whether a log of events is there and can be read."""
    with suppress(BadSource):
        Database(Path(folder)).close()
        return True
    return False


def ensure_topic(folder: str | Path, topic: str, partitions: int = 1, *, compact: bool = False) -> int:
    """Make a topic, and the log, where there is none; return how many partitions the topic has.

    Args:
        compact: Keep only the newest record of each key.

    Raises:
        BadSource: The folder or the file cannot be used.
    """
    create(Path(folder))
    database = Database(Path(folder))
    try:
        found = find(database, topic)
        if found is not None:
            return found.partitions
        with database.writing(WAIT_S) as connection:
            found = find(database, topic)
            if found is not None:
                return found.partitions
            (last,) = connection.execute("SELECT coalesce(max(topic), 0) FROM topic").fetchone()
            _put(database, topic, Topic(last + 1, secrets.token_hex(8), compact, partitions))
            for partition in range(partitions):
                _add(database, last + 1, partition, compact)
        return partitions
    finally:
        database.close()


def add_partitions(folder: str | Path, topic: str, partitions: int) -> None:
    """Give a topic more partitions, up to this number."""
    database = Database(Path(folder))
    try:
        with database.writing(WAIT_S):
            found = find(database, topic)
            if found is None:
                raise BadSource(f"{database.path}: topic {topic} is not there")
            for partition in range(found.partitions, partitions):
                _add(database, found.number, partition, found.compact)
            _put(database, topic, found._replace(partitions=max(partitions, found.partitions)))
    finally:
        database.close()


def topic_id(folder: str | Path, topic: str) -> str:
    """Return which topic it is: another one when it, or the log, was made anew."""
    database = Database(Path(folder))
    try:
        return f"log/{existing(database, topic).id}"
    finally:
        database.close()


def committed(folder: str | Path, topic: str, group: str) -> dict[int, int]:
    """Return the next offset of each partition that a group has said it reads."""
    database = Database(Path(folder))
    try:
        with database.named():
            return dict(
                database.connection.execute(
                    "SELECT partition, offset FROM committed JOIN topic USING (topic) WHERE name = ? AND reader = ?",
                    (topic, group),
                )
            )
    finally:
        database.close()


def find(database: Database, topic: str) -> Topic | None:
    """Return a topic by its name."""
    with database.named():
        rows = database.connection.execute(
            "SELECT name, checksum, topic, id, compact, partitions FROM topic"
        ).fetchall()
    topics: dict[str, Topic] = {}
    for name, mark, number, code, compact, partitions in rows:
        topics[name] = Topic(number, code, bool(compact), partitions)
        if _checksum(name, topics[name]) != mark:
            raise BadSource(
                f"{database.path}: the log is damaged (topic {name!r} has another checksum); {ANEW}"
            )
    return topics.get(topic)


def existing(database: Database, topic: str) -> Topic:
    """Return a topic by its name, or raise BadSource where there is none."""
    found = find(database, topic)
    if found is None:
        raise BadSource(
            f"{database.path}: topic {topic} cannot be read (there is none); make it, or correct kafka.topic"
        )
    return found


def present(database: Database, topic: Topic) -> str:
    """Return the identity of the topic that has this one's number, empty where there is none."""
    row = database.connection.execute("SELECT id FROM topic WHERE topic = ?", (topic.number,)).fetchone()
    return "" if row is None else str(row[0])


def bounds(database: Database, topic: Topic) -> dict[int, Bound]:
    """Return where each partition begins and ends, also of those that were added since."""
    rows = database.connection.execute(
        "SELECT partition, low, high FROM partition WHERE topic = ? ORDER BY partition", (topic.number,)
    )
    return {partition: Bound(low, high) for partition, low, high in rows.fetchall()}


def check(database: Database, topic: Topic, ends: Mapping[int, Bound]) -> None:
    """Raise BadSource when a partition's first and last records are not where it says.  Call it inside a transaction."""
    if not set(range(topic.partitions)) <= ends.keys():
        raise BadSource(
            f"{database.path}: the log is damaged (a partition of topic {topic.number} is missing); {ANEW}"
        )
    for partition, (low, high) in ends.items():
        name = table(topic.number, partition)
        first, last = database.connection.execute(
            f"SELECT (SELECT min(offset) FROM {name}), (SELECT max(offset) FROM {name})"
        ).fetchone()
        if (
            (first is None and low != high)
            or (last is not None and last != high - 1)
            or (first is not None and first != low and not topic.compact)
        ):
            raise BadSource(
                f"{database.path}: the log is damaged (partition {partition} is to hold offsets from {low} to before {high}, "
                f"and holds {first} to {last}); {ANEW}"
            )


def _put(database: Database, name: str, topic: Topic) -> None:
    database.connection.execute(
        "INSERT OR REPLACE INTO topic (name, checksum, topic, id, compact, partitions) VALUES (?, ?, ?, ?, ?, ?)",
        (name, _checksum(name, topic), *topic),
    )


def _checksum(name: str, topic: Topic) -> int:
    return crc32(repr((name, *topic)).encode())


def _add(database: Database, topic: int, partition: int, compact: bool) -> None:
    name, connection = table(topic, partition), database.connection
    connection.execute(
        f"CREATE TABLE {name} (offset INTEGER PRIMARY KEY, ms INTEGER NOT NULL, key BLOB, value BLOB NOT NULL, "
        "headers BLOB NOT NULL, checksum INTEGER NOT NULL)"
    )
    if compact:
        connection.execute(f"CREATE INDEX {name}_key ON {name} (key)")
    connection.execute("INSERT INTO partition VALUES (?, ?, 0, 0, 0)", (topic, partition))
