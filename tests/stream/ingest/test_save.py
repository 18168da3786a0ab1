"""Saves go by the clock, and tell what they kept; what has no room is tried again until it has, and what it waits for is told."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from state.error import BadStore, NoMemory, NoRoom
from state.storage.store import Store
from stream.event.event import forget
from stream.generation.status import STATUS
from stream.health.pulse import Pulse
from stream.ingest import save
from stream.ingest.save import Retry
from tests.fixture.events import StoredWriter, Topic, event
from tests.fixture.service.tmpfs import Memory, small

__all__ = ["small"]


class Place:
    """Where something is written: it fails with these errors, one a try."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.tries = iter(errors), list[str]()

    def write(self, name: str) -> Callable[[], None]:
        def attempt() -> None:
            self.tries.append(name)
            for error in self.errors:
                raise error

        return attempt


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> tuple[Retry, Pulse, list[dict[str, str]]]:
    monkeypatch.setattr(save, "AGAIN_S", 0.01)
    pulse, told = Pulse(), list[dict[str, str]]()
    status = np.zeros(1, STATUS)[0]
    return Retry(status, pulse, lambda: told.append(dict(pulse.health.troubles))), pulse, told


def test_a_full_disk_is_told_and_saved_again_where_the_tables_are_ahead_of_it(
    patience: tuple[Retry, Pulse, list[dict[str, str]]],
) -> None:
    it, pulse, told = patience
    place = Place(BadStore("the disk is full"), BadStore("the disk is full"))
    it.write(place.write("first"), place.write("again"), lambda: False)

    assert place.tries == ["first", "again", "again"]
    assert told[0] == {"disk": "learning has stopped, answers go on: the disk is full"}
    assert pulse.health.troubles == {}


def test_full_memory_is_told_and_the_batch_of_which_nothing_is_applied_is_tried_from_the_start(
    patience: tuple[Retry, Pulse, list[dict[str, str]]],
) -> None:
    it, pulse, told = patience
    place = Place(NoMemory("no room"), NoMemory("no room"), BadStore("the disk is full"))
    it.write(place.write("first"), place.write("again"), lambda: False)

    assert place.tries == ["first", "first", "first", "again"]
    assert told[0] == {"memory": "learning has stopped, answers go on: no room"}
    assert pulse.health.troubles == {}


def test_a_ceiling_is_no_matter_of_patience(patience: tuple[Retry, Pulse, list[dict[str, str]]]) -> None:
    place = Place(NoRoom("the ceiling is reached"))

    with pytest.raises(NoRoom):
        patience[0].write(place.write("first"), place.write("again"), lambda: False)


def test_at_the_end_it_waits_no_longer(patience: tuple[Retry, Pulse, list[dict[str, str]]]) -> None:
    place = Place(*[BadStore("the disk is full")] * 9)

    with pytest.raises(BadStore, match="full"):
        patience[0].write(place.write("first"), place.write("again"), lambda: len(place.tries) > 3)


class Committing(Topic):
    """A topic that knows how far it was read."""

    def __init__(self, payloads: list[bytes]) -> None:
        super().__init__(payloads)
        self.committed: dict[int, int] = {}

    def commit(self, ends: dict[int, int]) -> None:
        self.committed.update(ends)


def stream(n: int = 1_500) -> list[bytes]:
    """Events of users and items that come and go, some of whom ask to be forgotten."""
    chance = np.random.default_rng(4)
    return [
        forget(f"u{k // 90}", 5)
        if chance.random() < 0.02
        else event(
            f"u{int(20 * chance.random()) + k // 80}", f"i{int(15 * chance.random()) + k // 90}", 60_000 * k
        )
        for k in range(n)
    ]


def always(topic: Topic, folder: Path) -> dict[bytes, bytes]:
    """What a writer saves that saves with every batch."""
    writer = StoredWriter(folder, topic)
    writer.read(limit=50)
    state = writer.state()
    writer.close()
    return state


def test_nothing_is_told_as_saved_or_committed_before_it_is(tmp_path: Path) -> None:
    topic = Committing(stream())
    writer = StoredWriter(tmp_path / "clock", topic, save_ms=3_600_000)
    writer.read(limit=50)
    status = writer.generation.status
    before = (dict(topic.committed), int(status["saved"][0]), writer.store.offsets("events"))
    applied = int(status["applied"][0])
    writer.ingest.saves.now(lambda: False)
    after = (dict(topic.committed), int(status["saved"][0]), writer.store.offsets("events"))
    state = writer.state()
    writer.close()

    assert (before, applied) == (({}, 0, {}), 1_500)
    assert after == ({0: 1_500}, 1_500, {0: 1_500})
    assert state == always(Topic(stream()), tmp_path / "always")


def test_a_save_comes_when_its_time_has_come_and_ingest_goes_on_meanwhile(tmp_path: Path) -> None:
    topic = Committing(stream())
    writer = StoredWriter(tmp_path / "clock", topic, save_ms=1)
    writer.read(limit=10)
    until = time.monotonic() + 20
    while topic.committed != {0: 1_500} and time.monotonic() < until:
        writer.ingest.step(lambda: False)
    state = writer.state()
    writer.drop()

    assert topic.committed == {0: 1_500}
    assert state == always(Topic(stream()), tmp_path / "always")


def test_a_clean_stop_saves_everything(tmp_path: Path) -> None:
    writer = StoredWriter(tmp_path / "clock", Topic(stream()), save_ms=3_600_000)
    writer.read(limit=70)
    writer.close()
    again = StoredWriter(tmp_path / "clock", Topic())
    state = again.state()
    again.close()

    assert state == always(Topic(stream()), tmp_path / "always")


def test_a_copy_holds_what_was_applied_when_it_was_asked_for(tmp_path: Path) -> None:
    writer = StoredWriter(tmp_path / "clock", Topic(stream()), save_ms=3_600_000)
    writer.read(limit=70, stop=700)
    writer.ingest.checkpoint(tmp_path / "copy")
    writer.drop()
    copy = Store(tmp_path / "copy")
    offsets = copy.offsets("events")
    copy.close()

    assert offsets == {0: 700}


def test_what_a_full_disk_did_not_take_is_saved_with_what_came_since(
    small: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(save, "AGAIN_S", 0.01)
    topic = Committing(stream(6_000))
    writer = StoredWriter(small.folder, topic, save_ms=1)
    writer.read(limit=50, stop=1_000)
    small.fill()
    told = list[tuple[int, dict[str, str]]]()

    def room() -> bool:
        told.append((int(writer.generation.status["stopped"]), dict(writer.ingest.pulse.health.troubles)))
        if len(told) == 3:
            small.empty()
            small.grow(64)
        return False

    while topic.lag():
        writer.ingest.limit = 50
        writer.ingest.step(room)
    writer.ingest.saves.now(room)
    state, committed = writer.state(), dict(topic.committed)
    stopped = int(writer.generation.status["stopped"])
    writer.close()

    assert told[0][0] == 1
    assert told[0][1]["disk"].startswith("learning has stopped, answers go on: ")
    assert (stopped, committed) == (0, {0: 6_000})
    assert state == always(Topic(stream(6_000)), tmp_path / "always")


def test_how_many_events_of_a_partition_wait_is_told(tmp_path: Path) -> None:
    it = StoredWriter(tmp_path, Topic([event(f"u{k % 3}", f"i{k % 5}", k) for k in range(10)]))
    it.ingest.limit = 4
    it.step()
    it.ingest.tell()

    assert it.generation.status["waiting"][0] == it.generation.status["lag"] == 6

    it.close()
