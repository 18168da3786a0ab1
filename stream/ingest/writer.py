"""The learning line: what a batch of events changes in the tables of one generation, and what of it is to be saved.

There is no thread, no socket and no wall clock in here (only a stopwatch for the metrics).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from state.counter.once import Once
from state.error import BadStore
from state.ranking.sample import Sample, Sampling, empty, events, learn
from state.storage import crash
from state.storage.snapshot import Snapshot
from state.storage.store import Store
from state.storage.table import Table
from stream.event.batch import Batch, hashed, picked
from stream.event.event import DAY_MS, DISLIKE, IMPRESSION
from stream.generation import room
from stream.generation.generation import Generation
from stream.ingest.capacity import Budget, Kept, Run
from stream.ingest.clock import NAME, StreamClock
from stream.ingest.feature import Explicit
from stream.learning.job import Job

RESERVED = "riverwalk:"  # ids the program keeps for itself: the start node, the canary
LEARNED = Sampling(train=True)
NOTHING = Run(*(np.zeros(0, dtype) for dtype in ("i4", "i4", "i8", "i1", "f4", "?")))
BUFFERS = 5  # sample buffers: one being filled, some waiting, one being learned from
STEP = 128  # samples that are worth a step


class Taken(NamedTuple):
    """A snapshot, and what it brings up to date when it is written.

    ends: Topic -> partition -> the offset to read on from.
    """

    snapshot: Snapshot
    ends: dict[str, dict[int, int]]
    kept: Kept
    clock: dict[bytes, bytes | None]


class Writer:
    """Learns from batches of events; the one writer of the counted tables of a generation.

    Args:
        generation: The tables.
        store: Where they are saved, None for nowhere.
        topic: The name offsets are kept under.
        samples: Events of a batch that are learned from at most.
        explicit: Features of items and users by name.
        once_ms: How long after its first record an event's id is remembered.
    """

    def __init__(
        self,
        generation: Generation,
        *,
        store: Store | None = None,
        topic: str = "events",
        samples: int = 512,
        explicit: Explicit | None = None,
        once_ms: int = 7 * DAY_MS,
    ) -> None:
        self.explicit = explicit
        self.generation, self.store, self.topic = generation, store, topic
        self.state, self.scratch = generation.world.state, generation.world.scratch()
        self.samples = samples
        self.budget = Budget(generation, store)
        self.once = Once(generation.world.once, once_ms)
        self.clock = StreamClock(generation, store.meta(NAME) if store is not None else None)
        world, metadata = generation.world, generation.metadata
        self.tables: list[Table] = [*world.tables, *metadata.tables]  # what a snapshot looks at
        self.unsaved: dict[str, dict[int, int]] = {}  # topic -> partition -> the offset to read on from
        self.buffers: list[Sample] = []
        self.turn = -1
        loaded = store is not None and store.loaded
        self.named = (len(generation.users), len(generation.items)) if loaded else (0, 0)
        self.seconds: dict[str, float] = {}
        self.visible_at = 0.0
        self.share = 1.0  # of events that may be learned from; which ones, a hash of the offset decides
        self._next_buffer()

    def learn(self, batch: Batch, teach: Callable[[Job], object]) -> None:
        """Apply a batch; `snapshot`, or `save`, keeps it.

        1. ids: names become rows; where none is left, and where one asks to be forgotten, rows are evicted in between
        2. state: one pass, event by event, describing sampled events just before they happen
        3. tgn: what was sampled goes to the learner, once there is enough for a step

        Raises:
            NoMemory: Shared memory is full; nothing of the batch is applied, and it may be tried again.
            NoRoom: A ceiling is reached; part of the batch is applied, and nothing of it must be saved.
        """
        began = time.perf_counter()
        room.reserve(self.generation, batch.user, batch.item, batch.size)
        budget, state_s, budget.seconds = self.budget, 0.0, 0.0
        t0, before = int(self.state.world[0]["t0"]), int(self.state.world[0]["t"])
        if budget.gone:  # evicted for described items: before the events that come now
            self.hand(teach)
        crash.point("batch")
        for run in budget.runs(*self._chosen(batch, teach), lambda: self.hand(teach)):
            named = time.perf_counter()
            if self.explicit is not None:
                self.explicit.fill()
            self._apply(run)
            state_s += time.perf_counter() - named
        self.generation.world.world.touch(np.zeros(1, np.int32))
        for partition, offset in batch.ends.items():
            self.generation.status["applied"][partition] = offset
        self.visible_at = time.perf_counter()
        self.clock.see(batch, t0, before)
        if self.sampled >= STEP or sum(part[0].shape[0] for part in self.run) >= 4 * self.samples:
            self.hand(teach)
        crash.point("applied")
        self.reached(self.topic, batch.ends)
        taught = time.perf_counter()
        self.seconds = {
            "ids": self.visible_at - began - state_s - budget.seconds,
            "state": state_s,
            "sweep": budget.seconds,
            "tgn": taught - self.visible_at,
        }

    def _apply(self, run: Run) -> None:
        """Apply events between which no row is evicted."""
        pick = np.full(run.user.shape[0], -1, np.int32)
        taken = np.flatnonzero(run.taken)
        pick[taken] = self.sampled + np.arange(taken.shape[0])
        self.sampled += taken.shape[0]
        some = events(run.user, run.item, run.t, run.kind, pick=pick)
        learn(self.state, self.generation.world.marks, self.scratch, some, LEARNED, self.sample)
        self.run.append(run[:5])

    def hand(self, teach: Callable[[Job], object]) -> None:
        """Hand over what was sampled so far."""
        if self.run or self.budget.gone:
            user, item, t, kind, value = (
                np.concatenate(column) for column in zip(NOTHING[:5], *self.run, strict=True)
            )
            items = int(self.state.world[0]["items"])
            teach(Job(self.sample, self.sampled, user, item, t, kind, value, items, self.budget.gone))
            self.budget.gone = {}
            self._next_buffer()

    def warm(self) -> None:
        """Compile the kernels of the learning line before the first event."""
        self._apply(NOTHING)
        self.run.clear()

    def reached(self, topic: str, ends: Mapping[int, int]) -> None:
        """Note the offsets to read on from, of a topic whose records are applied so far."""
        self.unsaved.setdefault(topic, {}).update(ends)

    @property
    def changed(self) -> int:
        """How many bytes of rows changed since the last snapshot."""
        return sum(int(table.marks.n[0]) * table.row_bytes for table in self.tables)

    def snapshot(self) -> Taken:
        """Copy what changed since the last snapshot, with the offsets to read on from, all of one moment.

        A write of it is begun and told, by `settle` or `undo`, before the next one.
        """
        assert self.store is not None
        generation = self.generation
        names = {generation.users: self.named[0], generation.items: self.named[1]}
        kept, clock, ends = self.budget.take(), self.clock.take(), self.unsaved
        snapshot = self.store.snapshot(self.tables, names, ends, more=kept.records | clock)
        self.named, self.unsaved = (len(generation.users), len(generation.items)), {}
        return Taken(snapshot, ends, kept, clock)

    def settle(self, taken: Taken) -> None:
        """Note that a snapshot is saved."""
        self.budget.saved(taken.kept)
        for partition, offset in taken.ends.get(self.topic, {}).items():
            self.generation.status["saved"][partition] = offset

    def undo(self, taken: Taken) -> None:
        """Keep for the next snapshot what could not be saved."""
        taken.snapshot.undo()
        self.budget.undo(taken.kept)
        self.clock.undo(taken.clock)
        for topic, ends in taken.ends.items():
            self.unsaved[topic] = {**ends, **self.unsaved.get(topic, {})}

    def save(self) -> dict[str, dict[int, int]]:
        """Save what changed, and wait for it; return the offsets that are saved, by topic.

        Raises:
            BadStore: It cannot be written; it is tried again with the next one.
        """
        if self.store is None:
            return {}
        taken = self.snapshot()
        try:
            self.store.write(taken.snapshot)
        except BadStore:
            self.undo(taken)
            raise
        self.settle(taken)
        return taken.ends

    def _chosen(self, batch: Batch, teach: Callable[[Job], object]) -> tuple[Batch, np.ndarray]:
        """Return the batch without reserved items and what came before, and which of its events may be learned from, bool."""
        new = self.once.admit(batch.id, batch.produced) if batch.id is not None else np.ones(batch.size, bool)
        keep = [i for i, name in enumerate(batch.item) if new[i] and not name.startswith(RESERVED)]
        if len(keep) < batch.size:
            batch = picked(batch, keep)
        taken = np.flatnonzero((batch.kind != DISLIKE) & (batch.kind < IMPRESSION))
        draw = hashed(batch.offset[taken], batch.partition[taken])
        if self.share < 1.0:
            taken, draw = taken[draw < self.share], draw[draw < self.share]
        if taken.shape[0] > self.samples:
            taken = taken[np.argpartition(draw, self.samples)[: self.samples]]
        if self.sampled + taken.shape[0] > self.samples:
            self.hand(teach)
        chosen = np.zeros(batch.size, bool)
        chosen[taken] = True
        return batch, chosen

    def _next_buffer(self) -> None:
        if len(self.buffers) < BUFFERS:
            self.buffers.append(empty(self.samples))
        self.turn = (self.turn + 1) % len(self.buffers)
        self.sample = self.buffers[self.turn]
        self.sampled = 0
        self.run: list[tuple[np.ndarray, ...]] = []
