"""Read records of a topic of the log.

What other processes append is noticed by the bytes of `log.bell`, looked at each millisecond while records come and each
5 ms otherwise: no writer needs to know its readers.  Rows come as one text built inside
SQLite, since a thread that fetches row by row gives up the interpreter's lock at each of them: beside a busy thread it
reads 1 100 rows/s so, and 240 000 rows/s in one text.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from stream.error import BadSource
from stream.event.batch import Record
from stream.kafka.offset import Place
from stream.log.database import ANEW, Database
from stream.log.record import checksum, unpack
from stream.log.topic import bounds, check, existing, find, present, table

CHUNK, CHUNK_BYTES = 4096, 16 << 20  # rows and bytes read in one piece
POLL_BYTES: Final = 64 << 20  # of one poll, beyond its first piece
SOON_S, LATE_S = 0.001, 0.005  # between two looks while records come, and when none came for `QUIET_S`
QUIET_S: Final = 1.0
LOOK_S: Final = 0.1  # between two questions to SQLite while the bell is still
COMMIT_S: Final = 1.0  # between two notes of how far a reader is
SHORT_S: Final = 0.05  # how long such a note waits for other writers


class Source:
    """Reads the records of a topic, every partition, from given offsets on.  One thread uses it.

    No log, no topic, another topic than it was, damage, or a gap with on_gap="stop" is a BadSource.

    Args:
        folder: Where the log lies; `topic` must exist there.
        offsets: Partition -> next offset to read; a partition left out begins at its earliest record.
        on_gap: What to do when retention has removed the offset that comes next, or the topic was made anew: "stop" or "skip".
        start: Where to begin when `offsets` is empty: "earliest" or "latest".
        group: The name under which `commit` notes how far we are.
        topic_id: The identity of the topic that `offsets` are of; empty where it is not known.
    """

    def __init__(
        self, folder: str | Path, topic: str, offsets: Mapping[int, int], *, on_gap: str = "stop",
        start: str = "earliest", group: str = "riverwalk", topic_id: str = "",
    ) -> None:  # fmt: skip
        self._group, self._database = group, Database(Path(folder))
        self._notes: Database | None = None
        self._unnoted: dict[int, int] = {}
        self._noted_at = self._came_at = -COMMIT_S
        self._bell, self._look_at = b"", 0.0
        self._only: set[int] | None = None
        self._first = 0  # the partition the next poll begins with
        self._name, self._trouble = topic, ""
        self._place = Place(topic, offsets, on_gap=on_gap, start=start, topic_id=topic_id)
        try:
            self._topic = existing(self._database, topic)
            self.topic_id = f"log/{self._topic.id}"
            self.offsets = self._place.offsets(self.topic_id, str(self._database.path))
            with self._database.named():
                self._version = self._database.version()
            with self._database.reading():
                ends = bounds(self._database, self._topic)
                check(self._database, self._topic, ends)
            self.offsets.begin(dict(ends))
            self._behind = self.offsets.lag() > 0
        except BadSource:
            self._database.close()
            raise

    def poll(self, limit: int, wait_s: float) -> list[Record]:
        """Up to `limit` records: those that are there, or the first that come within `wait_s` seconds; in order within a partition."""
        deadline = time.monotonic() + wait_s
        if self._unnoted:
            self._note()
        while True:
            if time.monotonic() < self._look_at and (bell := self._database.bell()) != self._bell:
                self._bell, self._behind = bell, not self._trouble  # what is there is read at once
            else:
                self._look()
            if self._behind and (records := self._read(limit)):
                self._came_at = time.monotonic()
                return records
            now = time.monotonic()
            if now >= deadline:
                return []
            pause = SOON_S if now - self._came_at < QUIET_S else LATE_S
            time.sleep(min(deadline - now, pause))

    def commit(self, ends: Mapping[int, int]) -> None:
        """Note for others (lag tools) how far we are, once a second at most; nothing here relies on it."""
        self._unnoted.update(ends)
        self._note()

    def highs(self) -> dict[int, int]:
        """Partition -> the end of it."""
        self._look()
        return dict(self.offsets.high)

    def lag(self) -> int:
        """How many records wait to be polled, -1 while that is not known."""
        self._look()
        return -1 if self._trouble else self.offsets.lag()

    def trouble(self) -> str:
        """Why the topic cannot be read, and what to do; empty while it can."""
        try:
            self._look()
        except BadSource as exc:
            return str(exc)
        return self._trouble

    def held(self) -> str:
        """Nothing: the log knows no transactions that stay open."""
        return ""

    def waiting(self) -> dict[int, int]:
        """Return partition -> how many records were there at the last look, or poll, and were not polled."""
        high = self.offsets.high
        return {partition: max(0, high[partition] - at) for partition, at in self.offsets.next.items()}

    def only(self, partitions: set[int] | None) -> None:
        """Poll these partitions alone from now on, None for all of them."""
        self._only = partitions

    def close(self) -> None:
        """Close the log."""
        self._noted_at = -COMMIT_S
        self._note()
        if self._notes is not None:
            self._notes.close()
        self._database.close()

    def _look(self) -> None:
        """Learn where partitions end, and which were added, when the log has changed."""
        bell, now = self._database.bell(), time.monotonic()
        if bell == self._bell and now < self._look_at:
            return
        self._bell, self._look_at = bell, now + LOOK_S
        path = self._database.path
        if not path.exists():
            self._trouble = f"{path}: the log is not there any more; put it back, or start Riverwalk again"
            self._behind = False
            return
        with self._database.named():
            self._database.check_file()
            version = self._database.version()
            if version == self._version and not self._trouble:
                return
            ends = bounds(self._database, self._topic) if self._there() else {}
        self._version = version
        for partition, (low, high) in ends.items():
            if partition not in self.offsets.next:
                self.offsets.add(partition, low, high)
            self.offsets.high[partition] = high
        self._behind = not self._trouble and self.offsets.lag() > 0

    def _there(self) -> bool:
        """Whether the topic is there; one that was made anew is a BadSource."""
        path, self._trouble = self._database.path, ""
        if present(self._database, self._topic) == self._topic.id:
            return True
        other = find(self._database, self._name)
        if other is not None:
            self._trouble = self._place.anew(self.topic_id, f"log/{other.id}", str(path))
            raise BadSource(self._trouble)
        self._trouble = (
            f"{path}: topic {self._name} is not there any more; it was deleted: "
            'name another topic with kafka.topic, or set kafka.on_gap = "skip" and start Riverwalk again, which makes it anew'
        )
        return False

    def _read(self, limit: int) -> list[Record]:
        """Return what is there, from each partition in turn."""
        records, size = list[Record](), 0
        with self._database.reading():
            if not self._there():
                self._behind = False
                return []
            ends = bounds(self._database, self._topic)
            self.offsets.high.update(
                (partition, end.high) for partition, end in ends.items() if partition in self.offsets.high
            )
            partitions = sorted(ends)
            self._first = (self._first + 1) % len(partitions)
            for partition in partitions[self._first :] + partitions[: self._first]:
                if partition not in self.offsets.next or (self._only and partition not in self._only):
                    continue
                self.offsets.close_gap(partition, *ends[partition])
                while (
                    self.offsets.next[partition] < ends[partition].high
                    and len(records) < limit
                    and size < POLL_BYTES
                ):
                    piece = self._piece(partition, min(limit - len(records), CHUNK), ends[partition].high)
                    records += piece
                    size += sum(len(record.payload) for record in piece)
        self._behind = self.offsets.lag() > 0
        return records

    def _piece(self, partition: int, limit: int, high: int) -> list[Record]:
        """Return the next rows of a partition, checked, and go on behind them."""
        place, records = self.offsets.next[partition], list[Record]()
        rows = self._rows(partition, place, limit, high)
        for offset, ms, *texts, mark in rows:
            key, value, headers = map(bytes.fromhex, texts)
            if not isinstance(ms, int) or checksum(offset, ms, key, value, headers) != mark:
                raise self._damage(partition, offset, "its bytes are not those that were written")
            if offset != place and not self._topic.compact:
                raise self._damage(partition, place, "it is missing")
            place = offset + 1
            records.append(Record(partition, offset, value, ms, key, unpack(headers) if headers else ()))
        if not rows and place < high:
            if not self._topic.compact:
                raise self._damage(partition, place, "it is missing")
            place = high
        self.offsets.reach(partition, place)
        return records

    def _rows(self, partition: int, place: int, limit: int, high: int) -> list[list[Any]]:
        """Return the next rows, key, value and headers as hexadecimal text; fewer than `limit` where they are large."""
        connection = self._database.connection
        rows = (
            f"FROM (SELECT * FROM {table(self._topic.number, partition)} "
            "WHERE offset >= ? AND offset < ? ORDER BY offset LIMIT ?)"
        )
        while True:
            (size,) = connection.execute(
                f"SELECT coalesce(sum(length(value) + coalesce(length(key), 0) + length(headers)), 0) {rows}",
                (place, high, limit),
            ).fetchone()
            if size <= CHUNK_BYTES or limit == 1:
                break
            limit = max(1, min(limit - 1, limit * CHUNK_BYTES // size))
        (text,) = connection.execute(
            f"SELECT json_group_array(json_array(offset, ms, hex(key), hex(value), hex(headers), checksum)) {rows}",
            (place, high, limit),
        ).fetchone()
        return json.loads(text)

    def _damage(self, partition: int, offset: int, what: str) -> BadSource:
        return BadSource(
            f"{self._database.path}: the log is damaged at partition {partition} offset {offset}: {what}; "
            f"{ANEW}"
        )

    def _note(self) -> None:
        """Write how far we are, unless it was written just now or the log is busy."""
        now = time.monotonic()
        if not self._unnoted or now - self._noted_at < COMMIT_S:
            return
        self._noted_at = now
        with suppress(BadSource):
            if self._notes is None:
                self._notes = Database(self._database.path.parent, synced=False)
            with self._notes.writing(SHORT_S) as connection:
                connection.executemany(
                    "INSERT OR REPLACE INTO committed VALUES (?, ?, ?, ?)",
                    [(self._group, self._topic.number, *end) for end in self._unnoted.items()],
                )
            self._unnoted = {}
