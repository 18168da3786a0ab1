"""A record for which nobody waits any more is never written later: publishing ends within its time, whatever the broker does."""

import asyncio
import socket
import time

import pytest

from stream.error import BadSource
from stream.kafka.sink import Sink

TIMEOUT_S, LIMIT_S = 1.8, 2.0


def refused(sink: Sink, payload: bytes = b"refused") -> float:
    """Publish, which is refused; how long that took."""
    began = time.monotonic()
    with pytest.raises(
        BadSource, match=r"topic events cannot be written \(no answer in 1.8 s.*\); is the broker up"
    ):
        asyncio.run(sink.publish(b"u", payload))
    return time.monotonic() - began


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
