"""Source and Sink on the log: what they do on a broker, and what they do alone."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from stream.error import BadSource
from stream.log.database import Database
from stream.log.retention import trim
from stream.log.sink import Sink
from stream.log.source import Source
from stream.log.topic import add_partitions, committed, ensure_topic, ready, topic_id
from tests.fixture.broker.topic import TopicSuite, read


class TestLog(TopicSuite):
    client = "log"

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        folder = tmp_path / "log"
        ensure_topic(folder, "events")
        return str(folder)

    @pytest.fixture
    def forget(self, address: str) -> Callable[[str], int]:
        def forget(topic: str) -> int:
            self.fill(address, topic, 20)
            size = 32 + len(b"u") + len(b"12")
            assert trim(address, topic, keep_bytes=8 * size) == 12
            return 12

        return forget

    def ensure_topic(self, address: str, topic: str) -> int:
        return ensure_topic(address, topic)

    def source(self, address: str, topic: str, offsets: Mapping[int, int], **options: Any) -> Source:
        return Source(address, topic, offsets, **options)

    def sink(self, address: str, topic: str, **options: Any) -> Sink:
        options.pop("extra", None)
        return Sink(address, topic, **options)

    def committed(self, address: str, topic: str, group: str) -> int:
        return committed(address, topic, group).get(0, -1)

    def test_records_removed_while_reading_stop_the_stream(self, address: str, topic: str) -> None:
        self.fill(address, topic, 20)
        source = self.source(address, topic, {})
        read(source, 2)
        trim(address, topic, keep_bytes=0)

        with pytest.raises(
            BadSource, match="begins at offset 20, the state ends at 2: retention has taken 18"
        ):
            source.poll(10, 0.0)
        source.close()

    def test_records_removed_while_reading_can_be_skipped(self, address: str, topic: str) -> None:
        self.fill(address, topic, 20)
        source = self.source(address, topic, {}, on_gap="skip")
        read(source, 2)
        trim(address, topic, keep_bytes=0)
        self.fill(address, topic, 1, first=20)

        assert read(source, 1)[0].payload == b"20"
        assert source.offsets.gaps == 18
        source.close()

    def test_added_partitions_are_read_from_their_first_record(self, address: str, topic: str) -> None:
        source = self.source(address, topic, {}, start="latest")
        add_partitions(address, topic, 2)
        sink = self.sink(address, topic, partition=1)
        sink.send(b"u", b"new")
        sink.flush()

        assert [(record.partition, record.payload) for record in read(source, 1)] == [(1, b"new")]
        sink.close()
        source.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


def append(folder: Path, topic: str, *records: tuple[bytes | None, bytes]) -> None:
    sink = Sink(folder, topic)
    for key, value in records:
        sink.send(key, value)
    sink.flush()
    sink.close()


def everything(folder: Path, topic: str) -> list[tuple[int, bytes, bytes]]:
    source = Source(folder, topic, {})
    found = []
    while source.lag():
        found += [(record.offset, record.key, record.payload) for record in source.poll(7, 0.0)]
    source.close()
    return found


def test_a_topic_keeps_the_partitions_it_was_made_with(folder: Path) -> None:
    assert ensure_topic(folder, "events", 3) == 3
    assert ensure_topic(folder, "events") == 3


def test_a_log_made_anew_is_another_one(folder: Path, tmp_path: Path) -> None:
    for one in (folder, tmp_path / "other"):
        ensure_topic(one, "events")

    assert topic_id(folder, "events") == topic_id(folder, "events")
    assert topic_id(folder, "events") != topic_id(tmp_path / "other", "events")


def test_only_its_user_reads_the_log(folder: Path) -> None:
    ensure_topic(folder, "events")
    source = Source(folder, "events", {})
    append(folder, "events", (b"u", b"x"))

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "log.db": 0o600,
        "log.db-wal": 0o600,
        "log.db-shm": 0o600,
        "log.bell": 0o600,
    }
    source.close()


def test_a_log_is_ready_once_it_was_made(folder: Path) -> None:
    assert not ready(folder)
    ensure_topic(folder, "events")
    assert ready(folder)


def test_without_a_log_nothing_is_read_or_written(folder: Path) -> None:
    with pytest.raises(BadSource, match=r"no log of events there; `riverwalk serve` makes one"):
        Source(folder, "events", {})
    sink = Sink(folder, "events")
    with pytest.raises(BadSource, match="no log of events there"):
        asyncio.run(sink.publish(b"u", b"x"))
    ensure_topic(folder, "other")
    with pytest.raises(BadSource, match="topic events cannot be written"):
        asyncio.run(sink.publish(b"u", b"x"))
    ensure_topic(folder, "events")
    assert asyncio.run(sink.publish(b"u", b"x")) == (0, 0)
    sink.close()


def test_keys_spread_over_partitions(folder: Path) -> None:
    ensure_topic(folder, "events", 4)
    append(
        folder, "events", *((b"u%d" % number, b"") for number in range(100)), *((None, b"") for _ in range(8))
    )

    source = Source(folder, "events", {})
    counts = source.highs()

    assert sum(counts.values()) == 108
    assert min(counts.values()) > 10
    assert len(source.poll(1000, 0.0)) == 108
    source.close()


def test_a_record_may_stand_beside_those_of_another_key(folder: Path) -> None:
    ensure_topic(folder, "items", 4)
    sink = Sink(folder, "items")
    done: dict[bytes, list[int]] = {}
    for number in range(20):
        key = b"i%d" % number
        places = done.setdefault(key, [])
        sink.send(key, b"{}", lambda partition, offset, places=places: places.append(partition))
        places.append(asyncio.run(sink.publish(b"hide " + key, b"", partition_key=key))[0])
    sink.flush()
    sink.close()

    assert all(first == second for first, second in done.values())
    assert {first for first, _ in done.values()} == {0, 1, 2, 3}


def test_a_compacted_topic_keeps_the_newest_record_of_each_key_at_its_offset(folder: Path) -> None:
    ensure_topic(folder, "items", compact=True)
    append(folder, "items", (b"a", b"1"), (b"b", b"2"), (b"a", b"3"))
    append(folder, "items", (b"c", b"4"), (b"b", b"5"), (b"b", b"6"))

    assert everything(folder, "items") == [(2, b"a", b"3"), (3, b"c", b"4"), (5, b"b", b"6")]


def test_a_reader_of_a_compacted_topic_goes_on_over_what_is_no_longer_there(folder: Path) -> None:
    ensure_topic(folder, "items", compact=True)
    append(folder, "items", (b"a", b"1"), (b"b", b"2"))
    source = Source(folder, "items", {})
    assert [record.payload for record in source.poll(1, 0.0)] == [b"1"]
    append(folder, "items", (b"b", b"3"), (b"a", b"4"))

    assert [(record.offset, record.payload) for record in source.poll(10, 0.0)] == [(2, b"3"), (3, b"4")]
    assert source.lag() == 0
    source.close()


def test_records_older_than_their_age_are_removed_from_the_front(folder: Path) -> None:
    ensure_topic(folder, "events")
    append(folder, "events", *((b"u", b"%d" % number) for number in range(5000)))
    database = Database(folder)
    newest = database.connection.execute("SELECT max(ms) FROM record_1_0").fetchone()[0]
    database.close()

    assert trim(folder, "events", keep_ms=60_000, now_ms=newest + 1000) == 0
    assert trim(folder, "events", keep_ms=60_000, now_ms=newest + 61_000) == 5000
    append(folder, "events", (b"u", b"after"))
    assert Source(folder, "events", {}).poll(10, 0.0)[0][:3] == (0, 5000, b"after")


def test_the_space_of_removed_records_is_used_again(folder: Path) -> None:
    ensure_topic(folder, "events")
    sizes = []
    for _ in range(6):
        append(folder, "events", *((b"u", b"x" * 1000) for _ in range(2000)))
        trim(folder, "events", keep_bytes=1_000_000)
        sizes.append((folder / "log.db").stat().st_size)

    assert sizes[-1] == sizes[1]


def test_a_group_waits_its_turn_and_is_refused_when_that_takes_too_long(folder: Path) -> None:
    ensure_topic(folder, "events")
    other = sqlite3.connect(folder / "log.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    sink = Sink(folder, "events", timeout_s=0.2)

    with pytest.raises(BadSource, match="another process has kept the log for too long"):
        asyncio.run(sink.publish(b"u", b"x"))
    sink.send(b"u", b"y")
    other.execute("COMMIT")
    sink.flush()
    assert everything(folder, "events") == [(0, b"u", b"y")]
    sink.close()
    other.close()


def test_a_closed_sink_takes_nothing(folder: Path) -> None:
    ensure_topic(folder, "events")
    sink = Sink(folder, "events")
    sink.close()

    with pytest.raises(BadSource, match="the log was closed"):
        sink.send(b"u", b"x")


def test_a_caller_that_gave_up_waiting_harms_nobody(folder: Path) -> None:
    ensure_topic(folder, "events")
    sink = Sink(folder, "events")

    async def publish() -> tuple[int, int]:
        task = asyncio.create_task(sink.publish(b"u", b"x"))
        await asyncio.sleep(0)
        task.cancel()
        return await sink.publish(b"u", b"y")

    assert asyncio.run(publish()) == (0, 1)
    sink.close()


def test_large_records_come_in_pieces(folder: Path) -> None:
    ensure_topic(folder, "events")
    values = [b"%d" % number * 900_000 for number in range(9)] * 3
    append(folder, "events", *((b"u", value) for value in values))

    assert [value for _, _, value in everything(folder, "events")] == values


def test_what_was_appended_is_polled_in_few_statements(folder: Path) -> None:
    ensure_topic(folder, "events")
    source = Source(folder, "events", {})
    assert source.poll(10, 0) == []
    append(folder, "events", (b"u", b"1"), (b"u", b"2"))
    statements = list[str]()
    source._database.connection.set_trace_callback(statements.append)

    assert [record.payload for record in source.poll(10, 0)] == [b"1", b"2"]
    assert source.waiting() == {0: 0}
    assert len(statements) <= 6, (
        statements
    )  # each lets the interpreter go: another thread takes it for up to 5 ms
    source.close()
