"""The partition of a key, as the client chooses it, for records that are to stand beside those of another key."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final
from zlib import crc32

from confluent_kafka import Producer

from stream.error import BadSource
from stream.kafka.broker import ASK_S, Extra, ask

FRESH_S: Final = 10.0  # how long a number of partitions is believed
_BY_CRC: Final = ("consistent", "consistent_random")  # librdkafka's default is the second


class Partitions:
    """Finds the partition of a key by the number of partitions that the broker tells.

    Args:
        extra: Settings of the client; where they name a partitioner that goes by no CRC-32, no partition is found.
        timeout_s: How long the broker may take to answer.
    """

    def __init__(
        self, client: Producer, address: str, topic: str, extra: Extra | None, timeout_s: float = ASK_S
    ) -> None:
        self._client, self._address, self._topic = client, address, topic
        self._timeout_s = min(timeout_s, ASK_S)
        settings: Mapping[str, Any] = extra or {}
        self._known = settings.get("partitioner", _BY_CRC[-1]) in _BY_CRC
        self._count, self._until = 0, 0.0

    def of(self, key: bytes) -> int:
        """Return the partition of a key, -1 to let the client choose; it may ask the broker.

        Raises:
            BadSource: The broker does not answer, or has no such topic.
        """
        if not self._known or not key:
            return -1
        if time.monotonic() > self._until:
            found = ask(self._address, self._client.list_topics, self._topic, timeout=self._timeout_s)
            about = found.topics[self._topic]
            if about.error is not None:
                why = f"topic {self._topic} cannot be written ({about.error.str()})"
                raise BadSource(f"{self._address}: {why}; make it, or correct kafka.items")
            self._count, self._until = len(about.partitions), time.monotonic() + FRESH_S
        return crc32(key) % self._count
