"""A record may go to the partition of another key, which the client's own partitioner chooses."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stream.error import BadSource
from stream.kafka.broker import ensure_topic
from stream.kafka.sink import Sink
from tests.fixture.broker.mock import MockBroker, make
from tests.fixture.broker.topic import PLAIN

KEYS = [*(b"i%d" % number for number in range(30)), "Öl".encode(), b"x" * 200]


@pytest.fixture
def mock() -> Iterator[str]:
    broker = MockBroker()
    yield broker.address
    broker.close()


def places(address: str, topic: str, extra: dict[str, Any]) -> list[tuple[int, int, int]]:
    """The partitions of records of each key, and of two records that are to stand beside them."""
    sink, found = Sink(address, topic, extra=extra), dict[bytes, int]()

    def done(key: bytes) -> Callable[[int, int], None]:
        return lambda partition, offset: found.update({key: partition})

    async def publish() -> list[tuple[int, int, int]]:
        out = []
        for key in KEYS:
            alone, _ = await sink.publish(key, b"")
            beside, _ = await sink.publish(b"hide " + key, b"", key)
            sink.send(b"show " + key, b"", done(key), partition_key=key)
            out.append((alone, beside, 0))
        return out

    told = asyncio.run(publish())
    sink.flush()
    sink.close()
    return [(alone, beside, found[key]) for (alone, beside, _), key in zip(told, KEYS, strict=True)]


def test_a_record_stands_beside_those_of_another_key(mock: str) -> None:
    make(mock, "items")
    found = places(mock, "items", PLAIN)

    assert all(alone == beside == sent for alone, beside, sent in found)
    assert len({alone for alone, _, _ in found}) == 4


def test_a_client_with_a_partitioner_of_its_own_chooses_itself(mock: str) -> None:
    make(mock, "items")
    found = places(mock, "items", {**PLAIN, "partitioner": "murmur2"})

    assert any(alone != beside for alone, beside, _ in found)


def test_a_broker_that_is_away_is_named() -> None:
    sink = Sink("127.0.0.1:1", "items", timeout_s=0.3)

    with pytest.raises(BadSource, match=r"127\.0\.0\.1:1: no answer from the broker"):
        asyncio.run(sink.publish(b"hide x", b"", b"x"))
    sink.close()


@pytest.mark.kafka
def test_a_real_broker_puts_them_there_too(kafka_address: str) -> None:
    topic = f"items-{uuid.uuid4().hex[:12]}"
    ensure_topic(kafka_address, topic, 3)
    found = places(kafka_address, topic, {})

    assert all(alone == beside == sent for alone, beside, sent in found)
    assert len({alone for alone, _, _ in found}) == 3
