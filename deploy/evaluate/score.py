"""What ranks are worth: a row a model and part, and how sure the differences between models are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from deploy.evaluate.runner import Done
from deploy.evaluate.setting import ABLATIONS, FROZEN, SERVED
from deploy.evaluate.split import BANDS, Split
from tgn.metric import ranking
from tgn.metric.bootstrap import interval

Row = dict[str, Any]
NUMBER = {"validation": 1, "test": 2}
TOP = (10, 20)


class Run(NamedTuple):
    """One model's runs: its ranks, and what they cost.

    A model that no seed changes has run once; its ranks stand there once a seed all the same.
    """

    model: str
    ranks: list[np.ndarray]  # float64 [n] a seed, NaN where nothing is judged
    done: list[Done]
    lists: np.ndarray | None = (
        None  # int32 [m, 20], the first items of drawn requests, see `deploy.evaluate.detail.list`
    )


def quality(log: Split, users: np.ndarray, ranks: np.ndarray) -> Row:
    """Return MRR, recall, precision, NDCG and hit rate of some ranks as the protocol averages them.

    Shapes:
        - users, ranks: [n], one pair a judged event
    """
    if not log.by_user:
        return {
            "mrr": ranking.mrr(ranks),
            **{
                name: {str(k): measure(ranks, k) for k in TOP}
                for name, measure in (
                    ("recall", ranking.recall),
                    ("precision", ranking.precision),
                    ("ndcg", ranking.ndcg),
                    ("hit", ranking.recall),
                )
            },
        }
    lists = {str(k): ranking.per_user(users, ranks, k) for k in TOP}
    return {
        "mrr": lists["10"].mrr,
        **{
            name: {k: getattr(one, name) for k, one in lists.items()}
            for name in ("recall", "precision", "ndcg", "hit")
        },
    }


def figures(log: Split, ranks: np.ndarray, part: str, kinds: dict[str, np.ndarray]) -> Row:
    """Return the quality of one part as its protocol averages it; by kind of event it always is a mean over events.

    Kinds that are `split.BANDS` stand under `newcomers`, the others under `by_kind`.
    """
    rows = log.judged & (log.part == NUMBER[part])
    by_kind: Row = {}
    newcomers: Row = {}
    for name, kind in kinds.items():
        of = ranks[rows & kind]
        (newcomers if name in BANDS else by_kind)[name] = {
            "n": of.shape[0],
            "mrr": ranking.mrr(of),
            **{f"r{k}": ranking.recall(of, k) for k in TOP},
        }
    return {**quality(log, log.users[rows], ranks[rows]), "by_kind": by_kind, "newcomers": newcomers}


def row(run: Run, logs: list[Split], kinds: list[dict[str, np.ndarray]], part: str) -> Row:
    """Return the row of a model and part: means over seeds, of memory the most, and the spread over seeds."""
    seeds = len(run.done)
    each = [
        figures(log, ranks, part, kind)
        for log, ranks, kind in zip(logs[:seeds], run.ranks, kinds, strict=False)
    ]
    seconds = float(np.mean([done.seconds for done in run.done]))
    return {
        "model": run.model,
        "part": part,
        **_mean(each),
        "seeds": seeds,
        "mrr_std": _spread([one["mrr"] for one in each]),
        "recall_std": {str(k): _spread([one["recall"][str(k)] for one in each]) for k in TOP},
        "seconds": round(seconds, 2),
        "events_per_s": round(float(logs[0].users.shape[0] / max(seconds, 1e-9))),
        "peak_rss_mib": round(max(done.peak_rss_mib for done in run.done), 1),
    }


def _mean(each: list[Any]) -> Any:
    """Return the means of values that have one shape; counts stay counts."""
    if isinstance(each[0], dict):
        return {name: _mean([one[name] for one in each]) for name in each[0]}
    if isinstance(each[0], int):
        return round(sum(each) / len(each))
    return round(float(np.mean(each)), 5)


def _spread(values: list[float]) -> float:
    """Return the standard deviation over seeds; 0 for one."""
    return round(float(np.std(values, ddof=1)), 5) if len(values) > 1 else 0.0


def compare(runs: list[Run], logs: list[Split], part: str, rows: list[Row]) -> list[Row]:
    """Return the difference in MRR of models in pairs, with the interval that holds 95 % of the resamples.

    Each model meets Riverwalk's counted features, the baseline that is best in this part, and, where it is Riverwalk
    with something left out, Riverwalk.  Reciprocal ranks are means over seeds, and users are drawn, not events.
    """
    pairs = _pairs({one["model"]: one["mrr"] for one in rows if one["part"] == part})
    if not pairs:
        return []
    found = [values(run, logs, part) for run in runs]
    worth = {run.model: value for run, (_, value) in zip(runs, found, strict=True)}
    difference = np.stack([worth[model] - worth[other] for model, other in pairs], axis=1)
    sure = interval(found[0][0], difference)
    return [
        {
            "model": model,
            "against": other,
            "part": part,
            "mrr_difference": round(float(mean), 5),
            "low": _bound(low),
            "high": _bound(high),
            "significant": bool(low > 0 or high < 0),
        }
        for (model, other), mean, low, high in zip(pairs, *sure, strict=True)
    ]


def _pairs(mrr: dict[str, float]) -> list[tuple[str, str]]:
    """Return which model is compared with which, from the MRR of each."""
    trivial = [name for name in mrr if not name.startswith("riverwalk") and name != "blend"]
    best = max(trivial, key=mrr.__getitem__, default="")
    against = [name for name in ("riverwalk-counted", best) if name in mrr]
    pairs = [(model, other) for other in against for model in mrr if model != other]
    if "riverwalk" in mrr:
        pairs += [(model, "riverwalk") for model in mrr if model in (*ABLATIONS, FROZEN, SERVED)]
    return pairs


def _bound(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 5)


def values(
    run: Run, logs: list[Split], part: str, masks: list[np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return what is averaged into the MRR and whose it is, all seeds one after the other: int [n], float64 [n].

    Args:
        masks: bool [n] a log, events that count.
    """
    owners, found = [], []
    for k, (log, ranks) in enumerate(zip(logs, run.ranks, strict=True)):
        rows = log.judged & (log.part == NUMBER[part])
        if masks is not None:
            rows &= masks[k]
        owner, rank = log.owners[rows], ranks[rows]
        if log.by_user:
            owner, rank = ranking.best(owner, rank)
        owners.append(owner)
        found.append(1.0 / rank)
    return np.concatenate(owners), np.concatenate(found)
