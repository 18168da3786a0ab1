"""The figures of the instance each second, kept for 15 minutes, and the stream that sends them.

A message is an object:

    t, stream_time_ms     the wall clock and the newest event time, ms; `event_clock` says which one events without a time get
    events_per_s          applied in the last second, all of them; applied_events in all
    freshness_ms          p50 and p99 from an event being produced to being in answers, of the last 15 s; null where none came
    lag                   events that wait in the topic, -1 for unknown
    live_mrr              of each ranker over the last events: riverwalk (learned), blend, own_recency, popularity
    ranker                which one answers now
    learned_share         of the events that the network learns from
    newest                the newest events since the last message, the newest first, at most 20
    users_touched         users of the events since the last message, at most 50

The first message is of the kind `history`: what was, every five seconds, in `points`, and the `newest` events.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import structlog

from stream import metric
from stream.answer.lookup.request import Happened
from stream.error import BadRequest
from stream.histogram import SECONDS
from stream.http.message import Line
from stream.http.v1.message import RETRY, message
from stream.service.backend import Backend

log = structlog.get_logger()

EVERY_S: Final = 1.0
WINDOW: Final = 15  # of the figures of freshness, seconds
KEPT_EVERY: Final = 5  # one in so many is kept for those who come later
KEPT: Final = 15 * 60 // KEPT_EVERY
NEWEST: Final = 20
SEEN: Final = 200  # events looked at for who was touched
TOUCHED: Final = 50
RANKERS: Final = ("riverwalk", "blend", "own_recency", "popularity")
LINES: Final = ("t", "events_per_s", "freshness_ms", "lag", "live_mrr")  # of a point that is kept
Point = dict[str, Any]


class Figures:
    """Takes the figures each second, whether anybody listens or not, and sends them to those who do."""

    def __init__(self, backend: Backend, clock: Callable[[], int]) -> None:
        self._backend, self._clock = backend, clock
        self._lines: set[Line] = set()
        self._kept: deque[Point] = deque(maxlen=KEPT)
        self._spreads: deque[list[int]] = deque(maxlen=WINDOW + 1)
        self._applied = -1
        self._told_s = 0.0
        self._number = self._newest = 0
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Take the first figures now, and the next each second."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        """Take no more, and end all streams."""
        if self._task is not None:
            self._task.cancel()
        for line in list(self._lines):
            line.end()

    def enter(self, line: Line, last: str = "") -> None:
        """Send figures from now on.

        Args:
            last: The id of the last message that the client had, for what it missed.
        """
        after = int(last) if last.isdigit() else 0
        points = [one for one in self._kept if one["t"] > after]
        line.send(RETRY + message({"points": points, "newest": self._events(0)[:NEWEST]}, kind="history"))
        self._lines.add(line)

    def leave(self, line: Line) -> None:
        """Send nothing more."""
        self._lines.discard(line)

    async def _run(self) -> None:
        failed = ""
        while True:
            try:
                self._tell()
                failed = ""
            except Exception as exc:  # clients miss a second rather than all that follow
                if failed != repr(exc):
                    log.exception("the figures of this second cannot be told")
                failed = repr(exc)
            await asyncio.sleep(EVERY_S)

    def _tell(self) -> None:
        point = self.point(time.monotonic())
        if self._number % KEPT_EVERY == 0:
            self._kept.append({name: point[name] for name in LINES})
        self._number += 1
        if self._lines:
            told = message(point | self._happened(), str(point["t"]))
            for line in list(self._lines):
                line.send(told)

    def point(self, now_s: float) -> Point:
        """Take the figures.

        Args:
            now_s: A clock in seconds.
        """
        info = self._backend.info()
        applied = int(info.get("applied_events", 0))
        past, self._applied = self._applied, applied
        passed_s, self._told_s = now_s - self._told_s, now_s
        rate = (applied - past) / passed_s if 0 <= past <= applied else 0.0
        return {
            "t": self._clock(),
            "stream_time_ms": info.get("stream_time_ms", 0),
            "event_clock": info.get("event_clock", "wall"),
            "ready": bool(info.get("ready", 0)),
            "reason": info.get("ready_reason", ""),
            "events_per_s": round(rate, 1),
            "applied_events": applied,
            "freshness_ms": self._freshness(),
            "lag": info.get("lag", -1),
            "live_mrr": {name: info.get(f"live_mrr_{name}", 0.0) for name in RANKERS},
            "ranker": info.get("ranker", ""),
            "learned_share": info.get("learning_share", 0.0),
            "users": info.get("users", 0),
            "items": info.get("items", 0),
        }

    def _freshness(self) -> dict[str, float] | None:
        """Return p50 and p99 of what came within the window, ms; None where nothing did."""
        now = metric.spread("freshness_seconds")
        self._spreads.append(now)
        counts = [new - old for new, old in zip(now, self._spreads[0], strict=True)]
        if sum(counts) <= 0 or min(counts) < 0:
            return None
        return {"p50": quantile(counts, 0.5), "p99": quantile(counts, 0.99)}

    def _happened(self) -> Point:
        """Return the events since the last look, and whose they are."""
        found = self._events(self._newest)
        if found:
            self._newest = found[0].number
        users = list(dict.fromkeys(one.user for one in found))[:TOUCHED]
        return {"newest": found[:NEWEST], "users_touched": users}

    def _events(self, after: int) -> list[Happened]:
        """Return the newest events of those numbered above `after`."""
        try:
            return self._backend.newest(SEEN, after)
        except BadRequest:  # nothing is loaded yet
            return []


def quantile(counts: list[int], share: float) -> float:
    """Return the value in ms below which a share of the counts lie, evenly spread within each bucket of `SECONDS`."""
    wanted, below = share * sum(counts), 0
    for k, count in enumerate(counts):
        if count and below + count >= wanted:
            low = SECONDS[k - 1] if k else 0.0
            high = SECONDS[min(k, len(SECONDS) - 1)]
            return round(1000 * (low + (high - low) * (wanted - below) / count), 3)
        below += count
    return 1000 * SECONDS[-1]
