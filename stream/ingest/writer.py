"""The learning line: what a batch of events changes in the tables of one generation, and what of it is to be saved.

There is no thread, no socket and no wall clock in here (only a stopwatch for the metrics, and a flag for the saver).
What is learned from the events is up to whom jobs are handed to: a learner in another process, see `stream.lane`, or
one beside.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from state.counter.once import Once
from state.error import BadStore
from state.ranking.sample import Before, Sampling, before, empty, events, learn
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
from stream.lane.job import Job, Teach

RESERVED = "riverwalk:"  # ids the program keeps for itself: the start node, the canary
LEARNED = Sampling(train=True)
LONG = 1_024  # events whose compiled pass, which runs no Python, takes long enough for others to have a turn
EVENT_S = 6e-6  # about what an event takes that is not described
NOTHING = Run(*(np.zeros(0, dtype) for dtype in ("i4", "i4", "i8", "i1", "f4", "?", "?", "i4", "i8")))


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
        samples: Events of a batch that are described at most.
        once_ms: How long after its first record an event's id is remembered.
    """

    def __init__(
        self,
        generation: Generation,
        *,
        store: Store | None = None,
        topic: str = "events",
        samples: int = 512,
        once_ms: int = 7 * DAY_MS,
    ) -> None:
        self.generation, self.store, self.topic = generation, store, topic
        self.state, self.scratch = generation.world.state, generation.world.scratch()
        self.samples = samples
        self.budget = Budget(generation, store)
        self.once = Once(generation.world.once, once_ms)
        self.clock = StreamClock(generation, store.meta(NAME) if store is not None else None)
        world, metadata = generation.world, generation.metadata
        self.tables: list[Table] = [*world.tables, *metadata.tables]  # what a snapshot looks at
        self.unsaved: dict[str, dict[int, int]] = {}  # topic -> partition -> the offset to read on from
        self.sample, self.sampled = empty(samples), 0
        self.run: list[tuple[Run, Before, np.ndarray]] = []  # what was applied and is not handed over
        loaded = store is not None and store.loaded
        self.named = (len(generation.users), len(generation.items)) if loaded else (0, 0)
        self.rest = threading.Event()  # set while the saver may run Python: see `Saver`
        self.rest.set()
        self.seconds: dict[str, float] = {}
        self.visible_at = 0.0
        self.allowed: Callable[[], int] = lambda: samples  # how many events may be described now
        self.described = 0, 0.0  # of the last batch: samples, and about the CPU seconds they took
        self.share = 1.0  # of the events that are described; which ones, a hash of the offset decides

    def learn(self, batch: Batch, teach: Teach) -> None:
        """Apply a batch; `snapshot`, or `save`, keeps it.

        1. ids: names become rows; where none is left, and where one asks to be forgotten, rows are evicted in between
        2. state: one pass, event by event, describing sampled events just before they happen
        3. tgn: the events, and what was described of them, go to the learner

        Raises:
            NoMemory: Shared memory is full; nothing of the batch is applied, and it may be tried again.
            NoRoom: A ceiling is reached; part of the batch is applied, and nothing of it must be saved.
        """
        began = time.perf_counter()
        room.reserve(self.generation, batch.user, batch.item, batch.size)
        budget, state_s, cpu_s, budget.seconds = self.budget, 0.0, 0.0, 0.0
        t0, since = int(self.state.world[0]["t0"]), int(self.state.world[0]["t"])
        if budget.gone:  # evicted for described items: before the events that come now
            self.hand(teach)
        crash.point("batch")
        batch, taken, picked = self._chosen(batch)
        for run in budget.runs(batch, taken, picked, lambda: self.hand(teach)):
            named, worked = time.perf_counter(), time.thread_time()
            self._apply(run)
            state_s += time.perf_counter() - named
            cpu_s += time.thread_time() - worked
        self.generation.world.world.touch(np.zeros(1, np.int32))
        for partition, offset in batch.ends.items():
            self.generation.status["applied"][partition] = offset
        self.visible_at = time.perf_counter()
        self.described = int(picked.sum()), max(0.0, cpu_s - EVENT_S * batch.size)
        self.clock.see(batch, t0, since)
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
        picked = np.flatnonzero(run.picked)
        pick[picked] = self.sampled + np.arange(picked.shape[0])
        self.sampled += picked.shape[0]
        known = before(run.user.shape[0], self.generation.tgn.history)
        some = events(run.user, run.item, run.t, run.kind, pick=pick, before=known)
        held = not self.rest.is_set()
        if held and run.user.shape[0] >= LONG:
            self.rest.set()
        learn(self.state, self.generation.world.marks, self.scratch, some, LEARNED, self.sample)
        if held:
            self.rest.clear()
        self.run.append((run, known, picked))

    def hand(self, teach: Teach) -> None:
        """Hand over what was applied so far; the samples are written over by the next events."""
        if not self.run and not self.budget.gone:
            return
        nothing = NOTHING, before(0, self.generation.tgn.history), np.zeros(0, np.int64)
        runs, known, picked = zip(*(self.run or [nothing]), strict=True)
        begins = np.cumsum([0, *(run.user.shape[0] for run in runs)])
        columns = {
            name: _joined([getattr(run, name) for run in runs])
            for name in ("user", "item", "t", "kind", "value", "taken", "partition", "offset")
        } | {name: _joined([getattr(one, name) for one in known]) for name in Before._fields}
        at = _joined([begin + rows for begin, rows in zip(begins, picked, strict=False)])
        job = Job(
            sample=self.sample,
            samples=self.sampled,
            at=at.astype(np.int32),
            items=int(self.state.world[0]["items"]),
            gone=self.budget.gone,
            **columns,
        )
        self.run, self.sampled, self.budget.gone = [], 0, {}
        teach(job)

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
        return sum(int(table.marks.row[-1]) * table.row_bytes for table in self.tables)

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

    def _chosen(self, batch: Batch) -> tuple[Batch, np.ndarray, np.ndarray]:
        """Return the batch without reserved items and what came before; which of its events may be learned from, and are described, bool."""
        new = self.once.admit(batch.id, batch.produced).tolist() if batch.id is not None else []
        if not all(new) or any(name.startswith(RESERVED) for name in batch.item):
            new = new or [True] * batch.size
            batch = picked(
                batch, [i for i, name in enumerate(batch.item) if new[i] and not name.startswith(RESERVED)]
            )
        taken = (batch.kind != DISLIKE) & (batch.kind < IMPRESSION)
        rows = np.flatnonzero(taken)
        draw = hashed(batch.offset[rows], batch.partition[rows])
        if self.share < 1.0:
            rows, draw = rows[draw < self.share], draw[draw < self.share]
        most = min(self.samples, self.allowed())
        if rows.shape[0] > most:
            rows = rows[np.argpartition(draw, most)[:most]] if most else rows[:0]
        described = np.zeros(batch.size, bool)
        described[rows] = True
        return batch, taken, described


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """Return arrays as one; the one there is for the most part, as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
