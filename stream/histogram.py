"""A histogram that takes many values at once, kept as counters, and the page that shows it as the histogram it is.

What is the library's comes in from `stream.metric`, the one file that knows it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
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

    Args:
        counter: Of the histogram's name, with its labels and `PART`.
        labelled: Whether it has labels of its own.
    """

    def __init__(self, counter: Any, labelled: bool) -> None:
        self._counter = counter
        self._parts: dict[tuple[str, ...], list[Any]] = {}
        if not labelled:
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
        family: The library's `HistogramMetricFamily`.
    """

    def __init__(self, collector: Any, names: Collection[str], family: Any) -> None:
        self._collector, self._names, self._family = collector, names, family

    def collect(self) -> Iterator[Any]:
        """Yield every metric."""
        for metric in self._collector.collect():
            yield (
                _histogram(metric, self._family)
                if metric.name.removeprefix("riverwalk_") in self._names
                else metric
            )


def _histogram(metric: Any, made: Any) -> Any:
    """Return the histogram that a counter with bounds as labels stands for."""
    series: dict[tuple[str, ...], dict[str, float]] = {}
    names: list[str] = []
    for sample in metric.samples:
        if sample.name.endswith("_total"):
            labels = dict(sample.labels)
            part = labels.pop(PART)
            names = sorted(labels)
            series.setdefault(tuple(labels[name] for name in names), {})[part] = sample.value
    family = made(metric.name, metric.documentation, labels=names)
    for values, parts in series.items():
        counts = accumulate(parts[bound] for bound in BOUNDS)
        family.add_metric(values, list(zip(BOUNDS, counts, strict=True)), parts[SUM])
    return family


def stored(
    folder: Path, name: str, values: Callable[[str], Iterable[tuple[str, float, float, int]]]
) -> list[int]:
    """Return how many values of a histogram without labels fell into each bucket, in all processes that keep files in a folder.

    Args:
        values: Yields key, value, time and position of what a file keeps.
    """
    found = dict.fromkeys(BOUNDS, 0)
    wanted = f"riverwalk_{name}_total"
    for file in folder.glob("counter_*.db"):
        for key, value, _, _ in values(str(file)):
            if wanted in key:
                _, sample, labels, _ = json.loads(key)
                if sample == wanted and labels[PART] in found:
                    found[labels[PART]] += int(value)
    return list(found.values())
