"""What the network passes over in a rush is learned later, each event once, as long as it lies in the lane."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.event.batch import hashed
from stream.generation.generation import Limits
from stream.lane.job import STEP
from stream.lane.lane import Lane
from stream.lane.layout import EVENT, ITEM_GONE, event
from stream.lane.pair import KNOWN, TAKEN
from stream.learning import follower
from stream.learning.deferred import Deferred
from tests.fixture.events import StoredWriter, Topic, followed
from tests.fixture.events import event as payload

RECORD = event(2)


def records(begin: int, n: int) -> np.ndarray:
    out = np.zeros(n, RECORD)
    out["offset"] = np.arange(begin, begin + n)
    out["what"], out["known"] = EVENT, TAKEN | KNOWN
    return out


def lane(capacity: int) -> Lane:
    return Lane(None, RECORD, capacity, write=True)


def drain(deferred: Deferred, most: int) -> list[int]:
    out: list[int] = []
    whole = True
    while (some := deferred.take(most)) is not None:
        assert whole  # only the last lesson is a small one
        assert some.shape[0] <= most
        whole = some.shape[0] == most
        out += some["offset"].tolist()
    return out


@given(
    jobs=st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0.0, 0.3, 0.8, 1.0])), max_size=30),
    capacity=st.integers(40, 400),
    most=st.integers(1, 50),
)
def test_an_event_is_learned_from_at_once_or_later_unless_it_was_written_over(
    jobs: list[tuple[int, float]], capacity: int, most: int
) -> None:
    ring, at = lane(capacity), 0
    deferred, left = Deferred(ring), []
    for n, share in jobs:
        some = records(at, n)
        ring.put(some)
        deferred.put(at, at + n, share)
        left += some["offset"][hashed(some["offset"], some["partition"]) >= share].tolist()
        at += n

    assert drain(deferred, most) == [k for k in left if k >= at - capacity]
    assert deferred.count == 0


def test_what_may_not_be_learned_from_is_no_lesson_later_either() -> None:
    ring = lane(64)
    some = records(0, 5)
    some["known"] = [TAKEN | KNOWN, TAKEN, KNOWN, 0, TAKEN | KNOWN]
    some["what"][4] = ITEM_GONE
    ring.put(some)
    deferred = Deferred(ring)
    deferred.put(0, 5, 0.0)

    assert drain(deferred, 3) == [0]


def rushed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, events: int, items: int, limits: Limits
) -> StoredWriter:
    """Apply a rush of events, of which the learner has seen none, and which is more than it keeps up with."""
    monkeypatch.setattr(follower, "LOW", 256)
    monkeypatch.setattr(follower, "HIGH", 512)
    topic = Topic()
    topic.payloads += [payload(f"u{k % 40}", f"i{(k * 7) % items}", 60_000 * k) for k in range(events)]
    it = StoredWriter(folder, topic, limits, learn=True)
    while topic.lag():
        it.ingest.limit = 600
        it.ingest.step(lambda: False)
    return it


def read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, items: int, limits: Limits, again: bool = False
) -> tuple[int, int, int]:
    """Return events learned from at once, later, and deferred in a rush of 2 400 events; with `again`, by a learner that starts anew after it."""
    it = rushed(folder, monkeypatch, 2_400, items, limits)
    assert it.follower is not None
    while it.follower.lanes.waiting:
        it.follower.step(patience_s=0)
    if again:
        it.follower.save()
        it.learned.close()
        it.follower = followed(folder, it.generation)
    quality = it.generation.quality
    at_once, left = int(quality["learned"]), it.follower.deferred.count
    for _ in range(40):
        it.follower.step(patience_s=0)
    later = int(quality["learned"]) - at_once
    it.drop()
    return at_once, later, left


def test_a_rush_is_learned_from_when_it_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, later, left = read(tmp_path, monkeypatch, 50, Limits(max_users=300, max_items=200))

    assert at_once < 800  # of 2 400
    assert left > 1_500
    assert 2_300 <= at_once + later <= 2_400  # first events of an item are none to learn from


def test_a_learner_that_starts_anew_learns_from_what_the_one_before_it_deferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, later, left = read(tmp_path, monkeypatch, 50, Limits(max_users=300, max_items=200), again=True)

    assert left > 1_500
    assert 2_300 <= at_once + later <= 2_400


def test_what_is_deferred_is_dropped_when_rows_are_evicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, later, _ = read(tmp_path, monkeypatch, 120, Limits(max_users=300, max_items=60))

    assert at_once + later < 2_000


def test_steps_are_hurried_as_long_as_more_events_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BURST", 300)
    it = rushed(tmp_path, monkeypatch, 1_400, 50, Limits(max_users=300, max_items=200))
    assert it.follower is not None
    learning = it.follower.learning
    assert learning is not None
    assert learning.learner is not None
    told = []
    while waiting := it.follower.lanes.waiting:
        it.follower.step(patience_s=0)
        told.append((waiting >= 2 * STEP, learning.learner.pool.hurried))
    it.drop()

    assert {hurried for _, hurried in told} == {True, False}
    assert all(many == hurried for many, hurried in told)


def test_the_status_tells_what_waits_and_what_is_deferred_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BURST", 300)
    it = rushed(tmp_path, monkeypatch, 1_200, 50, Limits(max_users=300, max_items=200))
    assert it.follower is not None
    told = []
    while it.follower.lanes.waiting or it.follower.deferred.count or not told:
        it.follower.gauged = 0.0
        it.follower.step(patience_s=0)
        quality = it.generation.quality
        told.append((int(quality["waiting"]), int(quality["deferred"])))
    it.drop()

    assert told[0][0] > 0
    assert max(deferred for _, deferred in told) > 300
    assert told[-1] == (0, 0)
