"""Models that are fitted on the training part, then judged as they were fitted and with histories that go on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from deploy.evaluate.model import cost, side, training
from deploy.evaluate.protocol import Named
from deploy.evaluate.setting import FITTED, Job
from deploy.evaluate.split import Split, taken
from deploy.evaluate.verdict.legend import LIVE
from tgn.baseline.contract import Baseline, Fitted, Training
from tgn.baseline.fitting.clock import Clock

Ranks = dict[str, np.ndarray]
Judge = Callable[[Split, Baseline], np.ndarray]


def material(named: Named, job: Job) -> Training:
    """Return what a model is fitted on."""
    log, known = named.log, side.of(named, job)
    train = training.fitted_on(log)
    shown_users, shown_items = training.shown(log)
    return Training(
        users=log.users[train],
        items=log.items[train],
        t=log.t[train],
        value=log.value[train],
        n_users=log.n_users,
        n_items=log.n_items,
        held_users=log.users[:0],
        held_items=log.items[:0],
        shown_users=shown_users,
        shown_items=shown_items,
        **known._asdict(),
    )


def allowed(job: Job) -> Clock:
    """Return a clock of the seconds that a fit may take: of computing, so that a busy machine cuts none, unless somebody waits."""
    return Clock(job.seconds or math.inf, time.perf_counter if job.wall else time.process_time)


def run(
    named: Named, job: Job, judge: Judge, progress: Callable[[int], object]
) -> tuple[Ranks, dict[str, cost.Cost]]:
    """Return the ranks and the costs of a model, and of it with live histories where the protocol has later events.

    Args:
        judge: Returns the ranks of a baseline over the log, and calls `progress` with the events it has passed.
        progress: Called with so many events done; the fit counts as one pass.

    Raises:
        BadConfig: The model lacks what it needs.
    """
    log, given = named.log, material(named, job)
    model = FITTED[job.model]()
    known = side.Side(given.user_columns, given.item_columns, given.user_kinds, given.item_kinds, given.trust)
    training.require(job.model, model.needs, known)
    n, told = log.users.shape[0], 0

    def share(done: float) -> None:
        nonlocal told
        now = int(min(1.0, max(0.0, done)) * n)
        progress(max(0, now - told))
        told = max(told, now)

    begin, clock = time.process_time(), allowed(job)
    fitted = model.fit(given, job.seed, share, clock)
    train_s = time.process_time() - begin
    share(1.0)
    models = {job.model: fitted.frozen()}
    live = None if log.by_user else fitted.live()
    if live is not None:
        models[job.model + LIVE] = live
    known_events = int(((log.part == 0) & taken(log.kind)).sum())
    ranks = {name: judge(log, Later(one, known_events)) for name, one in models.items()}
    costs = {
        name: _cost(fitted, train_s, clock.cut, cost.query_ms(log, one.score)) for name, one in models.items()
    }
    return ranks, costs


class Later:
    """A fitted model that is shown the whole log: it has the events of training already, and learns those that come after.

    Args:
        model: The model, as of the end of training.
        events: Of the training part.
    """

    def __init__(self, model: Baseline, events: int) -> None:
        self.model, self.left, self.name = model, events, model.name

    def score(self, user: int, t: int) -> np.ndarray:
        """Return the scores of the model, float64 [items]."""
        return self.model.score(user, t)

    def learn(self, user: int, item: int, t: int) -> None:
        """Have the model learn what it has not."""
        if self.left:
            self.left -= 1
        else:
            self.model.learn(user, item, t)


def passes(log: Split) -> int:
    """Return how many passes over the log a fitted model takes: the fit, and one a row."""
    return 2 if log.by_user else 3


def _cost(fitted: Fitted, train_s: float, cut: bool, query_ms: float) -> cost.Cost:
    return cost.Cost(
        train_s=train_s,
        cut=cut,
        query_ms=query_ms,
        bytes=fitted.bytes,
        cold_users=fitted.cold_users,
        cold_items=fitted.cold_items,
        curve=[(one.epoch, one.seconds, _finite(one.loss), _finite(one.recall)) for one in fitted.curve],
        smoothness=[float(one) for one in fitted.smoothness],
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
