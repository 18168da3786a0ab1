"""What Source, Sink and DeadLetter do on any broker: a suite for the embedded one and for a real one.

Every test has a topic of its own, of one partition in use.
"""

import asyncio
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping

import pytest
from confluent_kafka import Consumer, TopicPartition

from stream.batch import Record
from stream.error import BadSource
from stream.kafka import DeadLetter, Sink, Source, ensure_topic

PLAIN = {"enable.idempotence": False}  # asking the embedded broker for a producer id takes half a second
CHILD = """
import sys
from stream.kafka import Source
source = Source(sys.argv[1], sys.argv[2], {})
records = []
while len(records) < 7:
    records += source.poll(7 - len(records), 0.1)
source.commit({0: 7})
print(records[-1].offset, flush=True)
sys.stdin.read()
"""


def read(source: Source, count: int) -> list[Record]:
    """So many records."""
    records: list[Record] = []
    limit = time.monotonic() + 20
    while len(records) < count and time.monotonic() < limit:
        records += source.poll(count - len(records), 0.05)
    assert len(records) == count
    return records


def until(condition: Callable[[], bool], source: Source) -> None:
    """Poll until it holds; a record that comes meanwhile is an error."""
    limit = time.monotonic() + 20
    while not condition() and time.monotonic() < limit:
        assert source.poll(10, 0.02) == []
    assert condition()


def letters(address: str, topic: str, count: int) -> list[tuple[bytes, dict[str, str]]]:
    """Bytes and headers of all records of a topic."""
    client = Consumer({"bootstrap.servers": address, "group.id": "reader", "log_level": 2})
    try:
        partitions = client.list_topics(topic, timeout=10).topics[topic].partitions
        client.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        found: list[tuple[bytes, dict[str, str]]] = []
        while len(found) < count:
            message = client.poll(10)
            assert message is not None
            assert message.error() is None
            found.append((message.value() or b"", {name: text.decode() for name, text in message.headers()}))
        return found
    finally:
        client.close()


