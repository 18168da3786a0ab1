"""Keep the log of events within its age and size, once a minute; events that are not saved yet stay."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

import structlog

from deploy.config.schema import Config
from stream.broker import log_folder
from stream.error import BadSource

EVERY_S: Final = 60.0
HOUR_MS: Final = 3_600_000
MIB: Final = 1 << 20


class Retention:
    """A thread that trims the log until `close`; with a Kafka broker, which has a retention of its own, there is none.

    Args:
        saved: Partition -> the next offset that is not saved.
        every_s: How often.
    """

    def __init__(self, config: Config, saved: Iterable[int], every_s: float = EVERY_S) -> None:
        self._config, self._saved, self._every_s = config, saved, every_s
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        if log_folder(config.kafka.address) is not None:
            self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        log = structlog.get_logger("retention")
        while not self._closed.wait(self._every_s):
            try:
                if removed := trim(self._config, self._saved):
                    log.info("log trimmed", records=removed)
            except BadSource as exc:
                log.warning("log not trimmed", reason=str(exc))


def trim(config: Config, saved: Iterable[int]) -> int:
    """Remove what is older, or more, than the configuration keeps; return how many records.

    Args:
        saved: Partition -> the next offset that is not saved.
    """
    from stream.log import retention

    folder, kafka = log_folder(config.kafka.address), config.kafka
    assert folder is not None
    keep_ms, keep_bytes = int(config.log.retention_hours * HOUR_MS), config.log.retention_mib * MIB
    until = {partition: int(offset) for partition, offset in enumerate(saved)}
    return retention.trim(folder, kafka.topic, keep_ms=keep_ms, keep_bytes=keep_bytes, until=until) + (
        retention.trim(folder, kafka.dead_letter, keep_ms=keep_ms, keep_bytes=keep_bytes)
    )
