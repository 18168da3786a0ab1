"""Many records published at once: each has its place, and what is not written is told record by record."""

import asyncio
from pathlib import Path

import pytest

from stream.error import BadSource
from stream.log.sink import Sink
from stream.log.topic import ensure_topic


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    ensure_topic(tmp_path, "events", partitions=1)
    return Sink(tmp_path, "events")


def test_each_of_many_records_has_its_place_in_their_order(sink: Sink) -> None:
    records = [(b"u", b"%d" % number) for number in range(1_000)]

    places = asyncio.run(sink.publish_all(records))

    assert places == [(0, number) for number in range(1_000)]
    sink.close()


def test_none_is_published_without_a_record(sink: Sink) -> None:
    assert asyncio.run(sink.publish_all([])) == []
    sink.close()


def test_records_that_are_not_written_say_why_in_their_place(tmp_path: Path) -> None:
    sink = Sink(tmp_path, "nothing")

    places = asyncio.run(sink.publish_all([(b"u", b"x")] * 3))

    assert [type(place) for place in places] == [BadSource] * 3
    assert "no log of events there" in str(places[0])
    sink.close()


def test_a_closed_sink_tells_it_of_every_record(sink: Sink) -> None:
    sink.close()

    places = asyncio.run(sink.publish_all([(b"u", b"x")] * 2))

    assert ["the log was closed" in str(place) for place in places] == [True, True]
