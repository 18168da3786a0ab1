"""Source and Sink on the mock broker, and what they do without one."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from stream.error import BadSource
from stream.kafka.broker import ensure_topic, ready
from stream.kafka.sink import Sink
from stream.kafka.source import Source
from tests.fixture.broker.mock import SOON, MockBroker, make
from tests.fixture.broker.topic import PLAIN, TopicSuite, read


@pytest.fixture(scope="module")
def broker() -> Iterator[MockBroker]:
    broker = MockBroker(["events", "events.dead"])
    yield broker
    broker.close()


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def overflow(address: str, topic: str, count: int = 60) -> None:
    """More bytes than the mock broker keeps."""
    sink = Sink(address, topic, partition=0, extra={"compression.type": "none", **PLAIN})
    for number in range(count):
        sink.send(None, b"%06d" % number + b"x" * 200_000)
    sink.flush()
    sink.close()


class TestMock(TopicSuite):
    @pytest.fixture
    def address(self, broker: MockBroker) -> str:
        return broker.address

    def ensure_topic(self, address: str, topic: str) -> int:
        return make(address, topic)

    def source(self, address: str, topic: str, offsets: Mapping[int, int], **options: Any) -> Source:
        return Source(address, topic, offsets, extra=SOON, **options)

    @pytest.fixture
    def forget(self, address: str) -> Callable[[str], int]:
        def forget(topic: str) -> int:
            overflow(address, topic)
            probe = Source(address, topic, {}, start="earliest")
            low = probe.offsets.next[0]
            probe.close()
            assert low > 1
            return low

        return forget

    def test_records_forgotten_while_reading_stop_the_stream(self, address: str, topic: str) -> None:
        small = {"queued.max.messages.kbytes": 1, "queued.min.messages": 1}
        source = Source(address, topic, {}, extra=small)
        overflow(address, topic)

        with pytest.raises(BadSource, match="retention has taken"):
            read(source, 60)
        source.close()

    def test_records_forgotten_while_reading_can_be_skipped(self, address: str, topic: str) -> None:
        small = {"queued.max.messages.kbytes": 1, "queued.min.messages": 1}
        source = Source(address, topic, {}, on_gap="skip", extra=small)
        overflow(address, topic)
        offsets: list[int] = []
        while not offsets or offsets[-1] < 59:
            offsets += [record.offset for record in source.poll(10, 0.05)]

        assert offsets == sorted(set(offsets))
        assert len(offsets) + source.offsets.gaps == 60
        assert source.offsets.gaps > 0
        source.close()


def test_a_topic_that_is_there_keeps_its_partitions(broker):
    assert ready(broker.address)
    assert ensure_topic(broker.address, "events") == 4
    assert Source(broker.address, "events.dead", {}).lag() == 0


def test_a_closed_broker_is_gone():
    broker = MockBroker(["events"])
    address = broker.address
    broker.close()

    assert not ready(address, wait_s=0.2)


def test_no_broker_is_a_bad_source(nobody, monkeypatch):
    for module in ("broker", "source", "watch"):
        monkeypatch.setattr(f"stream.kafka.{module}.ASK_S", 0.2)

    with pytest.raises(
        BadSource, match=rf"{nobody}: no answer from the broker \(.*\); start it, or correct kafka"
    ):
        Source(nobody, "events", {})
    with pytest.raises(BadSource, match=rf"{nobody}: no answer from the broker"):
        ensure_topic(nobody, "events")
    assert not ready(nobody, wait_s=0.1)


def test_publishing_to_nobody_is_a_bad_source(nobody):
    sink = Sink(nobody, "events", timeout_s=0.3)

    with pytest.raises(BadSource, match="cannot be written"):
        asyncio.run(sink.publish(b"u", b"x"))
    sink.close()


def test_records_that_wait_for_the_broker_are_told(nobody):
    sink = Sink(nobody, "events", timeout_s=3)
    sink.send(b"u", b"x")

    with pytest.raises(BadSource, match="1 records wait"):
        sink.flush(0.1)


def test_a_reader_that_gave_up_waiting_harms_nobody(broker):
    sink = Sink(broker.address, "events")

    async def publish() -> tuple[int, int]:
        task = asyncio.create_task(sink.publish(b"u", b"x"))
        await asyncio.sleep(0)
        task.cancel()
        return await sink.publish(b"u", b"y")

    partition, offset = asyncio.run(publish())

    assert (partition, offset) >= (0, 0)
    sink.close()


def test_each_of_many_records_that_are_published_at_once_has_its_place(broker):
    sink = Sink(broker.address, "events", partition=0)

    places = asyncio.run(sink.publish_all([(b"u", b"%d" % number) for number in range(500)]))

    first = places[0][1]
    assert places == [(0, first + number) for number in range(500)]
    sink.close()


def test_records_that_nobody_takes_say_so_one_by_one(nobody):
    sink = Sink(nobody, "events", timeout_s=1)

    places = asyncio.run(sink.publish_all([(b"u", b"x")] * 3))

    assert ["cannot be written" in str(place) for place in places] == [True] * 3
    sink.close()
