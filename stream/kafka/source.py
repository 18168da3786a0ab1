"""Read a topic from offsets of our own, which lie in the store beside the state they made."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from stream.error import BadSource
from stream.event.batch import Record
from stream.kafka.broker import ASK_S, Extra, ask, client_settings
from stream.kafka.offset import Offsets

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
        group: The name under which `commit` reports our position.
        refresh_s: How often to look for new partitions.
        extra: More settings of the client.
    """

    def __init__(
        self, address: str, topic: str, offsets: Mapping[int, int], *, on_gap: str = "stop",
        start: str = "earliest", group: str = "riverwalk", refresh_s: float = 30.0, extra: Extra | None = None,
    ) -> None:  # fmt: skip
        self._address, self._topic = address, topic
        self._refresh_s, self._refresh_at = refresh_s, time.monotonic() + refresh_s
        self.offsets = Offsets(topic, offsets, on_gap=on_gap, start=start)
        settings = client_settings(address, extra, **{**_READER, "group.id": group})
        self._client = Consumer(settings)
        try:
            self.offsets.begin({partition: self._bounds(partition) for partition in self._partitions()})
        except BadSource:
            self._client.close()
            raise
        self._assign()

    def poll(self, limit: int, wait_s: float) -> list[Record]:
        """Return up to `limit` records, those that came within `wait_s` seconds; in order within a partition."""
        if time.monotonic() > self._refresh_at:
            self._refresh()
        records, reached = list[Record](), self.offsets.next
        messages: list[Any] = self._client.consume(limit, wait_s)
        for message in messages:
            error = message.error()
            if error is not None:
                self._settle(message, error)
                continue
            partition, offset = message.partition(), message.offset()
            value, key = message.value(), message.key()
            bare = value is None, key is not None
            ms, headers = message.timestamp()[1], message.headers() or ()
            records.append(Record(partition, offset, value or b"", ms, key or b"", headers, *bare))
            reached[partition] = offset + 1
        return records

    def commit(self, ends: Mapping[int, int]) -> None:
        """Report our position to others (lag tools, a pacing producer); nothing here relies on it."""
        positions = [TopicPartition(self._topic, *end) for end in ends.items()]
        with suppress(KafkaException):
            if positions:
                self._client.commit(offsets=positions, asynchronous=True)

    def highs(self) -> dict[int, int]:
        """Return partition -> end offset as last reported by the broker, without a request."""
        known = self.offsets.high
        for partition in known:
            _, high = self._client.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
            known[partition] = max(known[partition], high)
        return dict(known)

    def lag(self) -> int:
        """Return how many records wait to be polled, by the end offsets last reported."""
        self.highs()
        return self.offsets.lag()

    def trouble(self) -> str:
        """Return what keeps records from coming, empty where nothing does."""
        return ""

    def waiting(self) -> dict[int, int]:
        """Return partition -> how many records are known to be there and were not polled."""
        high = self.highs()
        return {partition: max(0, high[partition] - at) for partition, at in self.offsets.next.items()}

    def only(self, partitions: set[int] | None) -> None:
        """Poll these partitions alone from now on, None for all of them."""
        both = {partition: [TopicPartition(self._topic, partition)] for partition in self.offsets.next}
        for partition, positions in both.items():
            paused = partitions is not None and partition not in partitions
            (self._client.pause if paused else self._client.resume)(positions)

    def close(self) -> None:
        """Disconnect; nothing is committed."""
        self._client.close()

    def _assign(self) -> None:
        self._client.assign([TopicPartition(self._topic, *pair) for pair in self.offsets.next.items()])

    def _refresh(self) -> None:
        """Look for partitions that were added."""
        self._refresh_at = time.monotonic() + self._refresh_s
        with suppress(BadSource):  # a broker that is away now is asked again later
            new = self._partitions() - set(self.offsets.next)
            for partition in new:
                self.offsets.add(partition, *self._bounds(partition))
            if new:
                self._assign()

    def _partitions(self) -> set[int]:
        about = ask(self._address, self._client.list_topics, self._topic, timeout=ASK_S).topics[self._topic]
        if about.error is not None:
            why = f"topic {self._topic} cannot be read ({about.error.str()})"
            raise BadSource(f"{self._address}: {why}; make it, or correct kafka.topic")
        return set(about.partitions)

    def _bounds(self, partition: int) -> tuple[int, int]:
        position = TopicPartition(self._topic, partition)
        low, high = ask(self._address, self._client.get_watermark_offsets, position, timeout=ASK_S)
        return low, high

    def _settle(self, message: Any, error: KafkaError) -> None:
        """Go on after what a poll brought instead of a record, or raise BadSource."""
        code, partition = error.code(), message.partition()
        if code == KafkaError._PARTITION_EOF:
            self.offsets.reach(partition, message.offset())
        elif code == KafkaError._AUTO_OFFSET_RESET:
            self.offsets.close_gap(partition, *self._bounds(partition))
            self._assign()
        elif error.fatal() or not (error.retriable() or error.name() in _PASSING):
            raise BadSource(f"{self._address}: topic {self._topic} cannot be read any more: {error.str()}")
