"""What the verdict is drawn from: the reciprocal ranks of all models over the same events, whole and by kind."""

from __future__ import annotations

import numpy as np

from deploy.evaluate.score import NUMBER, Run, values
from deploy.evaluate.split import Split, count, pair, span, taken
from deploy.evaluate.verdict.verdict import Found, Worth

FEW = 5  # events of a user before one
DAY_MS = 86_400_000
EVENTS = {"0": 0, "1-4": 4, "5-19": 19, "20-99": 99, "100+": None}  # the most of each band
AGES = {"first day": 1, "first week": 7, "first 30 days": 30, "first 180 days": 180, "older": None}  # days


def before(log: Split) -> np.ndarray:
    """Return how many events of its user are visible before each event, int64 [n]."""
    return count(span(log.users, taken(log.kind), log.begins()))


def by_events(log: Split) -> dict[str, np.ndarray]:
    """Return which events are of users with so many events before, bool [n] by band."""
    return _bands(before(log).astype(np.float64), EVENTS)


def by_age(log: Split) -> dict[str, np.ndarray]:
    """Return which events are on items whose first event was so long before, bool [n] by band."""
    had = taken(log.kind)
    first = np.full(log.n_items, np.iinfo(np.int64).max)
    np.minimum.at(first, log.items[had], log.t[had])
    return _bands((log.t - first[log.items]) / DAY_MS, AGES)


def _bands(value: np.ndarray, most: dict[str, int | None]) -> dict[str, np.ndarray]:
    out, low = {}, -np.inf
    for name, high in most.items():
        top = np.inf if high is None else float(high)
        out[name] = (value > low) & (value <= top)
        low = top
    return out


def worth(runs: list[Run], logs: list[Split], part: str, masks: list[np.ndarray] | None = None) -> Worth:
    """Return what each model is worth in a part, all seeds one after the other.

    Args:
        masks: bool [n] a log, events that count.
    """
    found: dict[str, np.ndarray] = {}
    owners = np.zeros(0, np.int64)
    for run in runs:
        owners, found[run.model] = values(run, logs, part, masks)
    return Worth(owners, found)


def found(runs: list[Run], logs: list[Split], part: str) -> Found:
    """Return what the verdict of a part is about."""
    rows = logs[0].judged & (logs[0].part == NUMBER[part])
    log = logs[0]
    again = count(span(pair(log.users, log.items), taken(log.kind), log.begins())) > 0
    few = [before(log) < FEW for log in logs]
    return Found(
        worth(runs, logs, part),
        worth(runs, logs, part, few),
        float(again[rows].mean()) if rows.any() and not log.exclude_seen else 0.0,
        {run.model: float(np.mean([done.seconds for done in run.done])) for run in runs},
    )
