"""The ingest loop: read, learn, save, commit, again.

One thread reads, applies and copies what is to be saved, which another one writes.  What is learned from the events is
another process's work, to which each batch is handed over: all of its events, and samples of as many as the learner keeps
up with; a hash of the offset decides which.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from state.error import BadStore
from state.storage import crash
from stream import metric
from stream.event.batch import Batch, Decode
from stream.event.event import DAY_MS, FORGET, decode
from stream.health.pulse import Pulse
from stream.ingest import gauge, order, rejection
from stream.ingest.edge import Edges
from stream.ingest.item import ItemsTopic
from stream.ingest.order import Taken
from stream.ingest.plan import Plan
from stream.ingest.queue import Queue
from stream.ingest.rejection import Letters
from stream.ingest.save import Retry, Saves
from stream.ingest.writer import Writer
from stream.lane.job import Job, Teach
from stream.lane.pair import Sender

log = structlog.get_logger()

DESCRIBED = 5  # paces between two looks at the topic of items while events come


class Source(order.Source, Protocol):
    """Where records come from: a topic or a file."""

    def commit(self, ends: dict[int, int]) -> None: ...
    def lag(self) -> int: ...
    def trouble(self) -> str: ...
    def held(self) -> str: ...


class IngestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes and intervals of the ingest loop.

    Args:
        limit: Records of a batch at most.
        wait_s: Seconds to wait for records.
        pace_s: Seconds at least from one batch to the next, unless a batch was full: each costs about 1 ms whatever is in it.
        save_seconds: How often rows of users who were forgotten are dropped from the disk.
        save_ms: How often what changed is saved; 0: after every batch, which waits for it.
        sync_seconds: How often the disk is waited for, None when every save does.
        future_ms: How far the time of an event may be ahead of its record's own.
        decode: Reads records.
    """

    limit: int = 16_384
    wait_s: float = 0.01
    pace_s: float = 0.0
    save_seconds: float = 10.0
    save_ms: int = 1_000
    sync_seconds: float | None = None
    future_ms: int = DAY_MS
    decode: Decode = decode


