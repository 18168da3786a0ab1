"""Where events are kept, by address: a Kafka broker at host:port, or Riverwalk's own log in a folder, `log:/folder`.

Neither client is loaded before an address asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from stream.dead_letter.mention import Mention
    from stream.dead_letter.writer import DeadLetter
    from stream.error import BadSource
    from stream.event.batch import Record
    from stream.event.message import Done, Headers, Message, Refused
    from stream.kafka.offset import Offsets

SCHEME: Final = "log:"
LOG: Final = "log/"  # with which the identity of a topic of the log begins

Extra = Mapping[str, str]  # settings of the Kafka client; the log has none


class Source(Protocol):
    """Reads the records of a topic, every partition, from given offsets on.  One thread uses it."""

    offsets: Offsets
    topic_id: str  # the topic that is read: see `topic_id`; empty where the broker knows no such thing

    def poll(self, limit: int, wait_s: float) -> list[Record]:
        """Return up to `limit` records, those that came within `wait_s` seconds; in order within a partition."""

    def commit(self, ends: Mapping[int, int]) -> None:
        """Report our position to others; nothing here relies on it."""

    def highs(self) -> dict[int, int]:
        """Return partition -> end offset as last reported."""

    def lag(self) -> int:
        """Return how many records wait to be polled, -1 while that is not known."""

    def trouble(self) -> str:
        """Return why the topic cannot be read, and what to do; empty while it can."""

    def held(self) -> str:
        """Return which partition waits for an open transaction, and since when; empty while none does for long."""

    def waiting(self) -> dict[int, int]:
        """Return partition -> how many records are known to be there and were not polled."""

    def only(self, partitions: set[int] | None) -> None:
        """Poll these partitions alone from now on, None for all of them."""

    def close(self) -> None:
        """Disconnect; nothing is committed."""


class Sink(Protocol):
    """Writes records to a topic.  One thread uses it, but for `publish` and `publish_all`."""

    def send(
        self,
        key: bytes | None,
        payload: bytes,
        on_done: Done | None = None,
        headers: Headers = (),
        partition_key: bytes = b"",
    ) -> None:
        """Queue a record; `on_done` is called with partition and offset once it is written, inside a later call.

        It goes to the partition of its key, or of `partition_key`.
        """

    def post(self, message: Message, on_done: Done, on_refused: Refused) -> None:
        """Queue a record as it is; one of the two is called once it is settled, and `flush` does not raise it."""

    async def publish(self, key: bytes, payload: bytes, partition_key: bytes = b"") -> tuple[int, int]:
        """Write a record and return its partition and offset, or raise BadSource."""

    async def publish_all(self, records: Sequence[tuple[bytes, bytes]]) -> list[tuple[int, int] | BadSource]:
        """Write records, keys and payloads; return for each its partition and offset, or why it was not written."""

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until everything is written, or raise BadSource."""

    def close(self) -> None:
        """Give what is queued a moment to be written, and disconnect."""


def log_address(state: str | Path) -> str:
    """Return the address of the log in a state folder."""
    return f"{SCHEME}{Path(state).expanduser().absolute() / 'log'}"


def log_folder(address: str) -> Path | None:
    """Return the folder of a log's address, None for a Kafka broker's."""
    return Path(address.removeprefix(SCHEME)) if address.startswith(SCHEME) else None


def ready(address: str, extra: Extra | None = None) -> bool:
    """Return whether a broker answers at the address, or the log can be read."""
    folder = log_folder(address)
    if folder is not None:
        from stream.log import topic as log

        return log.ready(folder)
    from stream.kafka import broker as kafka

    return kafka.ready(address, extra)


def ensure_topic(
    address: str, topic: str, extra: Extra | None = None, *, compact: bool = False, stamped: bool = False
) -> int:
    """Make a topic, of one partition, where there is none; return how many partitions it has.

    Args:
        compact: Keep only the newest record of each key.
        stamped: Have the broker set the time of each record, whatever its producer says; the log always does.

    Raises:
        BadSource: It cannot be made.
    """
    folder = log_folder(address)
    if folder is not None:
        from stream.log import topic as log

        return log.ensure_topic(folder, topic, compact=compact)
    from stream.kafka import broker as kafka

    return kafka.ensure_topic(address, topic, extra=extra, compact=compact, stamped=stamped)


