"""Learning from the stream: score, judge, then learn, in that order for every event.

What is sampled of a step's events is scored with weights that have not seen them (that is the live quality), then the
ranker takes a step on these samples and the temporal graph network one on all events, which also reach the node memory.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import structlog

from state.ranking.column import BLEND, FEATURES, of
from state.ranking.sample import UNIFORM, Sample
from stream.event.batch import hashed
from stream.generation.generation import Generation
from stream.lane.job import STEP, Job
from stream.learning.feature import Explicit, clear
from stream.learning.guard import Guard, Judged, joined
from stream.learning.refit import Refit
from tgn.inference.ranker import EACH, SCORES, inputs
from tgn.training.learner import Learner
from tgn.training.perceptron import half
from tgn.training.ranker import Ranker, RankerSettings

log = structlog.get_logger()

KEPT = 24  # past steps the ranker learns from again
NO_ROWS = np.zeros(0, np.int64)
COLUMNS = 48  # candidates of an event that a step learns from
REPLAY = 3  # past steps of the ranker for each fresh one: it learns from a share of the events
LEAST = 32  # samples that are worth a step of the ranker
JUDGED = 4  # runs of samples of which one is judged, while more events wait
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
    """What is learned from the jobs of a writer.

    Args:
        generation: Whose learned tables, filled from the store, are written; its counted tables are read.
        seed: Of the ranker's first weights and its draws.
        replay: Past steps the ranker takes again for each fresh one.
        learn: False freezes all weights; memory goes on.
        without: Parts that are left out, of `PARTS`.
        background: Whether the slow vectors are fitted in a thread beside, as a live stream wants it.
        explicit: Features of items and users by name.
    """

    def __init__(
        self,
        generation: Generation,
        *,
        seed: int = 0,
        replay: int = REPLAY,
        learn: bool = True,
        without: Collection[str] = (),
        background: bool = False,
        explicit: Explicit | None = None,
    ) -> None:
        self.generation, self.replay, self.learn, self.explicit = generation, replay, learn, explicit
        arrays = {name: table.array for name, table in generation.learned.items()}
        self.learner = Learner(arrays, generation.tgn) if "memory" not in without else None
        self.refit = Refit(generation, background=background) if "slow" not in without else None
        self.hidden = hidden(without)
        self.ranker = Ranker(
            arrays["ranker"][0], arrays["ranker_moment"][0], FEATURES, RankerSettings(seed=seed)
        )
        self.guard = Guard(generation.quality)
        self.rng = np.random.default_rng(seed)
        self.kept: list[tuple[np.ndarray, ...]] = []
        self.fresh: list[tuple[np.ndarray, ...]] = []  # samples that wait for a step
        self.runs = 0  # of samples

    def follow(self, generation: Generation) -> None:
        """Read the counted tables of another generation from now on."""
        self.generation = generation
        if self.refit is not None:
            self.refit.generation = generation
        if self.explicit is not None:
            self.explicit = Explicit(generation, self.explicit.sides["item"], self.explicit.sides["user"])

    def take(self, job: Job, share: float = 1.0, *, hurried: bool = False) -> Judged:
        """Judge what was sampled of a run of events, learn from it, and remember all events.

        Args:
            share: Of the events that the network learns from; which ones, a hash of the offset decides.
            hurried: Whether more events wait: the network's steps are then cheaper ones, see `Pool`, and fewer samples are judged.
        """
        if self.explicit is not None:
            self.explicit.fill()
        if self.learner is not None:
            self.learner.pool.hurried = hurried
        judged = self.study(job, share, hurried=hurried)
        self.after(job)
        return judged

    def after(self, job: Job) -> None:
        """Have all events of a job reach node memory, and reset what was learned of rows evicted after them."""
        self.remember(job)
        self.evict(job)
        if self.refit is not None and self.learn:
            self.refit.step()
        self._mark()

    def study(
        self, job: Job, share: float = 1.0, ranked: np.ndarray | None = None, *, hurried: bool = False
    ) -> Judged:
        """Judge the samples of a job, and learn from them and from its events.

        Args:
            ranked: bool [samples], which of them the ranker learns from; left out, all.
            hurried: Whether the learned ranker judges only some runs of samples; the rest is in no figure of quality.
        """
        parts = []
        chosen = job.taken if share >= 1 else job.taken & (hashed(job.offset, job.partition) < share)
        for begin in range(0, job.samples, STEP):
            some = slice(begin, min(begin + STEP, job.samples))
            mine = None if ranked is None else ranked[some]
            self.runs += 1
            judge = not hurried or self.runs % JUDGED == 1
            parts.append(self._rank(Sample(*(column[some] for column in job.sample)), job.items, mine, judge))
        rows = np.flatnonzero(chosen & job.known) if self.learn and self.learner is not None else NO_ROWS
        for begin in range(0, rows.shape[0], STEP):
            some_rows = rows[begin : begin + STEP]
            assert self.learner is not None
            self.learner.step(*(one[some_rows] for one in (job.hist, job.age, job.user, job.item)))
        judged = joined(parts)
        self.guard.note(judged)
        if self.learn:
            self.generation.quality["learned"] += int(chosen.sum())
            self.generation.quality["ranked"] += job.samples if ranked is None else int(ranked.sum())
        return judged

    def again(self, records: np.ndarray) -> None:
        """Have the network learn from events that it passed over before, records of the lane (see `stream.lane.layout`)."""
        if not self.learn or self.learner is None or not records.shape[0]:
            return
        self.learner.pool.hurried = False
        for begin in range(0, records.shape[0], STEP):
            some = records[begin : begin + STEP]
            self.learner.step(*(some[name].copy() for name in ("hist", "age", "user", "item")))
        self.generation.quality["learned"] += records.shape[0]
        self._mark()

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
        clear(self.generation, job.gone, self.explicit)

    def _rank(self, sample: Sample, items: int, ranked: np.ndarray | None, judge: bool) -> Judged:
        """Score samples, judge them where asked to, and have the ranker learn from them."""
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
        judged = joined([])
        if judge:
            judged = self.guard.judge(sample, self.ranker.score(x, tgn, valid), x[..., BLEND])
        if self.learn:
            good = np.flatnonzero((sample.label >= 0) & (True if ranked is None else ranked))
            self._teach_ranker(sample, x, tgn, valid, items, good)
        return judged

    def _teach_ranker(
        self, sample: Sample, x: np.ndarray, tgn: np.ndarray, valid: np.ndarray, items: int, good: np.ndarray
    ) -> None:
        """Take the ranker's steps on the samples `good`, int64 [g], once there are enough, and on past ones.

        The scores of samples that wait are those from before their events.
        """
        if good.shape[0] == 0:
            return
        order, weight = sampled(self.rng, sample, valid, items)
        picked = good[:, None], order[good]
        self.fresh.append((x[picked], tgn[picked], weight[good]))
        if sum(part[2].shape[0] for part in self.fresh) < LEAST:
            return
        fresh = _together(self.fresh)
        self.fresh = []
        draws: Any = self.rng.integers(0, len(self.kept), self.replay) if self.kept else []
        for step in [fresh, *(self.kept[int(k)] for k in draws)]:
            self.ranker.step(step[0], step[1], step[2], np.zeros(step[0].shape[0], np.int64))
        small = half(fresh[0]), half(fresh[1]), fresh[2]
        if len(self.kept) < KEPT:
            self.kept.append(small)
        else:
            self.kept[int(self.rng.integers(KEPT))] = small
        if not np.isfinite(self.ranker.row).all():
            log.warning("the ranker's weights are not finite; it starts afresh")
            self.ranker.row[:] = 0
            self.ranker.moment[:] = 0
            self.ranker.load()

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


def _together(parts: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    """Return samples of several steps as one; those with fewer candidates are filled up with none."""
    if len(parts) == 1:
        return parts[0]
    width = max(part[2].shape[1] for part in parts)
    filled = [
        [
            np.pad(
                column,
                [(0, 0), (0, width - column.shape[1]), *[(0, 0)] * (column.ndim - 2)],
                constant_values=empty,
            )
            for column, empty in zip(part, (0, 0, -np.inf), strict=True)
        ]
        for part in parts
    ]
    return tuple(np.concatenate(columns) for columns in zip(*filled, strict=True))
