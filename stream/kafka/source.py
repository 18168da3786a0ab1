"""Kafka: the only file that knows its client.

A Source reads a topic from offsets that are ours (they lie in the store beside the state they made), a Sink writes
to one, a DeadLetter keeps what was no event, and an EmbeddedBroker is a broker inside this process: librdkafka's test
broker.  It speaks the real protocol, to other processes too, and:

    - keeps 5 MiB a partition, as sent: about 31 000 small messages (a Sink compresses, and `ahead` waits for a reader)
    - gives every topic 4 partitions; answers a reader without news after the longest wait allowed, a Source's 5 ms
    - shows aborted transactions, and forgets everything with its process
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from stream.error import BadSource
from stream.event.batch import Record
from stream.kafka.broker import ASK_S, MOCK, Extra, ask, client_settings
from stream.kafka.offset import Places

_READER: Final = {
    "enable.auto.commit": False, "enable.auto.offset.store": False, "auto.offset.reset": "error",
    "enable.partition.eof": True, "fetch.queue.backoff.ms": 5, "queued.max.messages.kbytes": 16_384,
}  # fmt: skip
_PASSING: Final = ("_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "_RESOLVE")  # the client tries again


class Source:
    """Reads the records of a topic, every partition, from given offsets on.  One thread uses it.

    No broker, no topic, or a gap with on_gap="stop" is a BadSource.

    Args:
        address: host:port of the broker, several with commas; `topic` must exist there.
        offsets: Partition -> next offset to read; a partition left out begins at its earliest record.
        on_gap: What to do when the broker no longer holds the offset that comes next: "stop" or "skip".
        start: Where to begin when `offsets` is empty: "earliest" or "latest".
        group: The name under which `commit` tells others how far we are.
        refresh_s: How often to look for new partitions.
        extra: More settings of the client.
    """

    def __init__(
        self, address: str, topic: str, offsets: Mapping[int, int], *, on_gap: str = "stop",
        start: str = "earliest", group: str = "riverwalk", refresh_s: float = 30.0, extra: Extra | None = None,
    ) -> None:  # fmt: skip
        self._address, self._topic = address, topic
        self._refresh_s, self._refresh_at = refresh_s, time.monotonic() + refresh_s
        self.places = Places(topic, offsets, on_gap=on_gap, start=start)
        settings = client_settings(address, extra, **{**_READER, "group.id": group})
        self._client = Consumer(settings)
        try:
            if ask(self._address, self._client.list_topics, timeout=ASK_S).cluster_id.startswith(MOCK):
                self._client.close()
                self._client = Consumer({**settings, "fetch.wait.max.ms": 5})
            self.places.begin({partition: self._bounds(partition) for partition in self._partitions()})
        except BadSource:
            self._client.close()
            raise
        self._assign()

    def poll(self, limit: int, wait_s: float) -> list[Record]:
        """Up to `limit` records, those that came within `wait_s` seconds; in order within a partition."""
        if time.monotonic() > self._refresh_at:
            self._refresh()
        records, reached = list[Record](), self.places.next
        messages: list[Any] = self._client.consume(limit, wait_s)
        for message in messages:
            error = message.error()
            if error is not None:
                self._settle(message, error)
                continue
            partition, offset = message.partition(), message.offset()
            value, key = message.value() or b"", message.key() or b""
            records.append(Record(partition, offset, value, message.timestamp()[1], key))
            reached[partition] = offset + 1
        return records

    def commit(self, ends: Mapping[int, int]) -> None:
        """Tell others (lag tools, a pacing producer) how far we are; nothing here relies on it."""
        places = [TopicPartition(self._topic, *end) for end in ends.items()]
        with suppress(KafkaException):
            if places:
                self._client.commit(offsets=places, asynchronous=True)

    def highs(self) -> dict[int, int]:
        """Partition -> the end of it, as last heard from the broker; asks nobody."""
        known = self.places.high
        for partition in known:
            _, high = self._client.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
            known[partition] = max(known[partition], high)
        return dict(known)

    def lag(self) -> int:
        """How many records wait to be polled, as far as the broker has told."""
        self.highs()
        return self.places.lag()

    def close(self) -> None:
        """Let the broker go; nothing is committed."""
        self._client.close()

    def _assign(self) -> None:
        self._client.assign([TopicPartition(self._topic, *place) for place in self.places.next.items()])

    def _refresh(self) -> None:
        """Look for partitions that were added."""
        self._refresh_at = time.monotonic() + self._refresh_s
        with suppress(BadSource):  # a broker that is away now is asked again later
            new = self._partitions() - set(self.places.next)
            for partition in new:
                self.places.add(partition, *self._bounds(partition))
            if new:
                self._assign()

    def _partitions(self) -> set[int]:
        about = ask(self._address, self._client.list_topics, self._topic, timeout=ASK_S).topics[self._topic]
        if about.error is not None:
            why = f"topic {self._topic} cannot be read ({about.error.str()})"
            raise BadSource(f"{self._address}: {why}; make it, or correct kafka.topic")
        return set(about.partitions)

    def _bounds(self, partition: int) -> tuple[int, int]:
        place = TopicPartition(self._topic, partition)
        low, high = ask(self._address, self._client.get_watermark_offsets, place, timeout=ASK_S)
        return low, high

    def _settle(self, message: Any, error: KafkaError) -> None:
        """Go on after what a poll brought instead of a record, or raise BadSource."""
        code, partition = error.code(), message.partition()
        if code == KafkaError._PARTITION_EOF:
            self.places.reach(partition, message.offset())
        elif code == KafkaError._AUTO_OFFSET_RESET:
            self.places.mend(partition, *self._bounds(partition))
            self._assign()
        elif error.fatal() or not (error.retriable() or error.name() in _PASSING):
            raise BadSource(f"{self._address}: topic {self._topic} cannot be read any more: {error.str()}")
