"""Dead letters: records that are no events, kept with their own bytes and headers that say why and from where.

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
from stream.kafka.broker import Extra
from stream.kafka.sink import Sink

MAX_LETTER_BYTES: Final = 900_000  # a default broker takes 1 048 588 with headers
WAIT_S: Final = 10.0


class Outlet(Protocol):
    """Where letters go: a Sink."""

    def send(
        self, key: bytes | None, payload: bytes, on_done: None, headers: Sequence[tuple[str, bytes]]
    ) -> None:
        """Queue a record."""

    def flush(self, timeout_s: float) -> None:
        """Wait until the broker has everything, or raise BadSource."""

    def close(self) -> None:
        """Let the broker go."""


class Letters:
    """Writes dead letters.

    Args:
        outlet: Where to.
        origin: The topic the records come from, for the header.
    """

    def __init__(self, outlet: Outlet, origin: str) -> None:
        self._outlet, self._origin = outlet, origin

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
        self._outlet.send(None, record.payload[:MAX_LETTER_BYTES], None, pairs)

    def flush(self) -> None:
        """Wait until the broker has everything, or raise BadSource: the stream stops rather than drop a record."""
        self._outlet.flush(2 * WAIT_S)

    def close(self) -> None:
        """Let the broker go."""
        self._outlet.close()


class DeadLetter(Letters):
    """Where records go that are no events; `origin` is the topic they come from."""

    def __init__(self, address: str, topic: str, *, origin: str = "", extra: Extra | None = None) -> None:
        super().__init__(Sink(address, topic, timeout_s=WAIT_S, extra=extra), origin)
