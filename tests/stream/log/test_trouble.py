"""What a source of the log tells while its topic cannot be read, and how long a record waits for another process."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stream.error import BadSource
from stream.log.sink import Sink
from stream.log.source import Source
from stream.log.topic import add_partitions, ensure_topic, topic_id

SHOWN_S = 5.0  # within which a fault is to show


def fill(folder: Path, count: int, name: str = "", topic: str = "events", partition: int = 0) -> None:
    sink = Sink(folder, topic, partition=partition)
    for number in range(count):
        sink.send(b"u", f"{name}{number}".encode())
    sink.flush()
    sink.close()


def delete(folder: Path) -> None:
    """Remove the topic and its records, as nothing in Riverwalk does."""
    database = sqlite3.connect(folder / "log.db", isolation_level=None)
    database.execute("DROP TABLE record_1_0")
    for name in ("partition", "topic"):
        database.execute(f"DELETE FROM {name} WHERE topic = 1")
    database.close()


def until(told: Callable[[], object], source: Source) -> None:
    """Poll until it holds; a record that comes meanwhile is an error."""
    limit = time.monotonic() + SHOWN_S
    while not told():
        assert time.monotonic() < limit
        assert source.poll(100, 0.01) == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    ensure_topic(folder, "events")
    fill(folder, 60)
    return folder


@pytest.fixture
def source(folder: Path) -> Iterator[Source]:
    source = Source(folder, "events", {0: 60})
    assert (source.trouble(), source.lag(), source.held()) == ("", 0, "")
    yield source
    source.close()


def test_a_log_that_is_gone_is_told_and_reading_goes_on_when_it_is_back(source: Source, folder: Path) -> None:
    away = folder.rename(folder.with_name("away"))

    until(source.trouble, source)
    assert source.trouble() == (
        f"{folder}/log.db: the log is not there any more; put it back, or start Riverwalk again"
    )
    assert source.lag() == -1
    away.rename(folder)
    fill(folder, 3, "after")
    assert [record.payload for record in source.poll(10, 1.0)] == [b"after0", b"after1", b"after2"]
    assert (source.trouble(), source.lag()) == ("", 0)


def test_a_topic_that_is_deleted_is_told(source: Source, folder: Path) -> None:
    delete(folder)

    until(source.trouble, source)
    assert "topic events is not there any more; it was deleted" in source.trouble()
    assert source.lag() == -1


@pytest.mark.parametrize("count", [20, 60, 200])
def test_a_topic_made_anew_while_it_is_read_is_an_error_and_gives_no_record(
    source: Source, folder: Path, count: int
) -> None:
    before = source.topic_id
    delete(folder)
    ensure_topic(folder, "events")
    fill(folder, count)

    with pytest.raises(
        BadSource, match=f"not the one this state was made from .{before}, now log/.*made anew"
    ):
        until(lambda: False, source)
    assert f"now {topic_id(folder, 'events')}" in source.trouble()
    assert source.lag() == -1


@pytest.mark.parametrize("count", [20, 60, 200])
def test_a_topic_made_anew_between_two_lives_is_an_error_or_read_from_its_beginning(
    folder: Path, count: int
) -> None:
    before = topic_id(folder, "events")
    delete(folder)
    ensure_topic(folder, "events")
    fill(folder, count, "new")

    with pytest.raises(
        BadSource, match=f"not the one this state was made from .{before}, now log/.*made anew"
    ):
        Source(folder, "events", {0: 60}, topic_id=before)
    source = Source(folder, "events", {0: 60}, topic_id=before, on_gap="skip", start="latest")
    assert [r.payload for r in source.poll(1000, 1.0)] == [b"new%d" % n for n in range(count)]
    source.close()


def test_added_partitions_are_read_from_their_first_record(source: Source, folder: Path) -> None:
    add_partitions(folder, "events", 3)
    fill(folder, 5, partition=2)
    records = source.poll(10, SHOWN_S)

    assert [(record.partition, record.offset) for record in records] == [(2, n) for n in range(5)]


def test_publishing_is_refused_in_time_while_another_process_writes(folder: Path) -> None:
    other = sqlite3.connect(folder / "log.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    sink = Sink(folder, "events", timeout_s=0.5)

    async def publish(after_s: float) -> float:
        await asyncio.sleep(after_s)
        began = time.monotonic()
        with pytest.raises(BadSource, match="another process has kept the log for too long"):
            await sink.publish(b"u", b"refused")
        return time.monotonic() - began

    async def run() -> list[float]:
        return await asyncio.gather(*(publish(0.1 * number) for number in range(8)))

    waits = asyncio.run(run())
    assert max(waits) < 0.8
    other.execute("COMMIT")
    other.close()
    assert asyncio.run(sink.publish(b"u", b"after")) == (0, 60)
    sink.close()
