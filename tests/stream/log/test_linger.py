"""Records that nobody waits for are collected for some milliseconds; a group is written at once where somebody waits."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.log import writer
from stream.log.group import Entry
from stream.log.sink import Sink
from stream.log.topic import ensure_topic


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log whose writer collects for longer than any test takes."""
    monkeypatch.setattr(writer, "LINGER_S", 3_600.0)
    ensure_topic(tmp_path / "log", "events")
    return tmp_path / "log"


class Groups:
    """A writer, and the tags of the groups it has settled."""

    def __init__(self, folder: Path) -> None:
        self.found: list[list[object]] = []
        self.writer = writer.Writer(folder, "events", lambda tags, *_: self.found.append(tags), 5.0)

    def put(self, tag: str, *, hurried: bool = False) -> None:
        assert self.writer.put(Entry(0, 1, b"u", tag.encode()), tag, hurried=hurried)

    def kept(self) -> bool:
        """Whether something is still pending after a while."""
        with self.writer.changed:
            return not self.writer.changed.wait_for(lambda: not self.writer.pending, 0.1)

    def settled(self) -> None:
        """Wait until nothing is pending."""
        with self.writer.changed:
            assert self.writer.changed.wait_for(lambda: not self.writer.pending, 30)


@pytest.fixture
def groups(folder: Path) -> Iterator[Groups]:
    one = Groups(folder)
    one.put("first")  # nothing was written just before, so it is written at once
    one.settled()
    yield one
    one.writer.close()


def test_records_are_kept_until_one_comes_that_is_waited_for(groups: Groups) -> None:
    groups.put("a")
    groups.put("b")
    assert groups.kept()
    groups.put("c", hurried=True)
    groups.settled()

    assert groups.found == [["first"], ["a", "b", "c"]]


def test_records_are_kept_until_someone_hurries(groups: Groups) -> None:
    groups.put("a")
    groups.writer.hurry()
    groups.settled()
    groups.put("b")
    assert groups.kept()
    groups.writer.hurry()
    groups.settled()

    assert groups.found == [["first"], ["a"], ["b"]]


def test_a_full_group_is_not_kept(groups: Groups, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "GROUP", 3)
    groups.put("a")
    groups.put("b")
    assert groups.kept()
    groups.put("c")
    groups.settled()

    assert groups.found == [["first"], ["a", "b", "c"]]


def test_what_is_published_or_flushed_is_written_at_once(folder: Path) -> None:
    sink, places = Sink(folder, "events"), []
    for payload in (b"a", b"b"):
        sink.send(b"u", payload, lambda *place: places.append(place))
    sink.flush(30)
    sink.send(b"u", b"c", lambda *place: places.append(place))
    published = asyncio.run(asyncio.wait_for(sink.publish(b"u", b"d"), 30))
    sink.flush(30)
    sink.close()

    assert places == [(0, 0), (0, 1), (0, 2)]
    assert published == (0, 3)
