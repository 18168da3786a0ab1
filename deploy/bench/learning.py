"""Benchmark of learning in one process, on one thread, by its CPU time: no broker, no disk, no socket."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from deploy.bench import harness
from deploy.config.room import tgn_settings
from deploy.config.schema import Config

LEARNED, ITEMS, USERS = 30_000, 2_000, 5_000
PARTS = 40  # steps each part of which is timed by itself


def _numbered(names: list[str]) -> np.ndarray:
    rows: dict[str, int] = {}
    return np.fromiter((rows.setdefault(name, len(rows)) for name in names), np.int32, len(names))


class Lesson:
    """The learning line of a service, ingest's half and the learner's, over a stream of synthetic events.

    Args:
        share: Of the events, which are described and which the ranker learns from.
    """

    def __init__(self, config: Config, share: float) -> None:
        from state.ranking.sample import empty
        from state.record.setting import GraphSettings
        from stream.generation.generation import Generation, Limits
        from stream.lane.job import STEP
        from stream.learning.learning import Learning

        found = harness.events(LEARNED, users=USERS, items=ITEMS)
        self.user, self.item = _numbered(found.user), _numbered(found.item) + 1  # row 0 is no item
        self.t, self.kind, self.value, self.share, self.step = found.t, found.kind, found.value, share, STEP
        limits = Limits(max_users=USERS + 1, max_items=ITEMS + 2)
        self.generation = Generation(GraphSettings(), tgn_settings(config), limits)
        self.world = self.generation.world
        self.state, self.scratch, self.sample = self.world.state, self.world.scratch(), empty(STEP)
        self.state.world[0]["users"] = USERS
        self.learning = Learning(self.generation)

    def run(self, events: int) -> float:
        """Learn from so many events, from the first; return the seconds it took."""
        begin = time.process_time()
        for at in range(0, events, self.step):
            self._take(slice(at, min(at + self.step, events)))
        return time.process_time() - begin

    def _take(self, rows: slice) -> None:
        from state.ranking.sample import Sampling, before, events, learn
        from stream.event.batch import hashed
        from stream.lane.job import Job

        user, item, t, kind = self.user[rows], self.item[rows], self.t[rows], self.kind[rows]
        n, offset = user.shape[0], np.arange(rows.start, rows.start + user.shape[0])
        partition, known = np.zeros(n, np.int32), before(n, self.generation.tgn.history)
        picked = np.flatnonzero(hashed(offset, partition) < self.share).astype(np.int32)
        pick = np.full(n, -1, np.int32)
        pick[picked] = np.arange(picked.shape[0])
        top = self.state.world[0]
        top["items"] = max(int(top["items"]), int(item.max()) + 1)
        some = events(user, item, t, kind, pick=pick, before=known)
        learn(self.state, self.world.marks, self.scratch, some, Sampling(train=True), self.sample)
        job = Job(
            sample=self.sample, samples=picked.shape[0], at=picked, user=user, item=item, t=t, kind=kind,
            value=self.value[rows], taken=np.ones(n, bool), partition=partition, offset=offset,
            items=int(top["items"]), **known._asdict(),
        )  # fmt: skip
        self.learning.study(job)
        self.learning.after(job)

    def parts(self) -> dict[str, float]:
        """Return microseconds an event of each part of a lesson, over the last events once more, all described."""
        from state.ranking.sample import Sampling, events, look
        from stream.learning.learning import sampled
        from tgn.inference.ranker import SCORES

        learner, ranker, k = self.learning.learner, self.learning.ranker, self.generation.tgn.history
        assert learner is not None
        spent: dict[str, float] = {}

        def timed(name: str, part: Callable[..., Any], *given: Any) -> Any:
            begin = time.process_time()
            out = part(*given)
            spent[name] = spent.get(name, 0.0) + time.process_time() - begin
            return out

        for at in range(LEARNED - PARTS * self.step, LEARNED, self.step):
            rows = slice(at, at + self.step)
            user, item, t = self.user[rows], self.item[rows], self.t[rows]
            n, sample = user.shape[0], self.sample
            how = Sampling(train=True)
            timed("describe", look, self.state, self.scratch, events(user, item, t), how, sample)
            valid = np.arange(sample.cand.shape[1])[None] < sample.n[:n, None]
            cand, x = np.where(valid, sample.cand[:n], -1), sample.x[:n]
            hist, age, tgn = (
                sample.hist[:n, :k],
                sample.age[:n, :k],
                np.zeros((*cand.shape, SCORES), np.float32),
            )
            timed("network_score", learner.score_known, hist, age, user, cand)
            timed("ranker_score", ranker.score, x, tgn, valid)
            head = type(sample)(*(column[:n] for column in sample))
            order, weight = sampled(self.learning.rng, head, valid, int(self.state.world[0]["items"]))
            picked, first = (np.arange(n)[:, None], order), np.zeros(n, np.int64)
            for _ in range(1 + self.learning.replay):
                timed("ranker_step", ranker.step, x[picked], tgn[picked], weight, first)
            timed("network_step", learner.step, hist, age, user, item)
            timed("memory", learner.remember, user, item, t, self.kind[rows], self.value[rows])
        return {name: seconds / (PARTS * self.step) * 1e6 for name, seconds in spent.items()}


def _slow_fit(lesson: Lesson) -> float:
    """Return the milliseconds that one fit of the slow vectors takes; a service fits in a thread beside."""
    from state.counter.cooccurrence import busiest, gram
    from tgn.training.collaborative import fit

    begin = time.process_time()
    slow = lesson.generation.slow
    fit(gram(lesson.state, busiest(lesson.state, slow.items)), slow)
    return 1e3 * (time.process_time() - begin)


def learn(config: Config) -> harness.Figures:
    """Measure learning: whole lessons, the parts of one, the network by itself; PyG's TGN recipe as peer."""
    import torch

    from tgn.baseline.pyg_tgn import PygSettings, PygTgn

    torch.set_num_threads(1)
    share = config.learn.ranked_share
    warm = Lesson(config, 1.0)
    warm.run(2 * warm.step)  # compiles
    warm.parts()
    one, all_ranked = Lesson(config, share), Lesson(config, 1.0)
    lesson, whole = (LEARNED / run.run(LEARNED) for run in (one, all_ranked))
    parts = one.parts()
    alone = 1e6 / (parts["network_score"] + parts["network_step"] + parts["memory"])

    peer = PygTgn(int(one.user.max()) + 1, int(one.item.max()), PygSettings(seed=0))
    some = slice(0, 6_000)
    begin = time.process_time()
    peer.fit(one.user[some], one.item[some] - 1, one.t[some], 1)
    pyg = 6_000 / (time.process_time() - begin)
    return {
        "events": LEARNED,
        "items": ITEMS,
        "threads": 1,
        "ranked_share": share,
        "lesson_events_per_s": round(lesson),
        "whole_pass_events_per_s": round(whole),
        "network_events_per_s": round(alone),
        **{f"{name}_us": round(value, 1) for name, value in parts.items()},
        "slow_fit_ms": round(_slow_fit(one)),
        "pyg_training_events_per_s": round(pyg),
        "network_to_pyg": round(alone / pyg, 2),
    }
