"""The engine: what the stream teaches, and what a request is told.

`learn` and `recommend` read as two straight lines.  There is no thread, no socket and no wall
clock in here (only a stopwatch for the metrics).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from state.answer import visit
from state.candidate import CANDIDATES
from state.sample import Sample, empty, learn
from state.store import Store
from state.table import Table
from stream.arrangement import Arrangement
from stream.batch import Batch, hashed, merged
from stream.catalogue import Catalogue
from stream.explicit import Explicit
from stream.generation import Generation
from stream.job import Job
from stream.request import Answer, Rank, Recommend
from stream.rule import AnswerSettings, SeenSettings
from stream.scorer import Scorer

RESERVED = "riverwalk:"  # ids the program keeps for itself: the start node, the canary
NO_ENDS = np.zeros(0, np.int64)
BUFFERS = 5  # sample buffers: one being filled, some waiting, one being learned from
STEP = 128  # samples that are worth a step


class Engine:
    """Learns from batches and answers requests, over one generation of tables.

    Args:
        generation: The tables.
        store: Where the writer saves; readers have none.
        topic: The name offsets are kept under.
        samples: Events of a batch that are learned from at most.
        explicit: Features of items and users by name.
        seen, answers: The rules of answers where a request has none of its own.
        catalogue: What an earlier generation knew of items.
    """

    def __init__(
        self,
        generation: Generation,
        *,
        store: Store | None = None,
        topic: str = "events",
        samples: int = 512,
        explicit: Explicit | None = None,
        seen: SeenSettings | None = None,
        answers: AnswerSettings | None = None,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.explicit = explicit
        self.generation, self.store, self.topic = generation, store, topic
        self.state = generation.world.state
        self.samples = samples
        if generation.write:
            self.scratch = generation.world.scratch()
            self.buffers: list[Sample] = []
            self.turn = -1
            self.named = (
                (len(generation.users), len(generation.items))
                if store is not None and store.loaded
                else (0, 0)
            )
            self.seconds: dict[str, float] = {}
            self.visible_at = 0.0
            self.share = 1.0  # of events that may be learned from; which ones, a hash of the offset decides
            self._next_buffer()
        else:
            self.scorer = Scorer(generation, catalogue)
            self.ttl = (seen or SeenSettings()).ttl()
            self.arrangement = Arrangement(self.scorer, answers or AnswerSettings())
            self.candidates = CANDIDATES  # of a request at most

    def learn(self, batch: Batch, teach: Callable[[Job], object]) -> None:
        """Apply a batch and save it.

        1. ids: names become rows
        2. state: one pass, event by event, describing sampled events just before they happen
        3. tgn: what was sampled goes to the learned side, once there is enough for a step
        4. store: changed rows and offsets in one write

        Raises:
            BadStore: The save failed; tables are ahead of the store until a later save succeeds.
        """
        began = time.perf_counter()
        events, pick = self._rows(batch, teach)
        named = time.perf_counter()
        users, items, t, kind, _ = events
        world = self.generation.world
        learn(
            self.state,
            world.marks,
            self.scratch,
            users,
            items,
            t,
            kind,
            NO_ENDS,
            pick,
            True,
            False,
            True,
            self.sample,
        )
        world.world.touch(np.zeros(1, np.int32))
        for partition, offset in batch.ends.items():
            self.generation.status["applied"][partition] = offset
        self.visible_at = time.perf_counter()
        self.run.append(events)
        if self.sampled >= STEP or sum(part[0].shape[0] for part in self.run) >= 4 * self.samples:
            self.hand(teach)
        taught = time.perf_counter()
        self.save(batch.ends)
        self.seconds = {
            "ids": named - began,
            "state": self.visible_at - named,
            "tgn": taught - self.visible_at,
            "store": time.perf_counter() - taught,
        }

    def hand(self, teach: Callable[[Job], object]) -> None:
        """Hand over what was sampled so far."""
        if self.run:
            user, item, t, kind, value = (np.concatenate(column) for column in zip(*self.run, strict=True))
            items = int(self.state.world[0]["items"])
            teach(Job(self.sample, self.sampled, user, item, t, kind, value, items))
            self._next_buffer()

    def warm(self) -> None:
        """Compile the kernels of the learning line before the first event."""
        none = np.zeros(0, np.int32)
        times, kinds = np.zeros(0, np.int64), np.zeros(0, np.int8)
        world = self.generation.world
        learn(
            self.state,
            world.marks,
            self.scratch,
            none,
            none,
            times,
            kinds,
            NO_ENDS,
            none,
            True,
            False,
            True,
            self.sample,
        )

    def retry(self, ends: dict[int, int]) -> None:
        """Open the store anew after a save failed, and save again.

        Raises:
            BadStore: It still fails.
        """
        if self.store is not None:
            self.store.reopen()
            self.save(ends)

    def flush(self) -> None:
        """Wait until everything saved is on the disk."""
        if self.store is not None:
            self.store.flush()

    def save(
        self, ends: dict[int, int], *, tables: list[Table] | None = None, topic: str | None = None
    ) -> None:
        """Save what changed since the last save, with the offsets to read on from.

        Args:
            tables: Those of the counted state unless others are named, whose records come from another topic.
        """
        if self.store is None:
            return
        generation = self.generation
        names = {generation.users: self.named[0], generation.items: self.named[1]}
        self.store.save(tables or generation.world.tables, names, topic or self.topic, ends)
        self.named = (len(generation.users), len(generation.items))
        if topic is not None:
            return
        for partition, offset in ends.items():
            generation.status["saved"][partition] = offset

    def _rows(
        self, batch: Batch, teach: Callable[[Job], object]
    ) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        """Return the columns of the batch's interactions, and the sample number of each (-1: none)."""
        generation = self.generation
        batch = merged(batch)
        user, item, t, kind, value = batch.user, batch.item, batch.t, batch.kind, batch.value
        keep = [i for i, name in enumerate(item) if not name.startswith(RESERVED)]
        offset, partition = batch.offset, batch.partition
        if len(keep) < len(item):
            user, item = [user[i] for i in keep], [item[i] for i in keep]
            t, kind, value, offset, partition = (
                t[keep],
                kind[keep],
                value[keep],
                offset[keep],
                partition[keep],
            )
        users, items = generation.users.rows(user), generation.items.rows(item)
        world = self.state.world[0]
        world["users"], world["items"] = len(generation.users), len(generation.items)
        if self.explicit is not None:
            self.explicit.fill()
        pick = np.full(users.shape[0], -1, np.int32)
        taken = np.flatnonzero((kind != 3) & (kind != 6))
        draw = hashed(offset[taken], partition[taken])
        if self.share < 1.0:
            taken, draw = taken[draw < self.share], draw[draw < self.share]
        if taken.shape[0] > self.samples:
            taken = np.sort(taken[np.argpartition(draw, self.samples)[: self.samples]])
        if self.sampled + taken.shape[0] > self.samples:
            self.hand(teach)
        pick[taken] = self.sampled + np.arange(taken.shape[0])
        self.sampled += taken.shape[0]
        return (users, items, t, kind, value), pick

    def _next_buffer(self) -> None:
        if len(self.buffers) < BUFFERS:
            self.buffers.append(empty(self.samples))
        self.turn = (self.turn + 1) % len(self.buffers)
        self.sample = self.buffers[self.turn]
        self.sampled = 0
        self.run: list[tuple[np.ndarray, ...]] = []

    def recommend(self, request: Recommend) -> Answer:
        """Answer a request; nothing is written.

        1. ids: an unknown user is row -1, a guest: with what a session names, or with nothing (the start node)
        2. walk: candidates and their features as of the newest event; excluded ones are none
        3. ranker: the one that does best on the live stream orders them
        4. rules: seen items are out unless asked for; tail, variety, caps, fill, exploration
        5. ids: rows become names, with scores and reasons
        """
        generation, state, scorer = self.generation, self.state, self.scorer
        u = generation.users.row.get(request.user, -1) if request.visited is None else -1
        t = int(state.world[0]["t"])
        own, out = request.include_seen, self._rows_of(request.exclude, any_of=True)
        visit(state, self._rows_of(request.visited or []), t)
        scorer.bar(out, request.filter, t)
        scorer.scratch.ttl[:] = self.ttl if request.seen is None else request.seen
        try:
            n = scorer.find(u, t, own, self.candidates)
            chosen = self.arrangement.choose(u, t, n, scorer.score(u, n), request)
            rows = chosen.rows.tolist()
            reasons = []
            if request.with_reasons:
                new = chosen.explored
                reasons = [scorer.fresh(new[row]) if row in new else scorer.reason(u, row) for row in rows]
            short = scorer.shortfall(u, out, request, t) if len(rows) < request.k else {}
        finally:
            scorer.free(out, request.filter)
        if short and chosen.cut:
            short["tail"] = chosen.cut
        return Answer([scorer.name(row) for row in rows], chosen.scores.tolist(), reasons, t, {}, short)

    def rank(self, request: Rank) -> Answer:
        """Order the items the caller brings, best first; items without an event come last, scored -inf."""
        state, scorer = self.state, self.scorer
        u = self.generation.users.row.get(request.user, -1)
        t = int(state.world[0]["t"])
        names = list(dict.fromkeys(request.items))
        rows = self._rows_of(names, keep=True)
        known = np.flatnonzero(rows > 0)
        visit(state, rows[:0], t)
        score = np.full(len(names), -np.inf)
        score[known] = scorer.score(u, scorer.bring(u, t, rows[known]))
        order = np.argsort(-score, kind="stable").tolist()
        return Answer([names[k] for k in order], [float(score[k]) for k in order], [], t, {})

    def _rows_of(self, names: list[str], *, keep: bool = False, any_of: bool = False) -> np.ndarray:
        """Return the rows of items that have had an event, int32.

        Args:
            keep: One for every name, 0 for others.
            any_of: Also those that have had none.
        """
        items, state = self.generation.items.row, self.state
        rows = np.array([items.get(name, 0) for name in names], np.int32)
        known = (rows > 0) & (any_of | (state.items["n"][rows] > 0))
        out: np.ndarray = np.where(known, rows, 0).astype(np.int32) if keep else rows[known]
        return out
