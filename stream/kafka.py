"""Kafka: the only file that knows its client.

A Source reads a topic from offsets that are ours (they lie in the store beside the state they made), a Sink writes
to one, a DeadLetter keeps what was no event, and an EmbeddedBroker is a broker inside this process.

The embedded broker is librdkafka's test broker.  It speaks the real protocol, to other processes too, and:

    - keeps 5 MiB a partition, as sent: about 31 000 small messages, several times that when a busy producer's
      batches are compressed (a Sink does, and with `ahead` it waits for its reader)
    - gives every topic 4 partitions (a Sink can be told to fill one only)
    - answers a reader without news only after the longest wait the reader allows, so a Source allows it 5 ms
    - shows aborted transactions, and forgets everything with its process
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from stream.batch import Record
from stream.error import BadSource

GROUP: Final = "riverwalk"
MAX_LETTER_BYTES: Final = 900_000  # a default broker takes 1 048 588 with headers
_ASK_S: Final = 10.0  # how long a question to the broker may take
_MOCK: Final = "mockCluster"
_QUIET: Final = {"log_level": 2, "socket.keepalive.enable": True}  # errors come back as values
_PASSING: Final = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE)

Extra = Mapping[str, str | int | float | bool]
"""Settings of librdkafka by name, for TLS, passwords and whatever else a broker wants."""


def ready(address: str, extra: Extra | None = None, wait_s: float = 2.0) -> bool:
    """Whether a broker answers there."""
    try:
        client = AdminClient({"bootstrap.servers": address, **_QUIET, **(extra or {})})
        return bool(client.list_topics(timeout=wait_s).brokers)
    except KafkaException:
        return False


def ensure_topic(address: str, topic: str, partitions: int = 1, extra: Extra | None = None) -> int:
    """Make a topic where there is none; how many partitions it has (the embedded broker always gives 4)."""
    client = AdminClient({"bootstrap.servers": address, **_QUIET, **(extra or {})})
    try:
        about = client.list_topics(timeout=_ASK_S)
        if topic in about.topics and about.topics[topic].error is None:
            return len(about.topics[topic].partitions)
        if str(about.cluster_id).startswith(_MOCK):
            return len(_touch(Producer({"bootstrap.servers": address, **_QUIET}), topic))
        client.create_topics([NewTopic(topic, partitions)], request_timeout=_ASK_S)[topic].result(2 * _ASK_S)
        return partitions
    except KafkaException as exc:
        if exc.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return partitions
        raise BadSource(f"{address}: topic {topic} cannot be made: {exc.args[0].str()}") from exc


def _touch(client: Producer, topic: str) -> dict[int, Any]:
    partitions: dict[int, Any] = client.list_topics(topic, timeout=_ASK_S).topics[topic].partitions
    return partitions


class EmbeddedBroker:
    """A broker on a free port of 127.0.0.1 for as long as this object lives, with some topics made."""

    def __init__(self, topics: Iterable[str] = ()) -> None:
        self._client: Producer | None = Producer({"test.mock.num.brokers": 1, **_QUIET})
        broker = next(iter(self._client.list_topics(timeout=_ASK_S).brokers.values()))
        self.address = f"{broker.host}:{broker.port}"
        for topic in topics:
            _touch(self._client, topic)

    def close(self) -> None:
        """End the broker and forget what it held."""
        self._client = None


class Source:
    """Reads the records of a topic, every partition, from given offsets on.  One thread uses it.

    Args:
        address: host:port of the broker, several with commas.
        topic: Must exist.
        offsets: Partition -> next offset to read, as the store knows them.  A partition left out begins at its
            earliest record.
        on_gap: What to do when the broker no longer holds the offset that comes next: "stop" or "skip".
        start: Where to begin when `offsets` is empty: "earliest" or "latest".
        group: The name under which `commit` tells others how far we are.
        refresh_s: How often to look for new partitions.
        extra: More settings of the client.

    Raises:
        BadSource: no broker, no topic, or a gap with on_gap="stop".
    """

    def __init__(
        self,
        address: str,
        topic: str,
        offsets: Mapping[int, int],
        *,
        on_gap: str = "stop",
        start: str = "earliest",
        group: str = GROUP,
        refresh_s: float = 30.0,
        extra: Extra | None = None,
    ) -> None:
        self._address, self._topic = address, topic
        self._refresh_s, self._refresh_at = refresh_s, time.monotonic() + refresh_s
        self._places = Places(topic, offsets, on_gap=on_gap, start=start)
        settings = {**_settings(address, None), **_READER, "group.id": group, **(extra or {})}
        self._client = Consumer(settings)
        try:
            if _is_embedded(self._ask(self._client.list_topics, timeout=_ASK_S)):
                self._client.close()
                self._client = Consumer({**settings, "fetch.wait.max.ms": 5})
            self._places.begin({partition: self._bounds(partition) for partition in self._partitions()})
        except BadSource:
            self._client.close()
            raise
        self._assign()

    @property
    def positions(self) -> dict[int, int]:
        """Partition -> next offset to poll."""
        return dict(self._places.next)

    @property
    def gaps(self) -> int:
        """Records lost to gaps that were skipped."""
        return self._places.gaps

    def poll(self, limit: int, wait_s: float) -> list[Record]:
        """Up to `limit` records, those that came within `wait_s` seconds; in order within a partition."""
        if time.monotonic() > self._refresh_at:
            self._refresh()
        records = []
        reached = self._places.next
        messages: list[Any] = self._client.consume(limit, wait_s)
        for message in messages:
            error = message.error()
            if error is not None:
                self._settle(message, error)
                continue
            partition, offset = message.partition(), message.offset()
            records.append(Record(partition, offset, message.value() or b"", message.timestamp()[1]))
            reached[partition] = offset + 1
        return records

    def commit(self, ends: Mapping[int, int]) -> None:
        """Tell others (lag tools, a pacing producer) how far we are; nothing here relies on it."""
        if ends:
            with suppress(KafkaException):
                places = [TopicPartition(self._topic, partition, end) for partition, end in ends.items()]
                self._client.commit(offsets=places, asynchronous=True)

    def highs(self) -> dict[int, int]:
        """Partition -> the end of it, as last heard from the broker; asks nobody."""
        known = self._places.high
        for partition in known:
            _, high = self._client.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
            known[partition] = max(known[partition], high)
        return dict(known)

    def lag(self) -> int:
        """How many records wait to be polled, as far as the broker has told."""
        self.highs()
        return self._places.lag()

    def close(self) -> None:
        """Let the broker go; nothing is committed."""
        self._client.close()

    def _assign(self) -> None:
        self._client.assign([TopicPartition(self._topic, *place) for place in self._places.next.items()])

    def _refresh(self) -> None:
        """Look for partitions that were added."""
        self._refresh_at = time.monotonic() + self._refresh_s
        with suppress(BadSource):  # a broker that is away now is asked again later
            new = self._partitions() - set(self._places.next)
            for partition in new:
                self._places.add(partition, *self._bounds(partition))
            if new:
                self._assign()

    def _partitions(self) -> set[int]:
        about = self._ask(self._client.list_topics, self._topic, timeout=_ASK_S).topics[self._topic]
        if about.error is not None:
            raise BadSource(
                f"{self._address}: topic {self._topic} cannot be read ({about.error.str()}); "
                "make it, or correct kafka.topic"
            )
        return set(about.partitions)

    def _bounds(self, partition: int) -> tuple[int, int]:
        place = TopicPartition(self._topic, partition)
        low, high = self._ask(self._client.get_watermark_offsets, place, timeout=_ASK_S)
        return low, high

    def _ask(self, question: Callable[..., Any], *args: Any, **options: Any) -> Any:
        try:
            return question(*args, **options)
        except KafkaException as exc:
            raise BadSource(
                f"{self._address}: no answer from the broker ({exc.args[0].str()}); start it, or correct kafka.address"
            ) from exc

    def _settle(self, message: Any, error: KafkaError) -> None:
        """Go on after what a poll brought instead of a record, or raise BadSource."""
        code, partition = error.code(), message.partition()
        if code == KafkaError._PARTITION_EOF:
            self._places.reach(partition, message.offset())
        elif code == KafkaError._AUTO_OFFSET_RESET:
            self._places.mend(partition, *self._bounds(partition))
            self._assign()
        elif error.fatal() or not (error.retriable() or code in _PASSING):
            raise BadSource(f"{self._address}: topic {self._topic} cannot be read any more: {error.str()}")


class Sink:
    """Writes records to a topic.  Without `publish` one thread uses it.

    Args:
        address, topic: Where to.
        ahead: How many records to be ahead of the reader at most, for a broker that forgets; 0 does not wait.
        applied: Partition -> the next offset its reader has not read, for `ahead`.
        partition: The partition for all records; left out, records of one key share one.
        timeout_s: How long the broker may take to accept a record.
        extra: More settings of the client.
    """

    def __init__(
        self,
        address: str,
        topic: str,
        *,
        ahead: int = 0,
        applied: Callable[[int], int] | None = None,
        partition: int = -1,
        timeout_s: float = 30.0,
        extra: Extra | None = None,
    ) -> None:
        self._address, self._topic, self._partition = address, topic, partition
        self._ahead, self._applied, self._room = ahead, applied, ahead
        self._ends: dict[int, int] = {}
        self._failure = ""
        self._closed = threading.Event()
        self._poller: threading.Thread | None = None
        self._client = Producer(
            {**_settings(address, None), **_WRITER, "message.timeout.ms": int(timeout_s * 1000), **(extra or {})}
        )

    def send(
        self,
        key: bytes | None,
        payload: bytes,
        on_done: Callable[[int, int], None] | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Queue a record, and wait only while the queue is full or the reader is too far behind.

        `on_done` is told partition and offset once the broker has it, inside a later call; `flush` tells failures.
        """
        if self._applied is not None:
            self._wait_for_reader(self._applied)
        done = self._done if on_done is None else partial(self._done, on_done=on_done)
        while not self._queue(key, payload, done, headers):
            self._client.poll(0.05)

    async def publish(self, key: bytes, payload: bytes) -> tuple[int, int]:
        """Write a record; its partition and offset, or BadSource."""
        if self._poller is None:
            self._poller = threading.Thread(target=self._serve, name="kafka-sink", daemon=True)
            self._poller.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[int, int]] = loop.create_future()

        def settle(error: KafkaError | None, message: Any) -> None:
            if error is None:
                future.set_result((message.partition(), message.offset()))
            else:
                future.set_exception(BadSource(self._refusal(error)))

        def done(error: KafkaError | None, message: Any) -> None:
            with suppress(RuntimeError):  # the loop has ended: nobody waits
                loop.call_soon_threadsafe(lambda: future.done() or settle(error, message))

        while not self._queue(key, payload, done, ()):
            await asyncio.sleep(0.01)
        return await future

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until the broker has everything, or raise BadSource."""
        left = self._client.flush(timeout_s)
        failure, self._failure = self._failure, ""
        if failure or left:
            raise BadSource(failure or f"{self._address}: {left} records for topic {self._topic} wait for the broker")

    def close(self) -> None:
        """Give the broker a moment to take what is queued, and let it go."""
        self._client.flush(2.0)
        self._closed.set()
        if self._poller is not None:
            self._poller.join()

    def _queue(self, key: bytes | None, payload: bytes, done: Any, headers: Sequence[tuple[str, bytes]]) -> bool:
        try:
            self._client.produce(
                self._topic, payload, key, self._partition, on_delivery=done, headers=list(headers) or None
            )
        except BufferError:
            return False
        return True

    def _done(self, error: KafkaError | None, message: Any, on_done: Callable[[int, int], None] | None = None) -> None:
        if error is not None:
            self._failure = self._failure or self._refusal(error)
            return
        self._ends[message.partition()] = message.offset() + 1
        if on_done is not None:
            on_done(message.partition(), message.offset())

    def _refusal(self, error: KafkaError) -> str:
        return f"{self._address}: topic {self._topic} cannot be written ({error.str()}); is the broker up?"

    def _serve(self) -> None:
        while not self._closed.is_set():
            self._client.poll(0.1)

    def _wait_for_reader(self, applied: Callable[[int], int]) -> None:
        self._room -= 1
        while self._room < 0:
            behind = max((end - applied(partition) for partition, end in self._ends.items()), default=0)
            self._room = self._ahead - behind - len(self._client)
            if self._room <= 0:
                self._client.poll(0.002)
                self._room = -1


class DeadLetter:
    """Keeps records that are no events: their own bytes, with headers that say why and from where.

    Args:
        address, topic: Where to.
        origin: The topic the records come from, for the header.
    """

    def __init__(self, address: str, topic: str, *, origin: str = "", extra: Extra | None = None) -> None:
        self._origin = origin
        self._sink = Sink(address, topic, timeout_s=_ASK_S, extra=extra)

    def put(self, record: Record, reason: str, message: str) -> None:
        """Queue a record; one of over 900 000 bytes is cut and its size told in a header."""
        headers = {
            "reason": reason,
            "message": message,
            "topic": self._origin,
            "partition": str(record.partition),
            "offset": str(record.offset),
        }
        if len(record.payload) > MAX_LETTER_BYTES:
            headers["size"] = str(len(record.payload))
        pairs = [(f"riverwalk.{name}", text.encode()) for name, text in headers.items()]
        self._sink.send(None, record.payload[:MAX_LETTER_BYTES], headers=pairs)

    def flush(self) -> None:
        """Wait until the broker has everything, or raise BadSource: the stream stops rather than drop a record."""
        self._sink.flush(2 * _ASK_S)

    def close(self) -> None:
        """Let the broker go."""
        self._sink.close()
