"""Dead letters: rejected records with their own bytes, and headers that say why and from where.

header                  holds
riverwalk.reason        one of `stream.event.event.REASONS`
riverwalk.message       what came and what was wanted
riverwalk.topic         where the record was read, with
riverwalk.partition     and
riverwalk.offset        as decimal text
riverwalk.size          only when the record was cut: its bytes before
"""

from typing import Final

from stream.event.batch import Record
from stream.kafka.broker import Extra
from stream.kafka.sink import Sink

MAX_LETTER_BYTES: Final = 900_000  # a default broker takes 1 048 588 with headers
WAIT_S: Final = 10.0  # how long the broker may take to accept a record


class DeadLetter:
    """Write rejected records to a topic of their own.

    Args:
        address: host:port of the broker.
        topic: Where the records go.
        origin: The topic they come from, for the header.
        extra: More settings of the client.
    """

    def __init__(self, address: str, topic: str, *, origin: str = "", extra: Extra | None = None) -> None:
        self._sink, self._origin = Sink(address, topic, timeout_s=WAIT_S, extra=extra), origin

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
