"""A real Kafka stops, starts again, and freezes, while a source reads and sinks publish."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy import kafka
from stream.error import BadSource
from stream.kafka.broker import ensure_topic
from stream.kafka.sink import Sink
from stream.kafka.source import Source
from tests.fixture.broker.topic import read, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
TIMEOUT_S = 1.8


class Outage(NamedTuple):
    """What was seen of it; times are in seconds."""

    address: str
    told_s: float  # from the end of the broker until the source told
    trouble: str
    lag: int
    slowest_s: float  # the slowest poll while it was away
    refused_s: list[float]  # how long publishing took until it was refused
    after: list[bytes]  # what the source read from then on
    all: list[bytes]  # what the topic holds
    mended: tuple[str, int]  # trouble and lag after it


def refused(sink: Sink) -> float:
    """Publish, which is refused; return how long that took."""
    began = time.monotonic()
    with pytest.raises(BadSource, match="topic events cannot be written"):
        asyncio.run(sink.publish(b"u", b"refused"))
    return time.monotonic() - began


def published(sink: Sink, payload: bytes) -> None:
    """Publish until it is taken, which a broker that has just come back does within seconds."""
    limit = time.monotonic() + 10
    while True:
        try:
            asyncio.run(sink.publish(b"u", payload))
            return
        except BadSource:
            assert time.monotonic() < limit


@pytest.fixture(scope="module")
def outage(kafka_address: str, tmp_path_factory: pytest.TempPathFactory) -> Outage:
    folder: Path = tmp_path_factory.mktemp("outage")
    address = kafka.start(folder, 0)
    ensure_topic(address, "events")
    source, sink = Source(address, "events", {}), Sink(address, "events", timeout_s=TIMEOUT_S)
    published(sink, b"before")
    read(source, 1)
    until(lambda: source.lag() == 0, source)

    kafka.stop(folder)
    began = time.monotonic()
    until(lambda: source.trouble() != "", source)
    told_s, trouble, lag, slowest_s = time.monotonic() - began, source.trouble(), source.lag(), 0.0
    for _ in range(100):
        began = time.monotonic()
        assert source.poll(100, 0.01) == []
        slowest_s = max(slowest_s, time.monotonic() - began)
    fresh = Sink(address, "events", timeout_s=TIMEOUT_S)
    refused_s = [refused(one) for one in (sink, sink, fresh)]

    kafka.start(folder, int(address.rpartition(":")[2]))
    for number in range(20):
        published(sink if number % 2 else fresh, b"after%d" % number)
    after = [record.payload for record in read(source, 20)]
    until(lambda: not source.trouble() and source.lag() == 0, source)
    mended = source.trouble(), source.lag()

    pid = int((folder / "kafka.pid").read_text())
    os.kill(pid, signal.SIGSTOP)  # it takes connections and bytes, and does not answer
    try:
        refused_s.append(refused(sink))
    finally:
        os.kill(pid, signal.SIGCONT)
    again = Source(address, "events", {})
    every = [record.payload for record in read(again, 21)]
    for end in (source, again, sink, fresh):
        end.close()
    kafka.stop(folder)
    return Outage(address, told_s, trouble, lag, slowest_s, refused_s, after, every, mended)


def test_a_source_tells_that_the_broker_is_gone_and_waits_for_nothing(outage: Outage) -> None:
    assert outage.told_s < 5
    assert outage.trouble.startswith(f"{outage.address}: no answer from the broker (")
    assert "refused" in outage.trouble
    assert outage.lag == -1
    assert outage.slowest_s < 0.2


def test_reading_goes_on_where_it_was_when_the_broker_is_back(outage: Outage) -> None:
    assert outage.after == [b"after%d" % number for number in range(20)]
    assert outage.mended == ("", 0)


def test_publishing_is_refused_in_time_while_the_broker_is_away_or_frozen(outage: Outage) -> None:
    assert len(outage.refused_s) == 4
    assert max(outage.refused_s) < 2


def test_what_was_refused_while_the_broker_was_away_is_not_written_when_it_is_back(outage: Outage) -> None:
    assert outage.all == [b"before", *outage.after]
