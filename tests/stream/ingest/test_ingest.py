"""A batch that is not full is not followed by the next one at once; a full one, and a quiet topic, are.

The topic of items is looked at rarely while events come, and in every step otherwise; what is saved waits for the rests.
"""

import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from stream.ingest import writer
from tests.fixture.events import StoredWriter, Topic, event


@pytest.fixture
def it(tmp_path: Path) -> StoredWriter:
    topic = Topic()
    topic.payloads += [event("u1", f"i{k}", 1_000 * k) for k in range(1, 7)]
    made = StoredWriter(tmp_path, topic)
    made.ingest.step(lambda: False)  # what is slow at first
    return made


def seconds(it: StoredWriter, records: int) -> float:
    """Return the seconds of two steps, each with so many records in the topic."""
    began = time.monotonic()
    for _ in range(2):
        it.topic.payloads += [event("u2", "i1", 10_000)] * records
        it.ingest.step(lambda: False)
    return time.monotonic() - began


def test_records_that_come_soon_after_others_wait_for_more_of_them(it: StoredWriter) -> None:
    it.ingest.pace_s = 0.3

    assert seconds(it, 1) >= 0.3
    assert it.topic.lag() == 0


def test_after_a_full_batch_the_next_one_begins_at_once(it: StoredWriter) -> None:
    it.ingest.next, it.ingest.pace_s, it.ingest.limit = 0.0, 60.0, 5

    assert seconds(it, 5) < 30


def test_the_first_record_after_a_silence_does_not_wait(it: StoredWriter) -> None:
    it.ingest.next, it.ingest.pace_s = 0.0, 60.0

    assert seconds(it, 0) < 30
    it.topic.payloads += [event("u2", "i1", 10_000)]
    began = time.monotonic()
    it.ingest.step(lambda: False)
    assert it.topic.lag() == 0
    assert time.monotonic() - began < 30


def test_items_are_looked_for_rarely_while_events_come_and_at_once_when_none_do(it: StoredWriter) -> None:
    it.ingest.items = Mock(topic="items")
    it.ingest.next, it.ingest.pace_s, it.ingest.limit = 0.0, 60.0, 5
    looks = it.ingest.items.step
    seconds(it, 5)
    seconds(it, 5)
    assert looks.call_count == 1  # five paces are five minutes here
    seconds(it, 0)
    assert looks.call_count == 3
    it.ingest.described = time.monotonic()
    seconds(it, 5)
    assert looks.call_count == 4


def test_the_saver_has_its_turn_between_steps_with_records_and_while_a_long_batch_is_applied(
    it: StoredWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest, turns, apply = it.writer.rest, list[bool](), writer.learn

    def watched(*arguments: Any) -> None:
        turns.append(rest.is_set())
        apply(*arguments)

    monkeypatch.setattr(writer, "learn", watched)
    monkeypatch.setattr(writer, "LONG", 5)
    monkeypatch.setattr(it.ingest.saves, "step", lambda stop: None)
    it.ingest.next = it.ingest.pace_s = 0.0
    for size in (0, 2, 2, 5, 0, 2):
        it.topic.payloads += [event("u2", "i1", 10_000)] * size
        it.step()
        assert rest.is_set()

    assert turns == [
        True,
        False,
        True,
        True,
    ]  # the first batch after a silence; one; a long one; after a silence
