"""Prometheus metrics of one instance, all its processes together.

Each process writes its metrics into files of one folder (prometheus_client's multiprocess mode); `page` adds
them up, so that `/metrics` of the serving process shows the writer's too.  `setup` comes first: the
library reads the folder's name from the environment when a metric is made.  Before `setup`, nothing is counted.

Requests, and how long batches take, are counted in plain numbers and reach the metrics when `flush` is called, some
times a second: they are too short to pay for five locked writes each.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from pathlib import Path
from typing import Any, Final

from stream.histogram import PART, SECONDS, Histogram, Page, stored

FILES: Final = ("counter", "gauge_mostrecent", "histogram")  # a process in a role keeps one of each,
FILE: Final = 1 << 20  # which the library makes so large, in bytes
_metrics: dict[str, Any] = {}
_requests: dict[tuple[str, str], _Tally] = {}  # by command and result
_summed: dict[tuple[str, ...], _Tally] = {}  # of histograms, by name and labels


class _Tally:
    """How long something took, each time since the last flush."""

    __slots__ = ("buckets", "count", "total")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Set everything to 0."""
        self.count = 0
        self.total = 0.0  # seconds
        self.buckets = [0] * (len(SECONDS) + 1)

    def add(self, seconds: float) -> None:
        """Count one more."""
        self.count += 1
        self.total += seconds
        self.buckets[bisect_left(SECONDS, seconds)] += 1


def setup(folder: Path | None, role: str = "") -> None:
    """Make the metrics, kept in `folder` (None: in this process alone).

    Args:
        role: Of the process, of which one runs at a time: the next one counts on in the same files.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    from prometheus_client import Counter, Gauge, values

    if _metrics:
        return
    if folder is not None and role:
        values.ValueClass = values.MultiProcessValue(lambda: role)  # type: ignore[no-untyped-call]

    def counter(name: str, text: str, *labels: str) -> None:
        _metrics[name] = Counter(f"riverwalk_{name}", text, labels)

    def level(name: str, text: str, *labels: str) -> None:
        _metrics[name] = Gauge(f"riverwalk_{name}", text, labels, multiprocess_mode="mostrecent")

    def summed(name: str, text: str, *labels: str) -> None:
        _metrics[name] = Histogram(Counter(f"riverwalk_{name}", text, [*labels, PART]), bool(labels))

    counter("events", "Events applied")
    counter(
        "rejected", "Records that were no events, by reason; forgotten: older than their user's", "reason"
    )
    counter("rows_let_go", "Rows let go because others needed the room", "table")
    for table in ("item", "user"):
        _metrics["rows_let_go"].labels(table)  # to be seen while it is 0
    counter("requests", "Requests by command and result: ok, error, failed (ours)", "command", "result")
    counter("ingest_restarts", "Times the writer was started again after it died")
    counter("store_errors", "Saves that failed")
    counter("explored", "Places of answers given to new items")
    counter("edges_pruned", "Co-watch edges dropped: for a stronger one, or by age", "reason")
    level("edges", "Co-watch edges by the time since they were last strengthened", "age")
    level("lag", "Events in the topic that are not applied yet, -1 for unknown")
    level("dead_letters_on_disk", "Rejected records that the dead-letter topic did not take, kept on disk")
    level("ready", "1 when answers are fresh enough to be used")
    level("ingest_up", "1 when ingest runs and moves")
    level("ingest_beat_age_seconds", "Seconds since ingest last moved")
    level("trouble", "1 for what does not work, by kind", "kind")
    level("stream_time_seconds", "Newest event time applied")
    level("learning_share", "Share of the events learned from now, by the network and by the ranker", "part")
    level("learning_waiting", "Events that wait for the learner")
    level("learning_missed", "Events written over before they were learned from")
    level("learning_deferred", "Events passed over for want of time, learned from once nothing waits")
    level("learning_skipped", "Samples that found no room on their way to the learner")
    level("live_mrr", "Mean reciprocal rank over the last events, judged before learning", "ranker")
    level("live_recall10", "Share of the last events in the first ten, judged before learning", "ranker")
    level("serving_ranker", "1 for the ranker that answers", "ranker")
    level("reader_clients", "Connections of the socket, by reader", "reader")
    level("reader_resident_bytes", "Resident memory, shared tables included, by reader", "reader")
    counter("reader_commands", "Commands answered, by reader", "reader")
    level("table_rows", "Rows in use", "table")
    level("table_bytes", "Bytes of the rows in use", "table")
    summed("batch_seconds", "Seconds a batch takes, by step", "step")
    summed("freshness_seconds", "Seconds from an event being produced to its being visible in answers")
    summed("request_seconds", "Seconds a request takes, without its waiting for an event", "command")


def page() -> bytes:
    """Return all metrics in Prometheus' text format."""
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, multiprocess
    from prometheus_client.core import HistogramMetricFamily

    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        collector: Any = REGISTRY
    else:
        collector = multiprocess.MultiProcessCollector(None)  # type: ignore[no-untyped-call]
    shown: Any = Page(collector, _histograms(), HistogramMetricFamily)
    registry = CollectorRegistry()
    registry.register(shown)
    return generate_latest(registry)


