"""Write records to a topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from stream.error import BadSource
from stream.event.message import AWAY, OTHER, SIZE, TIME, Done, Headers, Message, Refused
from stream.kafka.backpressure import Backpressure
from stream.kafka.broker import Extra, client_settings, connect
from stream.kafka.delivery import Delivery, Settled, deliver_all
from stream.kafka.partition import Partitions

_WRITER: Final = {"enable.idempotence": True, "compression.type": "lz4", "linger.ms": 1}
_KINDS: Final = {
    KafkaError.MSG_SIZE_TOO_LARGE: SIZE,
    KafkaError.INVALID_MSG_SIZE: SIZE,
    KafkaError.RECORD_LIST_TOO_LARGE: SIZE,
    KafkaError.INVALID_TIMESTAMP: TIME,
    KafkaError._MSG_TIMED_OUT: AWAY,
    KafkaError._PURGE_QUEUE: AWAY,
    KafkaError._PURGE_INFLIGHT: AWAY,
    KafkaError._TIMED_OUT: AWAY,
    KafkaError._TRANSPORT: AWAY,
    KafkaError._ALL_BROKERS_DOWN: AWAY,
    KafkaError._RESOLVE: AWAY,
    KafkaError._AUTHENTICATION: AWAY,
    KafkaError._UNKNOWN_TOPIC: AWAY,
    KafkaError.UNKNOWN_TOPIC_OR_PART: AWAY,
}
_LATE: Final = (KafkaError._MSG_TIMED_OUT, KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)


class Sink:
    """Writes records to a topic.  Without `publish` one thread uses it.

    Args:
        ahead: How many records to be ahead of the reader at most, for a broker that drops old records; 0 does not wait.
        applied: Partition -> the next offset its reader has not read, for `ahead`.
        partition: The partition for all records; left out, records of one key share one.
        timeout_s: How long the broker may take to accept a record.
        extra: More settings of the client.
    """

    def __init__(
        self, address: str, topic: str, *, ahead: int = 0, applied: Callable[[int], int] | None = None,
        partition: int = -1, timeout_s: float = 30.0, extra: Extra | None = None,
    ) -> None:  # fmt: skip
        self._topic, self._partition, self._timeout_s = topic, partition, timeout_s
        self._where = f"{address}: topic {topic}"
        self._backpressure = Backpressure(ahead, applied) if applied is not None else None
        self._ends: dict[int, int] = {}
        self._failure = ""
        settings = {**_WRITER, "message.timeout.ms": int(timeout_s * 1000)}
        self._client = connect(Producer, client_settings(address, extra, **settings))
        self._delivery = Delivery(
            self._hand_over, self._client.poll, self._client.purge, timeout_s, self._where
        )
        self._partitions = Partitions(self._client, address, topic, extra, timeout_s)

    def send(
        self, key: bytes | None, payload: bytes, on_done: Done | None = None, headers: Headers = (),
        partition_key: bytes = b"",
    ) -> None:  # fmt: skip
        """Queue a record, and wait only while the queue is full or the reader is too far behind.

        Args:
            partition_key: Whose partition it goes to, left out, that of its key.

        `on_done` is called with partition and offset once the broker has it, inside a later call; `flush` raises failures.
        """
        if self._backpressure is not None:
            self._backpressure.wait(self._ends, self._client.__len__, self._client.poll)
        done = self._done if on_done is None else partial(self._done, on_done=on_done)
        partition = self._partitions.of(partition_key)
        while not self._queue(key, payload, done, headers, partition):
            self._client.poll(0.05)

    def post(self, message: Message, on_done: Done, on_refused: Refused) -> None:
        """Queue a record as it is; one of the two is called once it is settled, here or inside a later call.

        `flush` does not raise it.
        """

        def done(error: KafkaError | None, sent: Any) -> None:
            if error is None:
                on_done(sent.partition(), sent.offset())
            else:
                kind = _KINDS.get(error.code(), AWAY if error.retriable() else OTHER)
                wrong = f"{self._where} refuses a record ({error.str()})"
                on_refused(kind, self._refusal(error) if kind == AWAY else wrong)

        value, key, headers, ms, partition = message
        partition = partition if partition >= 0 else self._partition
        while True:
            try:
                self._client.produce(
                    self._topic, value, key, partition, done, timestamp=max(ms, 0), headers=list(headers)
                )
                return
            except BufferError:
                self._client.poll(0.05)
            except KafkaException as exc:  # the client itself refuses what is too large for any broker
                return done(exc.args[0], None)

    async def publish(self, key: bytes, payload: bytes, partition_key: bytes = b"") -> tuple[int, int]:
        """Write a record and return its partition and offset, or raise BadSource."""
        partition = await asyncio.to_thread(self._partitions.of, partition_key) if partition_key else -1
        return await self._delivery.deliver(key, payload, partition)

    async def publish_all(self, records: Sequence[tuple[bytes, bytes]]) -> list[tuple[int, int] | BadSource]:
        """Write records, keys and payloads; return for each its partition and offset, or why it was not written."""
        return await deliver_all(self._delivery.queue, records)

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until the broker has everything, or raise BadSource."""
        left = self._client.flush(timeout_s)
        failure, self._failure = self._failure, ""
        if failure or left:
            raise BadSource(failure or f"{self._where}: {left} records wait to be taken; is the broker up?")

    def close(self) -> None:
        """Give the broker a moment to take what is queued, and disconnect."""
        self._client.flush(2.0)
        self._delivery.close()

    def _queue(
        self, key: bytes | None, payload: bytes, done: Any, headers: Headers = (), partition: int = -1
    ) -> bool:
        where = self._partition if partition < 0 else partition
        try:
            self._client.produce(self._topic, payload, key, where, done, headers=list(headers))
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
        code, why = error.code(), error.str()
        if code in _LATE:
            why = f"no answer in {self._timeout_s:g} s"
        if code == KafkaError._PURGE_INFLIGHT:
            why += ", and the record may have been taken all the same"
        return f"{self._where} cannot be written ({why}); is the broker up?"

    def _hand_over(self, key: bytes, payload: bytes, settled: Settled, partition: int) -> bool:
        def done(error: KafkaError | None, message: Any) -> None:
            settled(message.partition(), message.offset(), "" if error is None else self._refusal(error))

        return self._queue(key, payload, done, (), partition)
