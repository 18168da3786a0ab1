"""What the log keeps: any order of appends and polls, killed writers, full disks, damaged files."""

import asyncio
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.error import BadSource
from stream.event.batch import Record
from stream.log.database import create
from stream.log.sink import Sink
from stream.log.source import Source
from stream.log.topic import ensure_topic

WRITER = """
import asyncio, sys
from stream.log.sink import Sink
sink = Sink(sys.argv[1], "events")
async def one(name):
    partition, offset = await sink.publish(b"u", name.encode())
    sys.stdout.write(f"{offset} {name}\\n")
    sys.stdout.flush()
async def run():
    for start in range(0, int(sys.argv[3]), 50):
        await asyncio.gather(*(one(f"{sys.argv[2]}{number}") for number in range(start, start + 50)))
asyncio.run(run())
sink.close()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    ensure_topic(folder, "events")
    return folder


def writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(count)], stdout=subprocess.PIPE, text=True
    )


def everything(folder: Path) -> list[Record]:
    source = Source(folder, "events", {})
    records = list[Record]()
    while source.lag():
        records += source.poll(1000, 0.0)
    source.close()
    return records


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from("ab"), st.integers(1, 40)),
            st.tuples(st.just("poll"), st.integers(1, 30)),
        ),
        max_size=20,
    ),
    st.integers(1, 3),
)
def test_any_order_of_appends_and_polls_reads_each_record_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], partitions: int
) -> None:
    folder = tmp_path_factory.mktemp("state") / "log"
    ensure_topic(folder, "events", partitions)
    sinks, source = {name: Sink(folder, "events") for name in "ab"}, Source(folder, "events", {})
    plain: dict[int, dict[int, bytes]] = {partition: {} for partition in range(partitions)}
    sent, seen = 0, list[Record]()

    def put(payload: bytes) -> None:
        sinks[name].send(
            payload[-1:], payload, lambda partition, offset: plain[partition].update({offset: payload})
        )

    for name, count in steps:
        if name == "poll":
            seen += source.poll(count, 0.0)
            continue
        for _ in range(count):
            put(b"%d" % sent)
            sent += 1
    for sink in sinks.values():
        sink.flush()
        sink.close()
    while source.lag():
        seen += source.poll(100, 0.0)
    source.close()

    for partition, records in plain.items():
        assert sorted(records) == list(range(len(records)))
        assert [(r.offset, r.payload) for r in seen if r.partition == partition] == sorted(records.items())
    assert len(seen) == sent


def test_two_processes_and_two_threads_append_without_gap_or_duplicate(folder: Path) -> None:
    children = [writer(folder, name, 500) for name in ("a", "b")]
    told: dict[int, str] = {}

    def fill(name: str) -> None:
        sink = Sink(folder, "events")
        for number in range(500):
            text = f"{name}{number}"
            sink.send(b"u", text.encode(), lambda _, offset, text=text: told.update({offset: text}))  # type: ignore[misc]
        sink.flush()
        sink.close()

    threads = [threading.Thread(target=fill, args=(name,)) for name in ("c", "d")]
    for thread in threads:
        thread.start()
    for child in children:
        told |= {
            int(offset): name
            for offset, name in map(str.split, child.communicate(timeout=60)[0].splitlines())
        }
    for thread in threads:
        thread.join()

    assert [(record.offset, record.payload.decode()) for record in everything(folder)] == sorted(told.items())
    assert sorted(told) == list(range(2000))


@pytest.mark.parametrize("lines", [1, 137, 700])
def test_a_killed_writer_leaves_what_it_acknowledged_and_no_gap(folder: Path, lines: int) -> None:
    child = writer(folder, "a", 100_000)
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(lines)]
    child.kill()
    told += [line for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    child.wait()
    child.stdout.close()

    records = everything(folder)
    asyncio.run(Sink(folder, "events").publish(b"u", b"next"))
    after = everything(folder)

    assert [record.offset for record in records] == list(range(len(records)))
    for offset, name in map(str.split, told):
        assert records[int(offset)].payload.decode() == name
    assert (after[-1].offset, after[-1].payload) == (len(records), b"next")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if (
        os.getuid() != 0
        or shutil.which("mount") is None
        or subprocess.run(command, capture_output=True).returncode
    ):
        pytest.skip("a small disk can be mounted by root only")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_acknowledges_nothing_and_is_named(small: Path) -> None:
    folder = small / "log"
    ensure_topic(folder, "events")
    sink = Sink(folder, "events")
    held: list[int] = []

    async def fill() -> None:
        while True:
            held.append((await sink.publish(b"u", b"x" * 10_000))[1])

    with pytest.raises(BadSource, match="the disk is full: nothing was written; free some space"):
        asyncio.run(fill())
    assert [record.offset for record in everything(folder)] == held == list(range(len(held)))
    subprocess.run(["mount", "-o", "remount,size=2m", str(small)], check=True)

    assert asyncio.run(sink.publish(b"u", b"after")) == (0, len(held))
    sink.close()


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\0" * 4080])
def test_a_file_that_is_no_log_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.db"
    path.write_bytes(content)

    with pytest.raises(BadSource, match=rf"{path}: .*; restore it from a backup, or move the folder away"):
        ensure_topic(tmp_path, "events")
    assert path.read_bytes() == content


def test_a_log_removed_in_part_is_not_made_anew(folder: Path) -> None:
    source = Source(folder, "events", {})
    (folder / "log.db").unlink()

    with pytest.raises(BadSource, match="missing beside its WAL: the log was removed in part"):
        create(folder)
    source.close()


def test_a_log_removed_while_in_use_takes_nothing_more(folder: Path) -> None:
    sink = Sink(folder, "events")
    asyncio.run(sink.publish(b"u", b"x"))
    source = Source(folder, "events", {0: 1})
    shutil.rmtree(folder)
    ensure_topic(folder, "events")

    with pytest.raises(BadSource, match="the log was removed or replaced while in use"):
        asyncio.run(sink.publish(b"u", b"y"))
    with pytest.raises(BadSource, match="the log was removed or replaced while in use"):
        source.poll(1, 1.0)
    sink.close()
    source.close()


def test_a_flipped_byte_is_a_named_error_or_changes_nothing(folder: Path, tmp_path: Path) -> None:
    sink = Sink(folder, "events")
    for number in range(300):
        sink.send(b"u%d" % (number % 7), b"payload %d" % number)
    sink.flush()
    sink.close()
    whole = everything(folder)
    original = (folder / "log.db").read_bytes()
    chance, found = random.Random(7), 0
    copy = tmp_path / "copy"
    for number in range(400):
        copy.mkdir()
        damaged = bytearray(original)
        damaged[chance.randrange(len(original))] ^= 1 << chance.randrange(8)
        (copy / "log.db").write_bytes(damaged)
        try:
            assert everything(copy) == whole, number
        except BadSource:
            found += 1
        shutil.rmtree(copy)

    assert found > 100


def test_a_flipped_byte_in_the_wal_of_a_killed_writer_leaves_an_exact_beginning(
    folder: Path, tmp_path: Path
) -> None:
    child = writer(folder, "a", 100_000)
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(300)]
    child.kill()
    child.wait()
    child.stdout.close()
    original = {name: (folder / name).read_bytes() for name in ("log.db", "log.db-wal")}
    whole = everything(folder)
    assert len(whole) >= len(told)
    chance, shorter = random.Random(7), 0
    copy = tmp_path / "copy"
    for number in range(100):
        copy.mkdir()
        damaged = bytearray(original["log.db-wal"])
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        (copy / "log.db").write_bytes(original["log.db"])
        (copy / "log.db-wal").write_bytes(damaged)
        try:
            found = everything(copy)
        except BadSource:
            found = []
        assert found == whole[: len(found)], number
        shorter += len(found) < len(whole)
        shutil.rmtree(copy)

    assert shorter > 10
