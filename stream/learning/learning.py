"""Learning from the stream: score, judge, then learn, in that order for every event.

What is sampled from a batch is scored with weights that have not seen it (that is the live quality), then the
temporal graph network and the ranker take a step on it, and all events of the batch reach the node memory.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import structlog

from state.ranking.column import BLEND, FEATURES, of
from state.ranking.sample import UNIFORM, Sample
from stream.generation.generation import Generation
from stream.learning.guard import Guard, Judged, joined
from stream.learning.job import Job
from stream.learning.refit import Refit
from tgn.inference.ranker import EACH, SCORES, inputs
from tgn.training.learner import Learner
from tgn.training.ranker import Ranker, RankerSettings

log = structlog.get_logger()

KEPT = 24  # past steps the ranker learns from again
STEP = 256  # events a step
COLUMNS = 48  # candidates of an event that a step learns from
# What an ablation can leave out: the temporal graph network, co-watch features, the user's own history,
# all counted features, node memory, the slow vectors.
PARTS = ("memory", "cowatch", "history", "counted", "gru", "slow")


def hidden(without: Collection[str]) -> np.ndarray:
    """Return the columns of counted features that an ablation hides, int64 [h]."""
    columns: set[int] = set()
    if "cowatch" in without:
        columns |= set(of("graph"))
    if "history" in without:
        columns |= set(of("blend", "own", "user"))
    if "counted" in without:
        columns |= set(range(FEATURES))
    return np.array(sorted(columns), np.int64)


class Learning:
    """The learned side of a writer.

    Args:
        generation: Whose learned tables are written.
        seed: Of the ranker's first weights and its draws.
        replay: Past steps the ranker takes again for each fresh one.
        learn: False freezes all weights; memory goes on.
        without: Parts that are left out, of `PARTS`.
        background: Whether the slow vectors are fitted in a thread beside, as a live stream wants it.
    """

    def __init__(
        self,
        generation: Generation,
        *,
        seed: int = 0,
        replay: int = 1,
        learn: bool = True,
        without: Collection[str] = (),
        background: bool = False,
    ) -> None:
        self.generation, self.replay, self.learn = generation, replay, learn
        arrays = {name: table.array for name, table in generation.learned.items()}
        self.learner = Learner(arrays, generation.tgn) if "memory" not in without else None
        self.refit = Refit(generation, background=background) if "slow" not in without else None
        self.hidden = hidden(without)
        self.ranker = Ranker(
            arrays["ranker"][0], arrays["ranker_moment"][0], FEATURES, RankerSettings(seed=seed)
        )
        self.guard = Guard(generation.status)
        self.rng = np.random.default_rng(seed)
        self.kept: list[tuple[np.ndarray, ...]] = []

    def load(self) -> None:
        """Take the weights from tables the store has just filled."""
        self.ranker.load()
        if self.learner is not None:
            self.learner.load()

    def take(self, job: Job) -> Judged:
        """Judge the sampled events of a batch, learn from them, and remember all of them."""
        parts = []
        for begin in range(0, job.samples, STEP):
            rows = slice(begin, min(begin + STEP, job.samples))
            parts.append(self._step(Sample(*(column[rows] for column in job.sample)), job.items))
        self.remember(job)
        self.evict(job)
        if self.refit is not None and self.learn:
            self.refit.step()
        self._mark()
        judged = joined(parts)
        n = self.guard.note(judged)
        self.generation.status["learned"] += n if self.learn else 0
        return judged

    def remember(self, job: Job) -> None:
        """Let every event of the batch reach the memory of its user and its item."""
        if self.learner is not None and job.user.shape[0]:
            self.learner.remember(job.user, job.item, job.t, job.kind, job.value)

    def evict(self, job: Job) -> None:
        """Reset what was learned of rows that were evicted after the job's events.

        Steps that are taken later from what is kept of the past, and a fit of the slow vectors that is under way, may
        still write such a row: it is then a new item's that knows a little too much until it is learned itself.
        """
        for kind, rows in job.gone.items():
            if kind == "item" and self.learner is not None:
                self.learner.drop(rows, int(self.generation.world.state.world[0]["users"]))
            self.generation.clear(kind, rows)

    def _step(self, sample: Sample, items: int) -> Judged:
        n, width = sample.n.shape[0], int(sample.n.max(initial=1))
        valid = np.arange(width)[None] < sample.n[:, None]
        cand = np.where(valid, sample.cand[:, :width], -1)
        x = np.ascontiguousarray(sample.x[:, :width])
        if self.hidden.shape[0]:
            x[..., self.hidden] = 0
        tgn = np.zeros((n, width, SCORES), np.float32)
        if self.learner is not None:
            k = self.generation.tgn.history
            tgn[..., :EACH] = inputs(
                *self.learner.score_known(sample.hist[:, :k], sample.age[:, :k], sample.user, cand), valid
            )
        if self.refit is not None:
            tgn[..., EACH:] = inputs(*self.refit.score(sample.hist, cand), valid)
        judged = self.guard.judge(sample, self.ranker.score(x, tgn), x[..., BLEND])
        if self.learn:
            self._learn(sample, x, tgn, valid, items)
        return judged

    def _learn(self, sample: Sample, x: np.ndarray, tgn: np.ndarray, valid: np.ndarray, items: int) -> None:
        good = np.flatnonzero(sample.label >= 0)
        if good.shape[0] == 0:
            return
        order, weight = sampled(self.rng, sample, valid, items)
        picked = good[:, None], order[good]
        fresh = x[picked], tgn[picked], weight[good]
        draws: Any = self.rng.integers(0, len(self.kept), self.replay) if self.kept else []
        for step in [fresh, *(self.kept[int(k)] for k in draws)]:
            first = np.zeros(step[0].shape[0], np.int64)
            self.ranker.step(step[0].astype(np.float32), step[1].astype(np.float32), step[2], first)
        if good.shape[0] >= STEP // 4:
            small = fresh[0].astype(np.float16), fresh[1].astype(np.float16), fresh[2]
            if len(self.kept) < KEPT:
                self.kept.append(small)
            else:
                self.kept[int(self.rng.integers(KEPT))] = small
        if not np.isfinite(self.ranker.row).all():
            log.warning("the ranker's weights are not finite; it starts afresh")
            self.ranker.row[:] = 0
            self.ranker.moment[:] = 0
            self.ranker.load()
        if self.learner is not None:
            k = self.generation.tgn.history
            self.learner.step(
                sample.hist[good, :k], sample.age[good, :k], sample.user[good], sample.item[good]
            )

    def _mark(self) -> None:
        learned = self.generation.learned
        if self.learner is not None:
            for name, rows in self.learner.dirty().items():
                learned[name].touch(rows)
        if self.refit is not None:
            learned["slow"].touch(self.refit.dirty())
        learned["ranker"].touch(np.zeros(1, np.int32))
        learned["ranker_moment"].touch(np.zeros(1, np.int32))


def sampled(
    rng: np.random.Generator, sample: Sample, valid: np.ndarray, items: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sample what a step of sampled softmax learns from, the true item first, and the log of how many each stands for.

    Some of the found candidates and all of the random items are enough, and several times cheaper than all.  What
    was shown and not taken is always among them; what was not shown says nothing.

    Args:
        items: Item rows in use.

    Shapes:
        - valid: bool [n, C], where a candidate is
        - returns: int64 [n, COLUMNS at most], float32 of that shape, -inf where there is none
    """
    column = np.arange(valid.shape[1])[None]
    label, found = sample.label[:, None], sample.found[:, None]
    shown = valid & (sample.shown[:, : valid.shape[1]] > 0) & (column != label)
    random = valid & (column >= found) & (column != label) & ~shown
    key = rng.random(valid.shape)
    key[random] = -1.0
    key[shown] = -1.5
    key[np.broadcast_to(column == label, key.shape)] = -2.0
    key[~valid] = 2.0
    width = min(COLUMNS, key.shape[1])
    order = np.argsort(key, axis=1)[:, :width]
    kept = np.take_along_axis(key, order, 1)
    among = np.maximum(((kept >= 0) & (kept < 2)).sum(1, keepdims=True), 1)
    weight = np.where(kept < 2, np.log(np.maximum(1.0, (found - (label < found)) / among)), -np.inf)
    weight[kept == -1.0] = np.log(max(1.0, (items - valid.shape[1]) / UNIFORM))
    weight[kept == -1.5] = 0.0
    weight[:, 0] = 0.0
    return order, weight.astype(np.float32)
