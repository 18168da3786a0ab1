"""The learner's loop: take what ingest hands over, learn, save, again.

    lanes ─► job ─► learning.take ─► learned tables ─► store (on a clock, with the offsets it has seen)

It follows the generation that ingest writes.  Where a restarted ingest repeats events, those seen before are left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import structlog

from state.error import BadStore
from state.storage.store import Store
from stream import metric
from stream.generation.generation import Generation
from stream.generation.status import RANKERS
from stream.health.pulse import Pulse
from stream.lane.job import STEP, Gone, Job
from stream.lane.pair import COLUMNS, Receiver
from stream.lane.share import by_waiting
from stream.learning.deferred import Deferred
from stream.learning.feature import clear
from stream.learning.store import save

if TYPE_CHECKING:
    from stream.learning.learning import Learning

log = structlog.get_logger()

BURST = 4_096  # events taken at once while many wait
HURRY = 2 * STEP  # events that wait from which on steps are cheaper ones, see `Learning.take`
LOW, HIGH = 2_048, 16_384  # events that wait: below all are learned from, above none
PATIENCE_S = 0.5  # for a step's events to come together
LOOK_S = 0.005
DRAIN_S = 10.0  # for what waits when it ends
LANE = "lane"  # the meta name of the place in the lane of events, and of what is deferred of it


class Seen:
    """The next offset of each partition that was learned from."""

    def __init__(self, offsets: Mapping[int, int]) -> None:
        self.next = dict(offsets)
        self.again = False  # whether the last events were seen before

    def new(self, job: Job) -> Job:
        """Return the job without events that were seen before, and without evictions that came after them; note the rest."""
        n = job.user.shape[0]
        if n == 0:
            return job._replace(gone={}) if self.again else job
        good = np.ones(n, bool)
        for partition in np.unique(job.partition).tolist():
            mine = job.partition == partition
            known = self.next.get(partition, 0)
            good &= ~mine | (job.offset >= known)
            self.next[partition] = max(known, int(job.offset[mine].max()) + 1)
        self.again = not good[-1]
        return job if good.all() else picked(job, np.flatnonzero(good), {} if self.again else job.gone)


def picked(job: Job, rows: np.ndarray, gone: Gone) -> Job:
    """Return some events of a job, int64 [m] in order, with their samples."""
    mine = np.flatnonzero(np.isin(job.at, rows))
    columns = {name: getattr(job, name)[rows] for name in (*COLUMNS, "taken", "known")}
    return job._replace(
        sample=type(job.sample)(*(column[mine] for column in job.sample)),
        samples=mine.shape[0],
        at=np.searchsorted(rows, job.at[mine]).astype(np.int32),
        gone=gone,
        **columns,
    )


class Follower:
    """Learns from what ingest hands over.

    Args:
        generation: The counted tables that ingest writes, with the learned ones attached.
        learning: None where nothing is learned: evicted rows are still reset.
        receive: Opens the lanes of a generation.
        follow: Returns the generation that is written now, the same object as long as it is the same.
        save_seconds: How often learned rows are saved.
    """

    def __init__(
        self,
        generation: Generation,
        learning: Learning | None,
        store: Store,
        *,
        receive: Callable[[Generation], Receiver],
        follow: Callable[[Generation], Generation],
        pulse: Pulse,
        save_seconds: float,
    ) -> None:
        self.generation, self.learning, self.store = generation, learning, store
        self.pulse, self.save_seconds = pulse, save_seconds
        self._receive, self._follow = receive, follow
        self.lanes = receive(generation)
        kept, deferred = store.meta(LANE), ()
        if isinstance(kept, dict) and kept.get("number") == self.lanes.events.number:
            self.lanes.position, deferred = int(kept["position"]), kept.get("deferred", ())
        self.topic = self.lanes.events.topic
        self.seen = Seen(store.offsets(self._name, "learned"))
        self.deferred = Deferred(self.lanes.events, deferred)
        self.forgotten: list[bytes] = []  # keys of rows of users who were forgotten, to leave the disk
        self.saved = self.gauged = self.idle = time.monotonic()
        self.failing = False
        self.chores: list[Callable[[], None]] = []  # called a few times a second

    @property
    def _name(self) -> str:
        return f"{self.topic:08x}"

    def run(self, stop: Callable[[], bool]) -> None:
        """Go on until `stop`; then learn from what waits, save, and return."""
        while not stop():
            self.step()
        until = time.monotonic() + DRAIN_S
        while self.lanes.waiting and time.monotonic() < until:
            self.step(patience_s=0)
        self.save()
        self.store.flush()

    def step(self, patience_s: float = PATIENCE_S) -> None:
        """Learn from what came, once it is worth a step, and save when it is time to."""
        self.pulse.beat()
        self.lanes.beat()
        now = time.monotonic()
        waiting = self.lanes.waiting
        if not waiting:
            self.idle = now
            self._change()
        if waiting >= STEP or (waiting and now - self.idle >= patience_s):
            self.idle = now
            self._learn(waiting)
        elif not self._again():
            time.sleep(LOOK_S)
        if now - self.saved > self.save_seconds:
            self.save()
        if now - self.gauged > 0.2:
            self.gauged = now
            self._gauge()
            for chore in self.chores:
                chore()

    def _learn(self, waiting: int) -> None:
        """Take some events and learn from them."""
        if self.topic != self.lanes.events.topic:
            self.topic = self.lanes.events.topic
            self.seen = Seen(self.store.offsets(self._name, "learned"))
        job = self.lanes.take(BURST if waiting > LOW else STEP)
        if job is None:
            return
        quality = self.generation.quality
        quality["share"] = by_waiting(waiting, LOW, HIGH)
        quality["missed"] = self.lanes.missed
        whole, job = job, self.seen.new(job)
        for partition, offset in self.seen.next.items():
            quality["seen"][partition] = offset
        world = self.generation.world.state.world[0]
        try:
            self.generation.taught.reserve(int(world["users"]), int(world["items"]))
            if self.learning is not None:
                self.learning.take(job, float(quality["share"]), hurried=waiting >= HURRY)
            else:
                clear(self.generation, job.gone)
        except Exception as exc:
            self._failed(job, exc)
        else:
            if whole.gone:
                self.deferred.clear()
            elif job is whole:
                self.deferred.put(self.lanes.begin, self.lanes.position, float(quality["share"]))
            if self.failing:
                self.failing = False
                self.pulse.trouble("learning", "")
                log.info("learning goes on")
        self._forget(job)
        self.lanes.done()

    def _again(self) -> bool:
        """Learn from some events that were passed over; return whether there were any."""
        records = self.deferred.take(STEP) if self.learning is not None else None
        if records is None or self.learning is None:
            return False
        try:
            self.learning.again(records)
        except Exception:
            log.exception("deferred events could not be learned from; the network goes on with those to come")
            self.deferred.clear()
        return True

    def _failed(self, job: Job, exc: Exception) -> None:
        """Tell that a job could not be learned from; what was learned of evicted rows is cleared all the same."""
        clear(self.generation, job.gone)
        if not self.failing:
            log.exception("a training step failed; events are counted, and the next step is tried")
        self.failing = True
        self.pulse.trouble(
            "learning", f"learning has stopped ({type(exc).__name__}: {exc}); events are counted, not learned"
        )

    def _forget(self, job: Job) -> None:
        """Note which rows must leave the files of the store."""
        for row in job.gone.get("forgotten", np.zeros(0, np.int64)).tolist():
            key = row.to_bytes(4, "big")
            self.forgotten += [table.name.encode() + b"\0" + key for table in self.generation.nodes["user"]]

    def _change(self) -> None:
        """Go over to the generation that is written now, once nothing waits in the lanes of the one before."""
        now = self._follow(self.generation)
        if now is self.generation:
            return
        now.attach(self.generation.taught)
        self.generation = now
        if self.learning is not None:
            self.learning.follow(now)
        self.lanes = self._receive(now)
        self.deferred = Deferred(self.lanes.events)
        log.info("learning from a new generation", number=now.number)

    def save(self) -> None:
        """Save what was learned, and the offsets it has seen; a failure is told, and the next try is in some seconds."""
        self.saved = time.monotonic()
        place = {
            "number": self.lanes.events.number,
            "position": self.lanes.position,
            "deferred": self.deferred.spans,
        }
        try:
            kept = {b"meta\0" + LANE.encode(): msgspec.json.encode(place)}
            save(self.store, self.generation.taught, self._name, self.seen.next, kept)
            if self.forgotten:
                self.store.scrub(self.forgotten)
                self.forgotten = []
        except BadStore as exc:
            metric.store_error()
            log.error("learned rows could not be saved; the next try is in some seconds", error=str(exc))
            self.pulse.trouble("disk", f"what is learned cannot be saved: {exc}")
            try:
                self.store.reopen()
            except BadStore:
                return
        else:
            self.pulse.trouble("disk", "")

    def checkpoint(self, folder: Path) -> None:
        """Write the store, with what is learned by now, to a folder that is not there yet; raises BadStore."""
        self.save()
        self.store.checkpoint(folder)

    def _gauge(self) -> None:
        quality = self.generation.quality
        for k, name in enumerate(RANKERS):
            metric.live(
                name, float(quality["mrr"][k]), float(quality["recall10"][k]), k == int(quality["serving"])
            )
        metric.gauge("learning_share", float(quality["share"]), "network")
        quality["waiting"], quality["deferred"] = self.lanes.waiting, self.deferred.count
        metric.gauge("learning_waiting", float(quality["waiting"]))
        metric.gauge("learning_missed", float(self.lanes.missed))
        metric.gauge("learning_deferred", float(quality["deferred"]))
