"""Kafka: the only file that knows its client.

A Source reads a topic from offsets that are ours (they lie in the store beside the state they made), a Sink writes
to one, a DeadLetter keeps what was no event, and an EmbeddedBroker is a broker inside this process: librdkafka's test
broker.  It speaks the real protocol, to other processes too, and:

    - keeps 5 MiB a partition, as sent: about 31 000 small messages (a Sink compresses, and `ahead` waits for a reader)
    - gives every topic 4 partitions; answers a reader without news after the longest wait allowed, a Source's 5 ms
    - shows aborted transactions, and forgets everything with its process
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from stream.error import BadSource
from stream.event.batch import Record
from stream.kafka.backpressure import Pace
from stream.kafka.dead_letter import WAIT_S, Letters
from stream.kafka.delivery import Courier, Settled
from stream.kafka.offset import Places

_ASK_S, _MOCK = (
    10.0,
    "mockCluster",
)  # how long a question to the broker may take; how the embedded one's id begins
_COMMON: Final = {"log_level": 2, "socket.keepalive.enable": True}  # errors come back as values
_READER: Final = {
    "enable.auto.commit": False, "enable.auto.offset.store": False, "auto.offset.reset": "error",
    "enable.partition.eof": True, "fetch.queue.backoff.ms": 5, "queued.max.messages.kbytes": 16_384,
}  # fmt: skip
_WRITER: Final = {"enable.idempotence": True, "compression.type": "lz4", "linger.ms": 1}
_PASSING: Final = ("_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "_RESOLVE")  # the client tries again
Extra = Mapping[str, str | int | float | bool]  # settings of librdkafka by name: TLS, passwords, …
Done = Callable[[int, int], None]  # told partition and offset
Headers = Sequence[tuple[str, bytes]]


def ready(address: str, extra: Extra | None = None, wait_s: float = 2.0) -> bool:
    """Whether a broker answers there."""
    with suppress(KafkaException):
        return bool(AdminClient(_settings(address, extra)).list_topics(timeout=wait_s).brokers)
    return False


def ensure_topic(
    address: str, topic: str, partitions: int = 1, extra: Extra | None = None, *, compact: bool = False
) -> int:
    """Make a topic where there is none; how many partitions it has (the embedded broker gives 4)."""
    client = AdminClient(_settings(address, extra))
    try:
        about = client.list_topics(timeout=_ASK_S)
        if topic not in about.topics and str(about.cluster_id).startswith(_MOCK):
            about = Producer(_settings(address, extra)).list_topics(topic, timeout=_ASK_S)
        if topic in about.topics:
            return len(about.topics[topic].partitions)
        new = NewTopic(topic, partitions, config={"cleanup.policy": "compact"} if compact else {})
        client.create_topics([new], request_timeout=_ASK_S)[topic].result(2 * _ASK_S)
    except KafkaException as exc:
        if exc.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise BadSource(f"{address}: topic {topic} cannot be made ({exc.args[0].str()})") from exc
    return partitions


def identity(address: str, topic: str, extra: Extra | None = None) -> str:
    """The name offsets of a topic are kept under: the embedded broker's topic is another one in every life."""
    client = AdminClient(_settings(address, extra))
    cluster = str(_ask(address, client.list_topics, timeout=_ASK_S).cluster_id)
    return f"{topic}@{cluster}/{address}" if cluster.startswith(_MOCK) else topic


def _settings(address: str, extra: Extra | None, **more: Any) -> dict[str, Any]:
    return {"bootstrap.servers": address, **_COMMON, **more, **(extra or {})}


def _ask(address: str, question: Callable[..., Any], *args: Any, **options: Any) -> Any:
    try:
        return question(*args, **options)
    except KafkaException as exc:
        why = f"no answer from the broker ({exc.args[0].str()})"
        raise BadSource(f"{address}: {why}; start it, or correct kafka.address") from exc


