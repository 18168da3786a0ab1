"""A backtest: the engine's own steps over a log, with the place of every true item written down.

State, samples, memory, item vectors and ranker are the ones that serve; only names, store and topic are left
out.  Events come in visibility groups: all events of a group are judged before any of them is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec
import numpy as np

from deploy.config.schema import Learn
from deploy.evaluate.model.guard import Apart
from state.ranking.sample import Sample, Sampling, empty, events, learn, look
from state.record.setting import GraphSettings
from stream.event.batch import hashed
from stream.generation.generation import Generation, Limits
from stream.lane.job import STEP, Job
from stream.learning.guard import Judged
from stream.learning.learning import PARTS, REPLAY, Learning
from tgn.inference.layout import TgnSettings
from tgn.metric.ranking import rank
from tgn.training.learner import Learner

ROOM = 4_000_000  # scores worked out at once


class Log(Protocol):
    """Events in the order they are applied, and how they may be seen.

    Shapes:
        - users, items: int32 [n], numbered from 0
        - t: int64 [n]; kind: int8 [n]; value: float32 [n]
        - part: int8 [n], 0 train, 1 validation, 2 test
        - groups: int64 [g], where each visibility group begins

    `barred` gives the events whose items do not compete against each event's own, see `Alone`.
    """

    @property
    def users(self) -> np.ndarray: ...
    @property
    def items(self) -> np.ndarray: ...
    @property
    def t(self) -> np.ndarray: ...
    @property
    def kind(self) -> np.ndarray: ...
    @property
    def value(self) -> np.ndarray: ...
    @property
    def part(self) -> np.ndarray: ...
    @property
    def groups(self) -> np.ndarray: ...
    @property
    def exclude_seen(self) -> bool: ...
    @property
    def same_stamp(self) -> bool: ...
    @property
    def n_users(self) -> int: ...
    @property
    def n_items(self) -> int: ...
    def barred(self) -> list: ...


class Alone:
    """Ranks the true item of each sample among all items, by the network's score only.

    Args:
        items: Items of the log; item k has row k + 1.
        spans: What does not compete: `row[low[i]:high[i]]` are events whose items are barred for event i.
        item: int32 [n], the item of each event of the log.
    """

    def __init__(self, learner: Learner, items: int, spans: list, item: np.ndarray) -> None:
        self.learner, self.items, self.spans, self.item = learner, items, spans, item

    def ranks(self, sample: Sample, at: int, n: int) -> np.ndarray:
        """Return the rank of the true items of samples 0 … n - 1, which are events from `at` on.  float64 [n]."""
        k = self.learner.settings.history
        out = np.zeros(n)
        step = max(1, ROOM // self.items)
        every = np.arange(1, self.items + 1, dtype=np.int32)
        barred = np.zeros(self.items, bool)
        for begin in range(0, n, step):
            rows = slice(begin, min(begin + step, n))
            hist, age, user = sample.hist[rows, :k], sample.age[rows, :k], sample.user[rows]
            score, known = self.learner.score(
                hist, age, user, np.broadcast_to(every, (user.shape[0], self.items))
            )
            score = np.where(known, score, -np.inf).astype(np.float64)
            for s in range(user.shape[0]):
                i = at + begin + s
                gone = [self.item[span.row[span.low[i] : span.high[i]]] for span in self.spans]
                for which in gone:
                    barred[which] = True
                out[begin + s] = rank(score[s], int(sample.item[rows][s]) - 1, barred)
                for which in gone:
                    barred[which] = False
        return out


class BacktestSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the engine is run over a log."""

    graph: GraphSettings = GraphSettings()
    tgn: TgnSettings = TgnSettings()
    without: tuple[str, ...] = ()  # parts left out, of `learning.PARTS`
    learn_until: int = 0  # the last part weights may learn from
    replay: int = REPLAY
    ranked: float = Learn().ranked_share  # the share of the events that the ranker learns from
    seed: int = 0


def _chunks(log: Log) -> Iterator[tuple[int, int]]:
    """Yield runs of whole groups of one part, of a step's size at most; a larger group is a run of its own."""
    ends = np.append(log.groups[1:], log.users.shape[0])
    begin, last = 0, 0
    for end in ends.tolist():
        if last > begin and (end - begin > STEP or log.part[last] != log.part[begin]):
            yield begin, last
            begin = last
        last = end
    if last > begin:
        yield begin, last