class Ingest:
    """Feeds a writer from a source.

    Args:
        teach: What is handed each job, where learning is done beside; the lanes come before it.
        clock: The wall clock in milliseconds, for records that bear no time.
        lanes: The way to a learner in another process.
        items: The topic that describes items.
        pulse: Where it tells how it is.
    """

    def __init__(
        self,
        writer: Writer,
        teach: Teach | None,
        source: Source,
        letters: Letters,
        *,
        clock: Callable[[], int],
        settings: IngestSettings | None = None,
        items: ItemsTopic | None = None,
        pulse: Pulse | None = None,
        lanes: Sender | None = None,
    ) -> None:
        settings = settings or IngestSettings()
        self.items, self.clock = items, clock
        self.writer, self.source, self.letters = writer, source, letters
        self.teach = teach or self._clear
        self.lanes = lanes
        self.limit, self.wait_s, self.pace_s = settings.limit, settings.wait_s, settings.pace_s
        self.next = self.described = 0.0  # when the next batch may begin, and items are looked at: monotonic
        self.busy = False  # whether the last step had records
        self.plan = Plan(writer.store, writer.topic)
        offsets = writer.store.offsets(writer.topic) if writer.store is not None else {}
        pending = self.plan.pending(offsets)
        self.order = order.Order(source, clock, settings.future_ms, pending, decode=settings.decode)
        self.save_seconds = settings.save_seconds
        self.pulse = pulse or Pulse()
        self.jobs = Queue(self.pulse)
        self.retry = Retry(writer.generation.status, self.pulse, self.tell)
        clock_s = settings.save_ms / 1000, settings.sync_seconds
        self.saves = Saves(writer, self.retry, self.pulse, self._saved, *clock_s)
        if items is not None:
            items.pulse = self.pulse
        self.status = writer.generation.status
        self.edges = Edges(writer.state)
        self.ends: dict[int, int] = {}
        self.gauged = self.scrubbed = time.monotonic()
        self.goal: dict[int, int] | None = None
        self.deadline = 0.0
        self.chores: list[Callable[[], None]] = []  # called a few times a second, between two batches

    def publish_at(self, goal: dict[int, int], deadline: float) -> None:
        """Let readers switch to this generation once it has applied `goal`, or at `deadline` (monotonic)."""
        self.goal, self.deadline = goal, deadline

    def run(self, stop: Callable[[], bool]) -> None:
        """Go on until `stop`; then drain what was read, save, and return."""
        try:
            while not stop():
                self.step(stop)
            self.writer.hand(self._teach)
            self.jobs.drain()
            self.saves.now(stop)
            crash.point("stop")
        finally:
            metric.flush()
            self.jobs.close()
            self.saves.close()

    def checkpoint(self, folder: Path) -> None:
        """Write the store, with what is applied by now, to a folder that is not there yet; raises BadStore."""
        assert self.writer.store is not None
        self.saves.now(lambda: True)
        self.jobs.drain()
        self.writer.store.checkpoint(folder)

    def step(self, stop: Callable[[], bool]) -> int:
        """Read once and apply what may be applied; return how many records that were."""
        self.pulse.beat()
        if (early := self.next - time.monotonic()) > 0:
            time.sleep(early)
        if self.busy:
            self.writer.rest.clear()
        began = time.monotonic()
        taken = self.order.take(self.limit, self.wait_s)
        self.busy = taken is not None
        self.next = began + self.pace_s if taken is not None and taken.batch.size < self.limit else 0.0
        if taken is not None:
            self._apply(taken, stop)
        else:
            self.writer.hand(self._teach)
        if self.items is not None and (taken is None or began >= self.described):
            self.described = began + DESCRIBED * self.pace_s
            self.items.step()
        self.saves.step(stop)
        now = time.monotonic()
        self._save_due(now)
        if now - self.gauged > 0.2:
            self.gauged = now
            self.tell()
            gauge.tell(self.writer.generation)
            metric.flush()
            self.edges.step(now)
            for chore in self.chores:
                chore()
        self.writer.rest.set()
        return 0 if taken is None else taken.batch.size + len(taken.rejected)

    def _apply(self, taken: Taken, stop: Callable[[], bool]) -> None:
        """Apply a batch and count it."""
        batch = taken.batch
        rejection.reject(self.letters, taken.rejected)
        self.writer.state.world[0]["rejected"] += len(taken.rejected)
        ignored = self.order.ignored - int(self.status["ignored"])
        if ignored:
            self.status["ignored"] += ignored
            metric.rejected("ignored", ignored)
        if FORGET in batch.kind:
            self.writer.budget.letters = rejection.erase(self.letters, batch)
        self._learn(batch, stop)
        self.ends.update(batch.ends)
        metric.events(batch.size)
        self._count_gone()
        for name, seconds in self.writer.seconds.items():
            metric.batch_seconds(name, seconds)
        if batch.size:
            late_ms = self.clock() - 1000 * (time.perf_counter() - self.writer.visible_at)
            metric.freshness(max(0.0, late_ms - int(batch.produced[0])) / 1000)

    def _save_due(self, now: float) -> None:
        """Publish, save what is learned, and scrub where it is time to, by the monotonic clock."""
        if self.goal is not None and (now > self.deadline or self._reached(self.goal)):
            self.writer.generation.publish()
            self.goal = None
        if self.writer.budget.stale and now - self.scrubbed > self.save_seconds:
            self.scrubbed = now
            self.jobs.put(self._scrub)

    def _reached(self, goal: dict[int, int]) -> bool:
        return all(self.status["applied"][partition] >= offset for partition, offset in goal.items())

    def _learn(self, batch: Batch, stop: Callable[[], bool]) -> None:
        """Note the order and apply; while there is no room, stop learning and let readers go on."""
        self._allow()
        if self.order.several:
            note = partial(self.plan.put, batch.ends)
            self.retry.write(note, partial(self._reopened, note), stop)
        repeated = self.writer.once.repeated
        learn = partial(self.writer.learn, batch, self._teach)
        self.retry.write(learn, learn, stop)
        metric.rejected("repeated", self.writer.once.repeated - repeated)

    def _saved(self, ends: Mapping[str, Mapping[int, int]]) -> None:
        """Commit offsets that are saved."""
        self.source.commit(dict(ends.get(self.writer.topic, {})))
        if self.items is not None and self.items.topic in ends:
            self.items.source.commit(dict(ends[self.items.topic]))

    def _reopened(self, write: Callable[[], None]) -> None:
        """Write to the store, opened anew."""
        assert self.writer.store is not None
        self.writer.store.reopen()
        write()

    def tell(self) -> None:
        """Tell the servers how far behind it is, and what does not work."""
        lag = self.source.lag()
        self.status["lag"] = lag
        if self.lanes is not None:
            self.lanes.hurry(lag)
        if lag >= 0:
            for partition, count in self.source.waiting().items():
                self.status["waiting"][partition] = count
        self.pulse.lag(lag)
        self.pulse.trouble("source", self.source.trouble() or self.order.trouble or self.source.held())

    def _teach(self, job: Job) -> None:
        """Hand over a job."""
        if self.lanes is not None:
            self.lanes.put(job)
        else:
            self.teach(job)

    def _clear(self, job: Job) -> None:
        """Reset what was learned of evicted rows, where nobody learns."""
        for kind, rows in job.gone.items():
            self.writer.generation.clear(kind, rows)

    def _allow(self) -> None:
        """Say how many of the next events are described: by what waits for the learner, and by the time it takes here."""
        lanes, writer = self.lanes, self.writer
        if lanes is None:
            return
        if writer.described[0]:
            lanes.allowance.spent(*writer.described)
            writer.described = 0, 0.0
        writer.share, writer.allowed = lanes.share(), lanes.allowance.samples
        self.status["ranked_share"], self.status["skipped"] = writer.share, lanes.skipped

    def _count_gone(self) -> None:
        """Count rows that were evicted, and events that came after their user was forgotten."""
        budget = self.writer.budget
        for kind, count in budget.let_go.items():
            if count:
                metric.evicted(kind, count)
                budget.let_go[kind] = 0
        if budget.dropped:
            metric.rejected("forgotten", budget.dropped)
            budget.dropped = 0

    def _scrub(self) -> None:
        """Have the store drop what is left in its files of users who were forgotten."""
        try:
            self.writer.budget.scrub()
        except BadStore as exc:
            metric.store_error()
            log.error("old rows of forgotten users could not be dropped from the disk yet", error=str(exc))