def spread(name: str) -> list[int]:
    """Return how many values of a histogram without labels fell into each bucket so far, in all processes."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder is not None:
        from prometheus_client.mmap_dict import MmapedDict

        return stored(Path(folder), name, MmapedDict.read_all_values_from_file)
    return _metrics[name].counts() if name in _metrics else [0] * (len(SECONDS) + 1)


def _histograms() -> set[str]:
    return {name for name, metric in _metrics.items() if isinstance(metric, Histogram)}


def events(count: int) -> None:
    """Count applied events."""
    add("events", count)


def rejected(reason: str, count: int = 1) -> None:
    """Count records that were no events, came after their user was forgotten, or came again."""
    if count:
        add("rejected", count, reason)


def evicted(table: str, count: int) -> None:
    """Count rows that were evicted for others."""
    add("rows_let_go", count, table)


def request(command: str, result: str, seconds: float) -> None:
    """Count an answered request, to be seen after the next `flush`; one thread calls both.

    Args:
        result: `ok`, `error` (the client's) or `failed` (ours).
    """
    tally = _requests.get((command, result))
    if tally is None:
        if not _metrics:
            return
        tally = _requests.setdefault((command, result), _Tally())
    tally.add(seconds)


def flush() -> None:
    """Make what was counted since the last flush visible."""
    for (command, result), tally in _requests.items():
        if tally.count:
            _metrics["requests"].labels(command, result).inc(tally.count)
            _metrics["request_seconds"].add(tally.buckets, tally.total, command)
            tally.clear()
    for (name, *labels), tally in _summed.items():
        if tally.count:
            _metrics[name].add(tally.buckets, tally.total, *labels)
            tally.clear()


def add(name: str, more: float, *labels: str) -> None:
    """Add to a counter."""
    if _metrics:
        metric = _metrics[name]
        (metric.labels(*labels) if labels else metric).inc(more)


def ingest_restart() -> None:
    """Count a restart of the writer."""
    add("ingest_restarts", 1)


def explored(count: int) -> None:
    """Count places given to new items."""
    add("explored", count)


def store_error() -> None:
    """Count a save that failed."""
    add("store_errors", 1)


def batch_seconds(step: str, seconds: float) -> None:
    """Note how long a step of a batch took, to be seen after the next `flush`."""
    _sum(("batch_seconds", step), seconds)


def freshness(seconds: float) -> None:
    """Note how long an event took from being produced to being visible, to be seen after the next `flush`."""
    _sum(("freshness_seconds",), seconds)


def _sum(key: tuple[str, ...], seconds: float) -> None:
    if _metrics:
        if key not in _summed:
            _summed[key] = _Tally()
        _summed[key].add(seconds)


def gauge(name: str, value: float, *labels: str) -> None:
    """Say the value of a gauge now."""
    if _metrics:
        metric = _metrics[name]
        (metric.labels(*labels) if labels else metric).set(value)


def stream_time(seconds: float) -> None:
    """Say what the newest event time is."""
    gauge("stream_time_seconds", seconds)


def live(ranker: str, mrr: float, recall10: float, serving: bool) -> None:
    """Say how good a ranker is on the live stream, and whether it answers."""
    gauge("live_mrr", mrr, ranker)
    gauge("live_recall10", recall10, ranker)
    gauge("serving_ranker", int(serving), ranker)


def pruned(reason: str, count: int) -> None:
    """Count co-watch edges that were dropped."""
    add("edges_pruned", count, reason)


def edges(age: str, count: int) -> None:
    """Say how many co-watch edges there are of an age band."""
    gauge("edges", count, age)


def table(name: str, rows: int, size: int) -> None:
    """Say how large a table is."""
    gauge("table_rows", rows, name)
    gauge("table_bytes", size, name)
