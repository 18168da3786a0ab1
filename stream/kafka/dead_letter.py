"""Dead letters: rejected records with their own bytes, and headers that say why and from where.

header                  holds
riverwalk.reason        one of `stream.event.event.REASONS`
riverwalk.message       what came and what was wanted
riverwalk.topic         where the record was read, with
riverwalk.partition     and
riverwalk.offset        as decimal text
riverwalk.size          only when the record was cut: its bytes before
"""

from collections.abc import Sequence
from typing import Final, Protocol

from stream.event.batch import Record

MAX_LETTER_BYTES: Final = 900_000  # a default broker takes 1 048 588 with headers
WAIT_S: Final = 10.0  # how long the broker may take to accept a record


class Sink(Protocol):
    """What writes the records: a Sink of a Kafka broker, or one of the log."""

    def send(
        self, key: bytes | None, payload: bytes, on_done: None, headers: Sequence[tuple[str, bytes]]
    ) -> None:
        """Queue a record."""

    def flush(self, timeout_s: float) -> None:
        """Wait until every record is written, or raise BadSource."""

    def close(self) -> None:
        """Disconnect."""


class DeadLetter:
    """Write rejected records to a topic of their own.

    Args:
        sink: What writes them.
        origin: The topic they come from, for the header.
    """

    def __init__(self, sink: Sink, *, origin: str = "") -> None:
        self._sink, self._origin = sink, origin

    def put(self, record: Record, reason: str, message: str) -> None:
        """Queue a record; of one over 900 000 bytes the beginning."""
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
        self._sink.send(None, record.payload[:MAX_LETTER_BYTES], None, pairs)

    def flush(self) -> None:
        """Wait until the broker has everything, or raise BadSource: the stream stops rather than drop a record."""
        self._sink.flush(2 * WAIT_S)

    def close(self) -> None:
        """Disconnect."""
        self._sink.close()
