"""Streams of the past and times in seconds are noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from state.record.setting import GraphSettings
from state.storage.store import Store
from stream.answer.reader import Reader
from stream.event.batch import Record, decode_batch
from stream.event.event import DAY_MS, Event, encode
from stream.generation.generation import Generation
from stream.ingest.writer import Writer
from tests.fixture.pair import LIMITS, Pair
from tgn.inference.layout import TgnSettings

NOW = 1_760_000_000_000
YEAR = 365 * DAY_MS


def learn(pair: Pair, times: list[tuple[int, int]]) -> None:
    """Events of these times in records written at these times."""
    records = [
        Record(0, pair.next + n, encode(Event(f"u{n}", f"i{n % 3}", t)), written)
        for n, (t, written) in enumerate(times)
    ]
    batch, rejected = decode_batch(records, NOW)
    assert not rejected
    pair.writer.learn(batch, pair.jobs.append)
    pair.next += len(times)


def past(pair: Pair) -> bool:
    return bool(pair.writer.generation.status["past"])


def test_a_replay_is_a_stream_of_the_past_until_an_event_of_now_comes(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    learn(pair, [(NOW - 14 * YEAR + n, NOW) for n in range(5)])
    assert past(pair)

    learn(pair, [(NOW - 1_000, NOW)])
    assert not past(pair)


def test_an_event_without_a_time_takes_stream_time_on_a_stream_of_the_past_alone(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    learn(pair, [(NOW - YEAR, NOW)])
    reader = Reader(GraphSettings(), TgnSettings(), LIMITS, tmp_path)
    assert reader.event_time(NOW + 5) == NOW - YEAR
    assert reader.info()["event_clock"] == "stream"

    learn(pair, [(NOW, NOW)])
    assert reader.event_time(NOW + 5) == NOW + 5
    assert reader.info()["event_clock"] == "wall"


def test_a_restart_knows_a_stream_of_the_past(tmp_path: Path) -> None:
    store = Store(tmp_path)
    pair = Pair(tmp_path / "live")
    pair.writer = Writer(pair.writer.generation, store=store)
    learn(pair, [(NOW - YEAR, NOW)])
    pair.writer.save()

    again = Writer(Generation(GraphSettings(), TgnSettings(), LIMITS), store=store)
    assert again.generation.status["past"] == 1


def test_a_quiet_stream_and_a_late_event_are_no_past(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    learn(pair, [(NOW - 20 * DAY_MS, NOW - 20 * DAY_MS)])
    assert not past(pair)
    learn(pair, [(NOW - 25 * DAY_MS, NOW)])
    assert not past(pair)


def test_records_that_bear_no_time_tell_nothing(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    learn(pair, [(5, -1), (6, 0)])
    assert not past(pair)


def seconds(pair: Pair) -> int:
    return int(pair.writer.generation.status["seconds"])


def test_seconds_are_counted_and_told_once(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    with structlog.testing.capture_logs() as logs:
        learn(pair, [((NOW - n * 3_600_000) // 1_000, NOW) for n in range(9)])
        learn(pair, [(NOW // 1_000, NOW)])

    assert seconds(pair) == 10
    assert [entry["read_as"][:7] for entry in logs] == ["1970-01"]
    assert "milliseconds" in logs[0]["event"]


def test_seconds_among_milliseconds_are_counted(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    learn(pair, [(NOW - 5, NOW), (NOW // 1_000, NOW), (NOW - 4, NOW)])
    learn(pair, [(NOW - 3, NOW), (NOW // 1_000, NOW)])

    assert seconds(pair) == 2


@pytest.mark.parametrize("step", [1, 1_000, 3_600_000])
def test_times_that_count_from_a_beginning_of_their_own_are_no_seconds(tmp_path: Path, step: int) -> None:
    pair = Pair(tmp_path)
    for begin in range(0, 3_000 * step, 500 * step):
        learn(pair, [(begin + n * step, NOW) for n in range(500)])

    assert seconds(pair) == 0