class Backtest:
    """One run over one log.

    Args:
        columns: Explicit features of the log's items and users, float32 [n, settings.tgn.columns] each.
    """

    def __init__(
        self, log: Log, settings: BacktestSettings, columns: tuple[np.ndarray, np.ndarray] | None = None
    ) -> None:
        unknown = [part for part in settings.without if part not in PARTS]
        if unknown:
            raise ValueError(f"without {unknown[0]!r}: no such part; expected one of {', '.join(PARTS)}")
        self.log, self.settings = log, settings
        limits = Limits(max_users=log.n_users + 1, max_items=log.n_items + 2)
        graph = settings.graph
        if "cowatch" in settings.without:
            graph = msgspec.structs.replace(graph, reach=0, walk_seeds=0)
        tgn = msgspec.structs.replace(
            settings.tgn,
            seed=settings.seed,
            node_memory=settings.tgn.node_memory and "gru" not in settings.without,
        )
        self.generation = Generation(graph, tgn, limits)
        self.learning = Learning(
            self.generation, seed=settings.seed, replay=settings.replay, without=settings.without
        )
        self.world = self.generation.world
        if columns is not None:
            learned = self.generation.learned
            learned["item_column"].array[1 : columns[0].shape[0] + 1] = columns[0]
            learned["user_column"].array[: columns[1].shape[0]] = columns[1]
        self.scratch = self.world.scratch()
        self.sample = empty(STEP)
        self.rows = (log.items + 1).astype(np.int32)
        self.alone: Alone | None = None
        if "counted" in settings.without and self.learning.learner is not None:
            self.alone = Alone(self.learning.learner, log.n_items, log.barred(), log.items)
        if log.same_stamp:
            self.learning.guard = Apart(self.generation.quality, self._pairs())

    def _pairs(self) -> dict[tuple[int, int], list[int]]:
        """Return the items of one user at one stamp, where there are several."""
        log = self.log
        found: dict[tuple[int, int], list[int]] = {}
        for i in np.flatnonzero(log.part > 0):
            found.setdefault((int(log.users[i]), int(log.t[i])), []).append(int(self.rows[i]))
        return {key: rows for key, rows in found.items() if len(set(rows)) > 1}

    def run(
        self,
        progress: Callable[[int], object] | None = None,
        before: Callable[[int, int], object] | None = None,
    ) -> Judged:
        """Return ranks float64 [n] by each ranker; NaN for train events.

        Args:
            before: Called with the begin and the end of a run of events, while none of them is applied.
        """
        n = self.log.users.shape[0]
        out = Judged(*(np.full(n, np.nan) for _ in Judged._fields))
        for begin, end in _chunks(self.log):
            if before is not None:
                before(begin, end)
            self._chunk(begin, end, out)
            if progress is not None:
                progress(end - begin)
        return out

    def _chunk(self, begin: int, end: int, out: Judged) -> None:
        log, state = self.log, self.world.state
        rows = slice(begin, end)
        users, items, t, kind = log.users[rows], self.rows[rows], log.t[rows], log.kind[rows]
        train = int(log.part[begin]) <= self.settings.learn_until
        top = max(int(state.world[0]["items"]), int(items.max()) + 1)
        state.world[0]["items"], state.world[0]["users"] = top, log.n_users
        how = Sampling(own=not log.exclude_seen, exact=int(log.part[begin]) > 0, train=train)
        self.learning.learn = train
        every = users, items, t, kind, log.value[rows]
        if end - begin <= STEP:
            ends = np.append(log.groups[1:], log.users.shape[0])
            ends = ends[(ends > begin) & (ends <= end)] - begin if end - begin > 1 else np.array([1])
            pick = np.arange(end - begin, dtype=np.int32)
            fresh = state.items["n"][items] == 0
            some = events(users, items, t, kind, ends=ends, pick=pick)
            learn(state, self.world.marks, self.scratch, some, how, self.sample)
            self._judge(begin, fresh, out, every, top)
            self.learning.after(self._job(begin, every, top))
            return
        for at in range(begin, end, STEP):
            stop = min(at + STEP, end)
            part = slice(at - begin, stop - begin)
            fresh = state.items["n"][items[part]] == 0
            look(state, self.scratch, events(users[part], items[part], t[part]), how, self.sample)
            self._judge(at, fresh, out, tuple(column[part] for column in every), top)
        learn(state, self.world.marks, self.scratch, events(users, items, t, kind), how, self.sample)
        self.learning.after(self._job(begin, every, top))

    def _job(self, begin: int, events: tuple[np.ndarray, ...], top: int) -> Job:
        """Return events as a job, each of them sampled, as far as there are samples of them."""
        user, item, t, kind, value = events
        n, k = user.shape[0], self.settings.tgn.history
        m, sample = min(n, STEP), self.sample
        return Job(
            sample=sample,
            samples=m,
            at=np.arange(m, dtype=np.int32),
            user=user,
            item=item,
            t=t,
            kind=kind,
            value=value,
            hist=sample.hist[:m, :k],
            age=sample.age[:m, :k],
            taken=np.ones(n, bool),
            known=sample.label[:m] >= 0,
            partition=np.zeros(n, np.int32),
            offset=np.arange(begin, begin + n),
            items=top,
        )

    def _judge(
        self, at: int, fresh: np.ndarray, out: Judged, events: tuple[np.ndarray, ...], top: int
    ) -> None:
        log, sample, n = self.log, self.sample, events[0].shape[0]
        if int(log.part[at]) > 0:
            sample.equal[:n][fresh] += log.n_items + 1 - top
        alone = self.alone.ranks(sample, at, n) if self.alone and int(log.part[at]) > 0 else None
        job, ranked = self._job(at, events, top), None
        if self.settings.ranked < 1:
            ranked = hashed(job.offset, job.partition) < self.settings.ranked
        judged = self.learning.study(job, ranked=ranked)
        if int(log.part[at]) > 0:
            for column, ranks in zip(out, judged, strict=True):
                column[at : at + n] = ranks
            if alone is not None:
                out.riverwalk[at : at + n] = alone
