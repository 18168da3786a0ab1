"""A histogram that takes many values at once, kept as counters, and the page that shows it as the histogram it is."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

SECONDS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    *(30.0, 60.0),
)
BOUNDS: Final = (*(str(bound) for bound in SECONDS), "+Inf")
PART: Final = "part"
SUM: Final = "sum"


class Histogram:
    """A histogram that takes many values at once, which the library's does not.

    It is kept as a counter with a label more: a bucket's upper bound, or `sum` for the sum of the values.  `Page`
    shows it as the histogram it is.
    """

    def __init__(self, name: str, text: str, *labels: str) -> None:
        from prometheus_client import Counter

        self._counter = Counter(f"riverwalk_{name}", text, [*labels, PART])
        self._parts: dict[tuple[str, ...], list[Any]] = {}
        if not labels:
            self._of(())  # to be seen while it is empty

    def add(self, buckets: list[int], total: float, *labels: str) -> None:
        """Add values: how many fell into each bucket, and their sum."""
        *counters, total_counter = self._of(labels)
        for counter, count in zip(counters, buckets, strict=True):
            if count:
                counter.inc(count)
        total_counter.inc(total)

    def counts(self) -> list[int]:
        """Return how many values without labels fell into each bucket, in this process."""
        return [int(counter._value.get()) for counter in self._of(())[:-1]]

    def _of(self, labels: tuple[str, ...]) -> list[Any]:
        if labels not in self._parts:
            self._parts[labels] = [self._counter.labels(*labels, part) for part in (*BOUNDS, SUM)]
        return self._parts[labels]


class Page:
    """Collect what another collector does, with the counters of each `Histogram` as a histogram.

    Args:
        names: Of the histograms.
    """

    def __init__(self, collector: Any, names: Collection[str]) -> None:
        self._collector, self._names = collector, names

    def collect(self) -> Iterator[Any]:
        """Yield every metric."""
        for metric in self._collector.collect():
            yield _family(metric) if metric.name.removeprefix("riverwalk_") in self._names else metric


def _family(metric: Any) -> Any:
    """Return the histogram that a counter with bounds as labels stands for."""
    from prometheus_client.core import HistogramMetricFamily

    series: dict[tuple[str, ...], dict[str, float]] = {}
    names: list[str] = []
    for sample in metric.samples:
        if sample.name.endswith("_total"):
            labels = dict(sample.labels)
            part = labels.pop(PART)
            names = sorted(labels)
            series.setdefault(tuple(labels[name] for name in names), {})[part] = sample.value
    family = HistogramMetricFamily(metric.name, metric.documentation, labels=names)
    for values, parts in series.items():
        counts = accumulate(parts[bound] for bound in BOUNDS)
        family.add_metric(values, list(zip(BOUNDS, counts, strict=True)), parts[SUM])
    return family


def stored(folder: Path, name: str) -> list[int]:
    """Return how many values of a histogram without labels fell into each bucket, in all processes that keep files in a folder."""
    from prometheus_client.mmap_dict import MmapedDict

    found = dict.fromkeys(BOUNDS, 0)
    wanted = f"riverwalk_{name}_total"
    for file in folder.glob("counter_*.db"):
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
            if wanted in key:
                _, sample, labels, _ = json.loads(key)
                if sample == wanted and labels[PART] in found:
                    found[labels[PART]] += int(value)
    return list(found.values())
