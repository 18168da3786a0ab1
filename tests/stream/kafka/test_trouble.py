"""What a source tells on a real Kafka while its topic cannot be read: no topic, another topic, an open transaction."""

import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from stream.broker import open_source, topic_id
from stream.error import BadSource
from stream.event.batch import Record
from stream.kafka.broker import ensure_topic
from stream.kafka.sink import Sink
from stream.kafka.source import Source
from tests.fixture.broker.topic import read, until

pytestmark = pytest.mark.kafka
SHOWN_S = 5.0  # within which a fault is to show


def fill(address: str, topic: str, count: int, name: str = "") -> None:
    sink = Sink(address, topic, partition=0)
    for number in range(count):
        sink.send(b"u", f"{name}{number}".encode())
    sink.flush()
    sink.close()


def delete(address: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": address, "log_level": 2})
    admin.delete_topics([topic])[topic].result(10)


def anew(address: str, topic: str, count: int) -> None:
    """Delete a topic and make it again as fast as the broker can, with so many records."""
    delete(address, topic)
    limit = time.monotonic() + 10
    while True:
        try:
            ensure_topic(address, topic)
            break
        except BadSource:  # still being deleted
            assert time.monotonic() < limit
    fill(address, topic, count, "new")


def seconds_until(told: Callable[[], Any], source: Source, limit_s: float = SHOWN_S) -> float:
    """How long it takes until it holds, in a loop that polls as ingest does; a record is an error."""
    began = time.monotonic()
    while not told():
        assert time.monotonic() - began < limit_s
        assert source.poll(100, 0.01) == []
    return time.monotonic() - began


def last(source: Source) -> tuple[str, list[Record]]:
    """What polling is refused with, and the records that came until then."""
    limit, records = time.monotonic() + SHOWN_S, list[Record]()
    while time.monotonic() < limit:
        try:
            records += source.poll(10, 0.01)
        except BadSource as exc:
            return str(exc), records
    pytest.fail(f"no error within {SHOWN_S} s")


@pytest.fixture
def address(kafka_address: str) -> str:
    return kafka_address


@pytest.fixture
def topic(address: str) -> str:
    name = f"t-{uuid.uuid4().hex[:12]}"
    ensure_topic(address, name)
    return name


@pytest.fixture
def source(address: str, topic: str) -> Iterator[Source]:
    fill(address, topic, 60)
    source = Source(address, topic, {})
    assert len(read(source, 60)) == 60
    until(lambda: source.lag() == 0, source)
    yield source
    source.close()


def test_a_topic_that_is_deleted_is_told(source: Source, address: str, topic: str) -> None:
    assert source.trouble() == ""
    delete(address, topic)

    seconds_until(source.trouble, source)
    assert source.trouble().startswith(f"{address}: topic {topic} is not there any more")
    assert "it was deleted" in source.trouble()
    assert source.lag() == -1


@pytest.mark.parametrize("count", [20, 60, 200])
def test_a_topic_made_anew_while_it_is_read_is_an_error_and_gives_no_record(
    source: Source, address: str, topic: str, count: int
) -> None:
    before = source.topic_id
    anew(address, topic, count)

    why, records = last(source)
    assert records == []
    now = topic_id(address, topic)
    assert (
        f"topic {topic} is not the one this state was made from ({before}, now {now}): it was made anew"
        in why
    )
    assert 'set kafka.on_gap = "skip"' in why
    assert source.trouble() == why


def test_a_topic_made_anew_behind_an_unread_backlog_gives_no_record_of_its_own(
    address: str, topic: str
) -> None:
    fill(address, topic, 1000, "old")
    source = Source(address, topic, {})
    records: list[Record] = []
    while len(records) < 10:
        records += source.poll(10 - len(records), 0.05)
    anew(address, topic, 3000)

    why, more = last(source)
    assert "it was made anew" in why
    records += more
    assert all(record.payload.startswith(b"old") for record in records)
    source.close()


@pytest.mark.parametrize("count", [20, 60, 200])
def test_a_topic_made_anew_between_two_lives_is_an_error_or_read_from_its_beginning(
    address: str, topic: str, count: int
) -> None:
    fill(address, topic, 60)
    before = topic_id(address, topic)
    anew(address, topic, count)

    with pytest.raises(
        BadSource, match=re.escape(f"topic {topic} is not the one this state was made from ({before}, now")
    ):
        open_source(address, topic, {0: 60}, topic_id=before)
    source = open_source(address, topic, {0: 60}, topic_id=before, on_gap="skip", start="latest")
    assert [record.payload for record in read(source, count)] == [b"new%d" % n for n in range(count)]  # type: ignore[arg-type]
    assert source.topic_id == topic_id(address, topic)
    source.close()
    source = open_source(address, topic, {0: 5}, topic_id=source.topic_id)
    assert read(source, 1)[0].offset == 5  # type: ignore[arg-type]
    source.close()


def test_added_partitions_are_read_within_seconds(source: Source, address: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": address, "log_level": 2})
    admin.create_partitions([NewPartitions(topic, 3)])[topic].result(10)
    for partition in (1, 2):
        sink = Sink(address, topic, partition=partition)
        for number in range(5):
            sink.send(b"u", b"%d" % number)
        sink.flush()
        sink.close()
    began = time.monotonic()

    records = read(source, 10)
    assert time.monotonic() - began < SHOWN_S
    for partition in (1, 2):
        assert [r.offset for r in records if r.partition == partition] == [0, 1, 2, 3, 4]
    until(lambda: source.lag() == 0, source)


@pytest.mark.slow
def test_an_open_transaction_in_front_is_told_and_counts_as_lag(
    source: Source, address: str, topic: str
) -> None:
    client = Producer({"bootstrap.servers": address, "transactional.id": topic, "log_level": 2})
    client.init_transactions(20)
    client.begin_transaction()
    for number in range(7):
        client.produce(topic, b"held%d" % number, partition=0)
    client.flush(20)
    fill(address, topic, 3)

    took = seconds_until(source.held, source, 10)
    assert took > 4.5
    assert f"an open transaction holds topic {topic} partition 0 at offset 60 since " in source.held()
    assert source.lag() == 10
    assert source.trouble() == ""
    client.commit_transaction(20)
    assert len(read(source, 10)) == 10
    assert source.held() == ""
    until(lambda: source.lag() == 0, source)


def test_opening_without_a_broker_is_refused_soon(kafka_address: str) -> None:
    with socket.socket() as deaf:  # takes connections and never answers
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        for question in (lambda: Source(address, "events", {}), lambda: ensure_topic(address, "events")):
            began = time.monotonic()
            with pytest.raises(
                BadSource, match=rf"{address}: no answer from the broker \(.*\); start it, or correct"
            ):
                question()
            assert time.monotonic() - began < 3.5
