"""The watch over an instance: a line in the log when trouble begins and when it ends, and metrics all the time."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from stream import metric
from stream.health.readiness import KINDS, Verdict

log = structlog.get_logger()

EVERY_S = 0.25
USUAL = ("starting", "behind")  # trouble that comes and goes by itself


class Watch:
    """Sees how an instance is, once in `every_s` seconds at most."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s, self._due = every_s, 0.0
        self._began: dict[str, float] = {}

    def see(self, judge: Callable[[], Verdict]) -> None:
        """Log what has begun and ended since the last time, and set the metrics; `judge` is asked where it is time to."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due, verdict = now + self._every_s, judge()
        for kind, reason in verdict.troubles.items():
            if kind not in self._began:
                self._began[kind] = now
                (log.info if kind in USUAL else log.warning)("not ready", trouble=kind, reason=reason)
        for kind in [kind for kind in self._began if kind not in verdict.troubles]:
            seconds = round(now - self._began.pop(kind), 1)
            log.info("trouble has ended", trouble=kind, seconds=seconds, ready=verdict.ready)
        metric.gauge("ready", verdict.ready)
        metric.gauge("ingest_up", verdict.ingest == "ok")
        metric.gauge("ingest_beat_age_seconds", verdict.quiet_ms / 1_000)
        metric.gauge("lag", verdict.lag)
        for kind in KINDS:
            metric.gauge("trouble", kind in verdict.troubles, kind)
