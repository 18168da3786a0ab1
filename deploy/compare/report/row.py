"""Rows of the report: what each model is worth beside what it costs."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from deploy.evaluate.model.cost import Cost
from deploy.evaluate.score import NUMBER, TOP, Run, quality
from deploy.evaluate.split import Split
from deploy.evaluate.verdict.evidence import by_age, by_events
from deploy.evaluate.verdict.legend import entry
from tgn.metric import ranking

Row = dict[str, Any]
MEASURES = ("recall", "precision", "ndcg", "hit")
CANNOT = "cannot"


class Bands(NamedTuple):
    """Which events are of users with so many events, and on items of such an age: bool [n] by band, of each log."""

    events: list[dict[str, np.ndarray]]
    age: list[dict[str, np.ndarray]]


def bands(logs: list[Split]) -> Bands:
    """Return the bands of the logs; those that are the same are worked out once."""
    some = logs if logs[0] is not logs[-1] else logs[:1]
    times = len(logs) // len(some)
    return Bands([by_events(log) for log in some] * times, [by_age(log) for log in some] * times)


def none(name: str, part: str, why: str) -> Row:
    """Return the row of a model that did not run."""
    nothing = {str(k): None for k in TOP}
    return {
        "model": name,
        "family": entry(name).family,
        "part": part,
        "mrr": None,
        **{measure: dict(nothing) for measure in MEASURES},
        **dict.fromkeys(("train_s", "query_ms", "peak_rss_mib", "bytes", "cold_users", "cold_items")),
        "skipped": why,
    }


def row(run: Run, logs: list[Split], part: str, bands: Bands) -> Row:
    """Return the row of a model and part: means over seeds, of memory the most.

    Args:
        bands: Of each log.
    """
    seeds = len(run.done)
    each = [_quality(log, ranks, part) for log, ranks in zip(logs[:seeds], run.ranks, strict=False)]
    costs = [done.costs.get(run.model, Cost()) for done in run.done]
    log, ranks = logs[0], run.ranks[0]
    mrrs = [one["mrr"] for one in each]
    return {
        "model": run.model,
        "family": entry(run.model).family,
        "part": part,
        **_mean(each),
        "train_s": _round(np.mean([cost.train_s for cost in costs]), 2),
        "query_ms": _round(np.mean([cost.query_ms for cost in costs]), 4),
        "peak_rss_mib": round(max(done.peak_rss_mib for done in run.done), 1),
        "bytes": int(np.mean([cost.bytes for cost in costs])),
        "cold_users": cold(
            log, ranks, part, costs[0].cold_users, ~np.isin(log.users, log.users[log.part == 0])
        ),
        "cold_items": cold(
            log, ranks, part, costs[0].cold_items, ~np.isin(log.items, log.items[log.part == 0])
        ),
        "skipped": None,
        "seeds": seeds,
        "mrr_std": _round(np.std(mrrs, ddof=1), 5) if seeds > 1 else 0.0,
        "seconds": _round(np.mean([done.cpu_s for done in run.done]), 2),
        "events_per_s": _round(
            log.users.shape[0] / max(1e-9, float(np.mean([done.seconds for done in run.done]))), 0
        ),
        "cut": any(cost.cut for cost in costs),
        "by_events": _bands(logs[:seeds], run, part, bands.events),
        "by_age": _bands(logs[:seeds], run, part, bands.age),
        "curve": costs[0].curve,
        "smoothness": costs[0].smoothness,
    }


def cold(log: Split, ranks: np.ndarray, part: str, how: str, mask: np.ndarray) -> str | Row:
    """Return how events on users or items without training events are scored, and how well; "cannot" where they are not."""
    if how == CANNOT:
        return CANNOT
    rows = log.judged & (log.part == NUMBER[part]) & mask
    n = int(rows.sum())
    found: Row = (
        quality(log, log.users[rows], ranks[rows])
        if n
        else {"mrr": None, "recall": dict.fromkeys(map(str, TOP))}
    )
    return {
        "how": how,
        "n": n,
        "mrr": _round(found["mrr"], 5),
        "recall": {k: _round(v, 5) for k, v in found["recall"].items()},
    }


def _quality(log: Split, ranks: np.ndarray, part: str) -> Row:
    rows = log.judged & (log.part == NUMBER[part])
    return quality(log, log.users[rows], ranks[rows])


def _bands(logs: list[Split], run: Run, part: str, bands: list[dict[str, np.ndarray]]) -> Row:
    """Return MRR and recall@20 of events in bands, means over events of all seeds."""
    out: Row = {}
    for name in bands[0]:
        found = [
            ranks[log.judged & (log.part == NUMBER[part]) & band[name]]
            for log, ranks, band in zip(logs, run.ranks, bands, strict=False)
        ]
        of = np.concatenate(found)
        if of.shape[0]:
            out[name] = {
                "n": of.shape[0],
                "mrr": _round(ranking.mrr(of), 5),
                "r20": _round(ranking.recall(of, 20), 5),
            }
    return out


def _mean(each: list[Any]) -> Any:
    if isinstance(each[0], dict):
        return {name: _mean([one[name] for one in each]) for name in each[0]}
    return _round(float(np.mean(each)), 5)


def _round(value: Any, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), digits)