class EmbeddedBroker:
    """A broker on a free port of 127.0.0.1 for as long as this object lives, with some topics made."""

    def __init__(self, topics: Iterable[str] = ()) -> None:
        self._client: Producer | None = Producer(_settings("", {"test.mock.num.brokers": 1}))
        broker = next(iter(self._client.list_topics(timeout=_ASK_S).brokers.values()))
        self.address = f"{broker.host}:{broker.port}"
        for topic in topics:
            self._client.list_topics(topic, timeout=_ASK_S)  # asking makes it

    def close(self) -> None:
        """End the broker and forget what it held."""
        self._client = None


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
        settings = _settings(address, extra, **{**_READER, "group.id": group})
        self._client = Consumer(settings)
        try:
            if _ask(self._address, self._client.list_topics, timeout=_ASK_S).cluster_id.startswith(_MOCK):
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
        about = _ask(self._address, self._client.list_topics, self._topic, timeout=_ASK_S).topics[self._topic]
        if about.error is not None:
            why = f"topic {self._topic} cannot be read ({about.error.str()})"
            raise BadSource(f"{self._address}: {why}; make it, or correct kafka.topic")
        return set(about.partitions)

    def _bounds(self, partition: int) -> tuple[int, int]:
        place = TopicPartition(self._topic, partition)
        low, high = _ask(self._address, self._client.get_watermark_offsets, place, timeout=_ASK_S)
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


class Sink:
    """Writes records to a topic.  Without `publish` one thread uses it.

    Args:
        ahead: How many records to be ahead of the reader at most, for a broker that forgets; 0 does not wait.
        applied: Partition -> the next offset its reader has not read, for `ahead`.
        partition: The partition for all records; left out, records of one key share one.
        timeout_s: How long the broker may take to accept a record.
        extra: More settings of the client.
    """

    def __init__(
        self, address: str, topic: str, *, ahead: int = 0, applied: Callable[[int], int] | None = None,
        partition: int = -1, timeout_s: float = 30.0, extra: Extra | None = None,
    ) -> None:  # fmt: skip
        self._address, self._topic, self._partition = address, topic, partition
        self._pace = Pace(ahead, applied) if applied is not None else None
        self._ends: dict[int, int] = {}
        self._failure = ""
        self._client = Producer(
            _settings(address, extra, **{**_WRITER, "message.timeout.ms": int(timeout_s * 1000)})
        )
        self._courier = Courier(self._hand_over, self._client.poll)

    def send(
        self, key: bytes | None, payload: bytes, on_done: Done | None = None, headers: Headers = ()
    ) -> None:
        """Queue a record, and wait only while the queue is full or the reader is too far behind.

        `on_done` is told partition and offset once the broker has it, inside a later call; `flush` tells failures.
        """
        if self._pace is not None:
            self._pace.wait(self._ends, self._client.__len__, self._client.poll)
        done = self._done if on_done is None else partial(self._done, on_done=on_done)
        while not self._queue(key, payload, done, headers):
            self._client.poll(0.05)

    async def publish(self, key: bytes, payload: bytes) -> tuple[int, int]:
        """Write a record; its partition and offset, or BadSource."""
        return await self._courier.deliver(key, payload)

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until the broker has everything, or raise BadSource."""
        left = self._client.flush(timeout_s)
        failure, self._failure = self._failure, ""
        if failure or left:
            raise BadSource(failure or f"{self._address}: {left} records wait to be taken; is the broker up?")

    def close(self) -> None:
        """Give the broker a moment to take what is queued, and let it go."""
        self._client.flush(2.0)
        self._courier.close()

    def _queue(self, key: bytes | None, payload: bytes, done: Any, headers: Headers = ()) -> bool:
        try:
            self._client.produce(self._topic, payload, key, self._partition, done, headers=list(headers))
        except BufferError:
            return False
        return True

    def _done(self, error: KafkaError | None, message: Any, on_done: Done | None = None) -> None:
        if error is not None:
            self._failure = self._failure or self._refusal(error)
            return
        self._ends[message.partition()] = message.offset() + 1
        if on_done is not None:
            on_done(message.partition(), message.offset())

    def _refusal(self, error: KafkaError) -> str:
        return f"{self._address}: topic {self._topic} cannot be written ({error.str()}); is the broker up?"

    def _hand_over(self, key: bytes, payload: bytes, settled: Settled) -> bool:
        def done(error: KafkaError | None, message: Any) -> None:
            settled(message.partition(), message.offset(), "" if error is None else self._refusal(error))

        return self._queue(key, payload, done)


class DeadLetter(Letters):
    """Where records go that are no events; `origin` is the topic they come from."""

    def __init__(self, address: str, topic: str, *, origin: str = "", extra: Extra | None = None) -> None:
        super().__init__(Sink(address, topic, timeout_s=WAIT_S, extra=extra), origin)