class TopicSuite:
    """Subclasses give fixtures `address`, and `forget(topic)`: the broker drops the first records of partition 0."""

    @pytest.fixture
    def topic(self, address: str) -> str:
        name = f"t-{uuid.uuid4().hex[:12]}"
        ensure_topic(address, name, 1)
        return name

    def fill(self, address: str, topic: str, count: int, first: int = 0) -> None:
        sink = Sink(address, topic, partition=0, extra=PLAIN)
        for number in range(first, first + count):
            sink.send(b"u", b"%d" % number)
        sink.flush()
        sink.close()

    def source(self, address: str, topic: str, offsets: Mapping[int, int], **options: str | float) -> Source:
        return Source(address, topic, offsets, **options)  # type: ignore[arg-type]

    def test_records_come_in_order_with_their_place_and_time(self, address: str, topic: str) -> None:
        before = int(time.time() * 1000)
        self.fill(address, topic, 500)
        source = self.source(address, topic, {})

        records = read(source, 500)

        assert [record.payload for record in records] == [b"%d" % number for number in range(500)]
        assert [(record.partition, record.offset) for record in records] == [
            (0, number) for number in range(500)
        ]
        assert all(before <= record.produced_ms <= before + 60_000 for record in records)
        source.close()

    def test_reading_begins_at_the_given_offset(self, address: str, topic: str) -> None:
        self.fill(address, topic, 20)
        source = self.source(address, topic, {0: 17})

        assert [record.offset for record in read(source, 3)] == [17, 18, 19]
        source.close()

    def test_an_offset_at_the_end_is_no_gap(self, address: str, topic: str) -> None:
        self.fill(address, topic, 5)
        source = self.source(address, topic, {0: 5})
        self.fill(address, topic, 1, first=5)

        assert read(source, 1)[0].payload == b"5"
        source.close()

    def test_a_start_at_the_latest_reads_only_what_comes_later(self, address: str, topic: str) -> None:
        self.fill(address, topic, 5)
        source = self.source(address, topic, {}, start="latest")
        self.fill(address, topic, 1, first=5)

        assert read(source, 1)[0].payload == b"5"
        source.close()

    def test_the_committed_offset_is_told_but_not_trusted(self, address: str, topic: str) -> None:
        self.fill(address, topic, 10)
        source = self.source(address, topic, {}, group="g1")
        source.commit({0: 6})
        asked = Consumer({"bootstrap.servers": address, "group.id": "g1", "log_level": 2})

        until(
            lambda: asked.committed([TopicPartition(topic, 0)], 5)[0].offset == 6,
            self.source(address, topic, {0: 10}),
        )
        assert read(self.source(address, topic, {0: 2}, group="g1"), 1)[0].offset == 2
        asked.close()
        source.close()

    def test_lag_is_what_waits(self, address: str, topic: str) -> None:
        self.fill(address, topic, 30)
        source = self.source(address, topic, {0: 10})

        assert source.lag() == 20
        read(source, 5)
        assert source.lag() == 15
        read(source, 15)
        assert source.lag() == 0
        assert source.highs()[0] == 30
        self.fill(address, topic, 2)
        read(source, 1)
        limit = time.monotonic() + 20
        while source.lag() != 1 and time.monotonic() < limit:
            time.sleep(0.02)  # the two may have come one by one
        assert source.lag() == 1
        source.close()

    def test_records_of_one_key_share_a_partition(self, address: str, topic: str) -> None:
        sink = Sink(address, topic)
        places: list[tuple[int, int]] = []
        for _ in range(10):
            sink.send(b"u7", b"x", lambda partition, offset: places.append((partition, offset)))
        sink.flush()

        assert places == [(places[0][0], offset) for offset in range(10)]
        sink.close()

    def test_a_record_without_bytes_is_empty(self, address: str, topic: str) -> None:
        sink = Sink(address, topic, partition=0)
        sink.send(None, b"")
        sink.flush()
        sink.close()
        source = self.source(address, topic, {})

        assert read(source, 1)[0].payload == b""
        source.close()

    def test_publishing_tells_the_place(self, address: str, topic: str) -> None:
        sink = Sink(address, topic, partition=0)

        async def publish() -> list[tuple[int, int]]:
            return [await sink.publish(b"u", b"x") for _ in range(3)]

        assert asyncio.run(publish()) == [(0, 0), (0, 1), (0, 2)]
        sink.close()

    def test_a_paced_sink_keeps_near_its_reader(self, address: str, topic: str) -> None:
        source = self.source(address, topic, {})
        seen: list[int] = []

        def applied(partition: int) -> int:
            seen.append(source.highs()[0] - source.places.next[partition])
            source.poll(5, 0.01)
            return source.places.next[partition]

        sink = Sink(address, topic, ahead=20, applied=applied, partition=0)
        for number in range(300):
            sink.send(b"u", b"%d" % number)
        sink.flush()

        assert max(seen) <= 20
        sink.close()
        source.close()

    def test_a_killed_reader_is_followed_by_one_that_reads_on(self, address: str, topic: str) -> None:
        self.fill(address, topic, 10)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, address, topic],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        last = int(child.stdout.readline())
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()

        source = self.source(address, topic, {0: last + 1})

        assert [record.offset for record in read(source, 3)] == [7, 8, 9]
        source.close()

    def test_a_dead_letter_keeps_the_bytes_and_says_why(self, address: str, topic: str) -> None:
        dead = DeadLetter(address, topic, origin="events")
        dead.put(Record(3, 41, b'{"user":"\xff"', 0), "utf8", "record is not UTF-8: “ÿ”")
        dead.flush()
        dead.close()

        assert letters(address, topic, 1) == [
            (
                b'{"user":"\xff"',
                {
                    "riverwalk.reason": "utf8",
                    "riverwalk.message": "record is not UTF-8: “ÿ”",
                    "riverwalk.topic": "events",
                    "riverwalk.partition": "3",
                    "riverwalk.offset": "41",
                },
            )
        ]

    def test_a_huge_dead_letter_is_cut_and_says_so(self, address: str, topic: str) -> None:
        dead = DeadLetter(address, topic)
        dead.put(Record(0, 0, b"x" * 1_048_576, 0), "size", "too large")
        dead.flush()
        dead.close()
        [(payload, headers)] = letters(address, topic, 1)

        assert payload == b"x" * 900_000
        assert headers["riverwalk.size"] == "1048576"

    def test_a_topic_that_is_not_there_stops_the_stream(self, address: str) -> None:
        with pytest.raises(BadSource, match=r"topic nowhere cannot be read \(.*\); make it, or correct"):
            self.source(address, "nowhere", {})

    def test_an_offset_beyond_the_end_stops_the_stream(self, address: str, topic: str) -> None:
        self.fill(address, topic, 5)

        with pytest.raises(
            BadSource, match=r"ends at offset 5, the state at 9: the topic was made anew; set kafka"
        ):
            self.source(address, topic, {0: 9})

    def test_an_offset_beyond_the_end_can_be_skipped(self, address: str, topic: str) -> None:
        self.fill(address, topic, 5)
        source = self.source(address, topic, {0: 9}, on_gap="skip")

        assert read(source, 1)[0].offset == 0
        source.close()

    def test_a_partition_that_vanished_stops_the_stream(self, address: str, topic: str) -> None:
        with pytest.raises(BadSource, match=r"the state has read partition 9; the topic was made anew"):
            self.source(address, topic, {9: 1})

    def test_forgotten_records_stop_the_stream(
        self, address: str, topic: str, forget: Callable[[str], int]
    ) -> None:
        low = forget(topic)

        with pytest.raises(
            BadSource, match=rf"begins at offset {low}, the state ends at 1: retention has taken"
        ):
            self.source(address, topic, {0: 1})

    def test_forgotten_records_can_be_skipped_and_are_counted(
        self, address: str, topic: str, forget: Callable[[str], int]
    ) -> None:
        low = forget(topic)
        source = self.source(address, topic, {0: 1}, on_gap="skip")

        assert read(source, 1)[0].offset == low
        assert source.places.gaps == low - 1
        source.close()
