"""Read a topic from offsets of our own, which lie in the store beside the state they made.

No record of a topic that was made anew under the same name is handed over.  The client itself goes on with such a topic,
at the old offset; but its fetches fail when the topic is deleted, and then it waits `BACKOFF_S` before the next one.  So a
record that came while the topic is known to have been the same less than `FRESH_S` ago is of that topic; any other one,
and all that comes after a connection was lost, waits for an answer to a question that was asked after it came.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from stream.error import BadSource
from stream.event.batch import Record
from stream.kafka.broker import ASK_S, Extra, ask, client_settings, connect
from stream.kafka.offset import Place
from stream.kafka.watch import Watch

BACKOFF_S, FRESH_S = 2.0, 1.5
HELD_S: Final = 5.0  # how long a transaction may be open before it is told
PAUSE_S: Final = 0.005  # between two looks while records wait for an answer
GATHER_S: Final = 0.001  # for the records right behind the first one
MANY: Final = (
    1_024  # records of a poll from which on there is a backlog, where full batches count more than soon ones
)
_READER: Final = {
    "enable.auto.commit": False, "enable.auto.offset.store": False, "auto.offset.reset": "error",
    "enable.partition.eof": True, "fetch.queue.backoff.ms": 5, "queued.max.messages.kbytes": 16_384,
    "fetch.error.backoff.ms": round(BACKOFF_S * 1000), "socket.timeout.ms": 10_000,
}  # fmt: skip
_PASSING: Final = ("_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "_RESOLVE")  # the client tries again


class Source:
    """Reads the records of a topic, every partition, from given offsets on.  One thread uses it.

    No broker, no topic, another topic than it was, or a gap with on_gap="stop" is a BadSource.

    Args:
        address: host:port of the broker, several with commas; `topic` must exist there.
        offsets: Partition -> next offset to read; a partition left out begins at its earliest record.
        on_gap: What to do when the broker no longer holds the offset that comes next, or the topic was made anew: "stop" or "skip".
        start: Where to begin when `offsets` is empty: "earliest" or "latest".
        group: The name under which `commit` reports our position.
        topic_id: The identity of the topic that `offsets` are of; empty where it is not known.
        extra: More settings of the client.
    """

    def __init__(
        self, address: str, topic: str, offsets: Mapping[int, int], *, on_gap: str = "stop",
        start: str = "earliest", group: str = "riverwalk", topic_id: str = "", extra: Extra | None = None,
    ) -> None:  # fmt: skip
        self._address, self._topic = address, topic
        self._place = Place(topic, offsets, on_gap=on_gap, start=start, topic_id=topic_id)
        self._waiting: list[Any] = []  # what came and is not known to be of this topic
        self._known_at = 0.0  # what waits may be handed over when the topic was found after this
        self._strict = True  # nothing came since a connection was begun or lost
        self._lost: set[int] = set()  # partitions whose next offset the broker does not hold
        self._only: set[int] | None = None
        self._many = False  # whether the last poll brought many
        self._ends: dict[int, tuple[int, float]] = {}  # partition -> the end that was reached, and when
        settings = client_settings(address, extra, **{**_READER, "group.id": group, "error_cb": self._hear})
        self._client = connect(Consumer, settings)
        try:
            self._watch = Watch(address, topic, self._client.list_topics, extra)
            found = self._watch.open()
            self.topic_id = found.id
            self.offsets = self._place.offsets(self.topic_id, address)
            self.offsets.begin({partition: self._bounds(partition) for partition in found.partitions})
        except BadSource:
            self._client.close()
            raise
        self._assign()

    def poll(self, limit: int, wait_s: float) -> list[Record]:
        """Return up to `limit` records: waits up to `wait_s` for the first, then a moment for those right behind it; in
        order within a partition."""
        self._look()
        if not self._waiting:
            self._waiting = self._client.consume(1, wait_s)
            if (
                self._waiting and limit > 1
            ):  # the client waits for as many as it is asked for, or all of its time
                gather_s = wait_s if self._many else min(wait_s, GATHER_S)
                self._waiting += self._client.consume(limit - 1, gather_s)
            self._many = len(self._waiting) >= MANY
            self._known_at = self._wanted()
        if self._waiting and not self._known():
            self._watch.step(PAUSE_S)
            time.sleep(min(wait_s, PAUSE_S))
            return []
        messages, self._waiting = self._waiting, []
        return self._records(messages)

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
        """Return how many records wait to be polled, by the end offsets last reported; -1 while that is not known."""
        if self.trouble():
            return -1
        self.highs()
        return self.offsets.lag()

    def trouble(self) -> str:
        """Return why the topic cannot be read, and what to do; empty while it can."""
        self._watch.step()
        return self._anew() or self._watch.trouble()

    def held(self) -> str:
        """Return which partition waits for an open transaction, and since when; empty while none does for long."""
        high, now = self.highs(), time.monotonic()
        for partition, (offset, since) in self._ends.items():
            if high[partition] <= offset or offset != self.offsets.next[partition]:
                continue
            if now - since > HELD_S and (self._only is None or partition in self._only):
                where = f"topic {self._topic} partition {partition} at offset {offset}"
                return (
                    f"{self._address}: an open transaction holds {where} since {now - since:.0f} s; "
                    "the broker ends it when its transaction.timeout.ms is over: look for the producer that left it open"
                )
        return ""

    def waiting(self) -> dict[int, int]:
        """Return partition -> how many records are known to be there and were not polled."""
        high = self.highs()
        return {partition: max(0, high[partition] - at) for partition, at in self.offsets.next.items()}

    def only(self, partitions: set[int] | None) -> None:
        """Poll these partitions alone from now on, None for all of them."""
        self._only = partitions
        for partition in self.offsets.next:
            self._pause(partition)

    def close(self) -> None:
        """Disconnect; nothing is committed."""
        self._watch.close()
        self._client.close()

    def _assign(self) -> None:
        """Read on at our offsets; what came and was not handed over comes again."""
        self._waiting = []
        self._client.assign([TopicPartition(self._topic, *pair) for pair in self.offsets.next.items()])
        self.only(self._only)

    def _pause(self, partition: int) -> None:
        paused = self._only is not None and partition not in self._only
        (self._client.pause if paused else self._client.resume)([TopicPartition(self._topic, partition)])

    def _look(self) -> None:
        """Learn what the broker says of the topic, or raise BadSource where it is another one."""
        self._watch.step()
        anew = self._anew()
        if anew:
            raise BadSource(anew)
        for partition in self._watch.found.partitions - self.offsets.next.keys():
            self.offsets.add(partition, 0, 0)
            self._client.incremental_assign([TopicPartition(self._topic, partition, OFFSET_BEGINNING)])
            self._pause(partition)
        if self._lost and not self._watch.trouble():
            self._close_gaps()

    def _anew(self) -> str:
        """Return what is wrong when the topic under this name is not the one that was opened."""
        now = self._watch.found.id
        return (
            self._place.anew(self.topic_id, now, self._address)
            if self.topic_id and now and now != self.topic_id
            else ""
        )

    def _wanted(self) -> float:
        """Return since when the topic must have been found for what came just now."""
        codes = [error.code() for message in self._waiting if (error := message.error()) is not None]
        strict = self._strict or any(code != KafkaError._PARTITION_EOF for code in codes)
        if len(self._waiting) > len(codes) or KafkaError._PARTITION_EOF in codes:  # something was fetched
            self._strict = False
        return time.monotonic() - (0.0 if strict else FRESH_S)

    def _known(self) -> bool:
        """Whether what waits is of the topic that was opened."""
        return not self.topic_id or (self._watch.since > self._known_at and not self._watch.gone)

    def _records(self, messages: list[Any]) -> list[Record]:
        """Return the records among messages, and go on behind them."""
        records, reached = list[Record](), self.offsets.next
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

    def _settle(self, message: Any, error: KafkaError) -> None:
        """Go on after what a poll brought instead of a record, or raise BadSource."""
        code, partition = error.code(), message.partition()
        if code == KafkaError._PARTITION_EOF:
            self.offsets.reach(partition, message.offset())
            self._ends[partition] = message.offset(), time.monotonic()
        elif code == KafkaError._AUTO_OFFSET_RESET:
            self._lost.add(partition)
        elif error.fatal() or not (error.retriable() or error.name() in _PASSING):
            raise BadSource(f"{self._address}: topic {self._topic} cannot be read any more: {error.str()}")

    def _close_gaps(self) -> None:
        """Skip what the broker no longer holds, or raise BadSource; where it does not answer now, later."""
        bounds = dict[int, tuple[int, int]]()
        with suppress(BadSource):
            bounds = {partition: self._bounds(partition) for partition in self._lost}
        for partition, ends in bounds.items():
            self.offsets.close_gap(partition, *ends)
            self._lost.discard(partition)
        if bounds:
            self._assign()

    def _bounds(self, partition: int) -> tuple[int, int]:
        position = TopicPartition(self._topic, partition)
        low, high = ask(self._address, self._client.get_watermark_offsets, position, timeout=ASK_S)
        return low, high

    def _hear(self, error: KafkaError) -> None:
        """Note that a connection was lost: the client may have learned of another topic since."""
        self._strict = True
