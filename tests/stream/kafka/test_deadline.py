"""A record for which nobody waits any more is never written later: publishing ends within its time, whatever the broker does."""

import asyncio
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from deploy import kafka
from stream.error import BadSource
from stream.kafka.broker import ensure_topic
from stream.kafka.sink import Sink
from stream.kafka.source import Source
from tests.fixture.broker.topic import read

TIMEOUT_S, LIMIT_S = 1.8, 2.0


def refused(sink: Sink, payload: bytes = b"refused") -> float:
    """Publish, which is refused; how long that took."""
    began = time.monotonic()
    with pytest.raises(
        BadSource, match=r"topic events cannot be written \(no answer in 1.8 s.*\); is the broker up"
    ):
        asyncio.run(sink.publish(b"u", payload))
    return time.monotonic() - began


def published(sink: Sink, payload: bytes) -> tuple[int, int]:
    """Publish until it is taken, which a broker that has just come back does within seconds."""
    limit = time.monotonic() + 10
    while True:
        try:
            return asyncio.run(sink.publish(b"u", payload))
        except BadSource:
            assert time.monotonic() < limit


def test_publishing_to_nobody_is_refused_in_time() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{probe.getsockname()[1]}"
    sink = Sink(nobody, "events", timeout_s=TIMEOUT_S)

    assert refused(sink) < LIMIT_S
    assert refused(sink) < LIMIT_S
    sink.close()


def test_publishing_to_a_broker_that_never_answers_is_refused_in_time() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        sink = Sink(f"127.0.0.1:{deaf.getsockname()[1]}", "events", timeout_s=TIMEOUT_S)

        assert refused(sink) < LIMIT_S
        sink.close()


def test_many_records_are_refused_together() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        sink = Sink(f"127.0.0.1:{deaf.getsockname()[1]}", "events", timeout_s=TIMEOUT_S)

        async def publish() -> list[object]:
            return await asyncio.gather(
                *(sink.publish(b"u", b"x") for _ in range(1000)), return_exceptions=True
            )

        began = time.monotonic()
        assert all(isinstance(outcome, BadSource) for outcome in asyncio.run(publish()))
        assert time.monotonic() - began < LIMIT_S
        sink.close()


@pytest.mark.kafka
@pytest.mark.slow
def test_what_was_refused_while_the_broker_was_away_is_not_written_when_it_is_back(
    kafka_address: str, tmp_path: Path
) -> None:
    address = kafka.start(tmp_path, 0)
    ensure_topic(address, "events")
    sink = Sink(address, "events", timeout_s=TIMEOUT_S)
    assert asyncio.run(sink.publish(b"u", b"before")) == (0, 0)

    kafka.stop(tmp_path)
    fresh = Sink(address, "events", timeout_s=TIMEOUT_S)
    for one in (sink, sink, fresh):
        assert refused(one) < LIMIT_S
    kafka.start(tmp_path, int(address.rpartition(":")[2]))

    assert published(sink, b"after") == (0, 1)
    assert published(fresh, b"fresh") == (0, 2)
    pid = int((tmp_path / "kafka.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        assert refused(sink) < LIMIT_S
    finally:
        os.kill(pid, signal.SIGCONT)
    source = Source(address, "events", {})
    payloads = [record.payload for record in read(source, 3)]
    assert payloads == [b"before", b"after", b"fresh"]
    for one in (sink, fresh):
        published(one, b"last")
        one.close()
    source.close()
    kafka.stop(tmp_path)