def identity(address: str, topic: str) -> str:
    """Return the name a topic's offsets are kept under."""
    return topic if log_folder(address) is None else offsets_name(topic, topic_id(address, topic))


def offsets_name(topic: str, topic_id: str) -> str:
    """Return the name the offsets of a topic of this identity are kept under."""
    return f"{topic}@{topic_id.removeprefix(LOG)}" if topic_id.startswith(LOG) else topic


def topic_id(address: str, topic: str, extra: Extra | None = None) -> str:
    """Return which topic it is, another one when it is made anew: "<cluster id>/<topic id>", of the log "log/<topic id>".

    Empty for a broker that knows no such thing.

    Raises:
        BadSource: No broker, no log, or no topic.
    """
    folder = log_folder(address)
    if folder is not None:
        from stream.log import topic as log

        return log.topic_id(folder, topic)
    from stream.kafka import watch as kafka

    return kafka.topic_id(address, topic, extra)


def open_source(
    address: str, topic: str, offsets: Mapping[int, int], *, on_gap: str = "stop",
    start: str = "earliest", topic_id: str = "", extra: Extra | None = None,
) -> Source:  # fmt: skip
    """Read a topic from given offsets on.

    Args:
        offsets: Partition -> next offset to read; a partition left out begins at its earliest record.
        on_gap: What to do when the offset that comes next is no longer held, or the topic was made anew: "stop" or "skip".
        start: Where to begin when `offsets` is empty: "earliest" or "latest".
        topic_id: The topic that `offsets` are of; empty where it is not known.

    Raises:
        BadSource: No broker, no log, no topic; another topic or a gap with on_gap="stop".
    """
    folder = log_folder(address)
    if folder is not None:
        from stream.log.source import Source as LogSource

        return LogSource(folder, topic, offsets, on_gap=on_gap, start=start, topic_id=topic_id)
    from stream.kafka.source import Source as KafkaSource

    return KafkaSource(address, topic, offsets, on_gap=on_gap, start=start, topic_id=topic_id, extra=extra)


def open_sink(
    address: str, topic: str, *, ahead: int = 0, applied: Callable[[int], int] | None = None,
    partition: int = -1, timeout_s: float = 30.0, extra: Extra | None = None,
) -> Sink:  # fmt: skip
    """Write to a topic.

    Args:
        ahead: How many records to be ahead of the reader at most; 0 does not wait.
        applied: Partition -> the next offset its reader has not read, for `ahead`.
        partition: The partition for all records; left out, records of one key share one.
        timeout_s: How long a record may wait to be written.
    """
    folder = log_folder(address)
    if folder is not None:
        from stream.log.sink import Sink as LogSink

        return LogSink(folder, topic, ahead=ahead, applied=applied, partition=partition, timeout_s=timeout_s)
    from stream.kafka.sink import Sink as KafkaSink

    return KafkaSink(
        address,
        topic,
        ahead=ahead,
        applied=applied,
        partition=partition,
        timeout_s=timeout_s,
        extra=extra,
    )


def open_dead_letter(
    address: str, topic: str, *, origin: str, folder: Path, extra: Extra | None = None
) -> DeadLetter:
    """Write rejected records of the topic `origin`, and of others, to a topic of their own.

    Args:
        folder: Where they are kept while the topic does not take them.
    """
    from stream.dead_letter.spool import Spool
    from stream.dead_letter.writer import WAIT_S, DeadLetter

    return DeadLetter(
        partial(open_sink, address, topic, timeout_s=WAIT_S, extra=extra),
        origin=origin,
        spool=Spool(folder, topic),
        topic=topic,
        erase=_erasing(address, topic),
        wait_s=WAIT_S,
    )


def _erasing(address: str, topic: str) -> Callable[[Mention], dict[str, int]] | None:
    """Return what erases letters of a topic of our own log; a broker's cannot be changed."""
    folder = log_folder(address)
    if folder is None:
        return None
    from stream.dead_letter.erasure import erase
    from stream.log.erasure import erase as erase_records

    return partial(erase, partial(erase_records, folder, topic))
