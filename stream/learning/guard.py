"""The guard: what serves is never worse than the best simple ranker.

1. judge   before an event is learned from, each ranker's rank of the true item is taken
2. note    MRR and recall@10 of each ranker go on over a window of events
3. serve   where another ranker than the serving one is best by more than a margin, that one serves from now on
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import structlog

from state.ranking.sample import Sample
from stream.generation.status import RANKERS

log = structlog.get_logger()

NAME = "guard"  # among the facts of the store
KEY = b"meta\0" + NAME.encode()
WINDOW = 2_000  # events the live quality looks back on
JUDGED = 500  # events before the guard may act
MARGIN = 0.003  # MRR the serving ranker may stay behind


class Judged(NamedTuple):
    """Ranks of n events by each ranker, before any of them was learned from.

    float64 [n]; NaN where the true item was one the user had and may not have again.
    """

    riverwalk: np.ndarray
    blend: np.ndarray
    own_recency: np.ndarray
    popularity: np.ndarray
    served: np.ndarray  # by the one of them that served at the time


def joined(parts: Sequence[Judged]) -> Judged:
    """Return the ranks of several parts as one."""
    none = (np.zeros(0),) * len(Judged._fields)
    return Judged(*(np.concatenate(column) for column in zip(none, *parts, strict=True)))


def ranks(score: np.ndarray, sample: Sample, n: int) -> np.ndarray:
    """Return the rank of each true item, float64 [n]; ties share the mean of their ranks.

    Items that are no candidates come after all candidates, by popularity (or nowhere, where that was not
    worked out).  A score that is not finite comes last.
    """
    found, label = sample.found[:n], sample.label[:n]
    column = np.arange(score.shape[1])[None]
    clean = np.where((column < found[:, None]) & np.isfinite(score), score, -1e30)
    true = np.take_along_axis(clean, np.maximum(label, 0)[:, None], 1)
    inside = 0.5 * ((clean > true).sum(1) + (clean >= true).sum(1) - 1) + 1
    outside = np.where(sample.better[:n] < 0, np.inf, found + sample.better[:n] + 0.5 * sample.equal[:n] + 1)
    broken = true[:, 0] <= -1e30
    rank: np.ndarray = np.where((label >= 0) & (label < found), np.where(broken, found, inside), outside)
    return rank


FIELDS = (
    "serving",
    "learned",
    "ranked",
    "judged",
    "mrr",
    "recall10",
)  # of the status, that decide who serves


def record(status: np.void) -> dict[bytes, bytes | None]:
    """Return what is kept of the live quality, as a record of the store: it decides answers, so it is state."""
    return {KEY: json.dumps({name: status[name].tolist() for name in FIELDS}).encode()}


def restore(status: np.void, kept: object) -> None:
    """Take the live quality up again from `record`; of another number of rankers, or of none, it begins anew."""
    if not isinstance(kept, dict) or not kept.keys() >= set(FIELDS) - {"ranked"}:
        return
    if len(kept["mrr"]) == len(RANKERS) and 0 <= kept["serving"] < len(RANKERS):
        for name in FIELDS:
            status[name] = kept.get(name, 0)


class Guard:
    """Keeps the live quality of each ranker, and decides which one serves.

    Args:
        status: The row of `stream.generation.status.QUALITY`: mrr, recall10, judged and serving are written.
    """

    def __init__(self, status: np.void) -> None:
        self.status = status

    def judge(self, sample: Sample, learned: np.ndarray, blend: np.ndarray) -> Judged:
        """Return the ranks of the true items by each ranker.

        Shapes:
            - learned, blend: float32 [n, candidates], scores of the learned ranker and of the blend
        """
        n = sample.n.shape[0]
        by = [
            ranks(learned, sample, n),
            ranks(blend, sample, n),
            np.where(sample.own_rank > 0, sample.own_rank, np.inf),
            np.where(sample.pop_rank > 0, sample.pop_rank, np.inf),
        ]
        by.append(by[int(self.status["serving"])])
        return Judged(*(np.where(sample.own_rank < 0, np.nan, rank) for rank in by))

    def note(self, judged: Judged) -> int:
        """Bring the live quality up to date, and let the best ranker serve; return how many ranks there were."""
        status = self.status
        asked = ~np.isnan(judged.riverwalk)
        n = int(asked.sum())
        if n == 0:
            return 0
        share = n / (min(int(status["judged"]), WINDOW) + n)
        for k, rank in enumerate(column[asked] for column in judged[: len(RANKERS)]):
            status["mrr"][k] += share * (np.mean(1.0 / rank) - status["mrr"][k])
            status["recall10"][k] += share * (np.mean(rank <= 10) - status["recall10"][k])
        status["judged"] += n
        if status["judged"] >= JUDGED:
            self._serve()
        return n

    def _serve(self) -> None:
        """Change the serving ranker where it is behind; the learned one (0) comes back as soon as it is best."""
        mrr, now = self.status["mrr"], int(self.status["serving"])
        best = int(np.argmax(mrr))
        behind = mrr[best] - mrr[now]
        if best != now and (behind > MARGIN or best == 0):
            self.status["serving"] = best
            log.warning(
                "another ranker serves",
                ranker=RANKERS[best],
                before=RANKERS[now],
                mrr_behind=round(float(behind), 4),
            )
