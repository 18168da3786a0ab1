"""The two lanes from ingest to the learner: all events, and samples of some of them.

The sender writes a job as records, samples first, so that whoever sees an event sees its sample.  No event is lost
while the learner reads: where the lane of events is full, the sender waits for it.  A sample that finds no room is
skipped and counted.  While nobody reads, the oldest events are written over; the learner then sees how many it missed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from state.ranking.sample import Sample, empty
from stream.lane.job import KINDS, Gone, Job
from stream.lane.lane import Lane
from stream.lane.layout import EVENT, event, sample
from stream.lane.setting import LaneSettings
from stream.lane.share import Allowance, by_waiting

EVENTS, SAMPLES = "events.lane", "samples.lane"
WAIT_S = 0.001
BACKLOG = 32_768  # events that wait in the topic from which on it is one
TAKEN, KNOWN = 1, 2  # bits of the field `known`
COLUMNS = ("user", "item", "t", "kind", "value", "partition", "offset", "hist", "age")
BY_CANDIDATE = ("cand", "x", "shown")  # fields of a sample with a value, or a row, for each candidate


class Sender:
    """Ingest's side.

    Args:
        folder: Where the lanes lie; None for memory of this process.
        history: Items of the history of each event.
        beat: Called while it waits for the learner.

    Raises:
        NoMemory: Shared memory has no room for them.
    """

    def __init__(
        self,
        folder: Path | None,
        history: int,
        settings: LaneSettings,
        beat: Callable[[], object] = lambda: None,
    ) -> None:
        self.settings, self._beat = settings, beat
        self.events = Lane(folder and folder / EVENTS, event(history), settings.events, write=True)
        self.samples = Lane(folder and folder / SAMPLES, sample(), settings.samples, write=True)
        self.allowance = Allowance(settings.part)
        self.skipped = 0

    def share(self) -> float:
        """Return the share of events to be described now."""
        size = self.settings.samples
        return self.settings.ranked * by_waiting(self.samples.waiting, size // 2, size)

    def hurry(self, lag: int) -> None:
        """Say how many events wait in the topic: while there are many, describing takes less of ingest's time."""
        self.allowance.part = self.settings.hurried if lag > BACKLOG else self.settings.part

    def put(self, job: Job) -> None:
        """Write a job."""
        base, kept = self.events.head, min(job.samples, self.samples.free)
        self.skipped += job.samples - kept
        if kept:
            self._describe(job, base, kept)
        self._write(self._records(job))
        if job.gone:
            self._write(self._gone(job))

    def _describe(self, job: Job, base: int, kept: int) -> None:
        """Write the first samples of a job, in place: each is some 50 KB.  What lies beyond its candidates is left as it was."""
        width, begin = int(job.sample.n[:kept].max()), 0
        for slots in self.samples.room(kept):
            some = slice(begin, begin + slots.shape[0])
            begin = some.stop
            slots["event"] = base + job.at[some]
            for name, column in zip(Sample._fields, job.sample, strict=True):
                if name in BY_CANDIDATE:
                    slots[name][:, :width] = column[some, :width]
                else:
                    slots[name] = column[some]
        self.samples.wrote(kept)

    def _records(self, job: Job) -> np.ndarray:
        records = np.zeros(job.user.shape[0], self.events.record.dtype)
        for name in COLUMNS:
            records[name] = getattr(job, name)
        records["known"] = TAKEN * job.taken + KNOWN * job.known
        records["items"] = job.items
        return records

    def _gone(self, job: Job) -> np.ndarray:
        parts = []
        for what, kind in enumerate(KINDS, 1):
            rows = job.gone.get(kind, np.zeros(0, np.int64))
            records = np.zeros(rows.shape[0], self.events.record.dtype)
            records["what"], records["items"] = what, job.items
            records["item" if kind == "item" else "user"] = rows
            parts.append(records)
        return np.concatenate(parts)

    def _write(self, records: np.ndarray) -> None:
        """Write records as there is room; over the oldest ones while nobody reads."""
        piece = max(1, self.events.capacity // 4)
        for begin in range(0, records.shape[0], piece):
            some = records[begin : begin + piece]
            while self.events.free < some.shape[0] and not self.events.away:
                self._beat()
                time.sleep(WAIT_S)
            self.events.put(some)


class Receiver:
    """The learner's side.

    Args:
        folder, history, settings: As the sender has them.
        position: The next event to read.

    Raises:
        BadStore: The lanes hold other records.
        OSError: There are none.
    """

    def __init__(self, folder: Path, history: int, settings: LaneSettings) -> None:
        self.events = Lane(folder / EVENTS, event(history), settings.events, write=False)
        self.samples = Lane(folder / SAMPLES, sample(), settings.samples, write=False)
        self.begin = self.position = 0  # of what was taken last, and of what comes next
        self.missed = 0  # events that were written over before they were read

    @property
    def waiting(self) -> int:
        """Events that wait."""
        return self.events.head - self.position

    def beat(self) -> None:
        """Say that somebody reads."""
        self.events.beat()

    def take(self, most: int) -> Job | None:
        """Return the next events, at most so many, up to where rows were evicted; None where there are none."""
        self.events.beat()
        while True:
            head = self.events.head
            if head - self.position > self.events.capacity:
                begin = head - self.events.capacity // 2
                self.missed += begin - self.position
                self.position = begin
            if head == self.position:
                self.events.done(head)
                return None
            found = self.events.get(self.position, min(head, self.position + most))
            if found is not None:
                return self._job(found)

    def _job(self, found: np.ndarray) -> Job:
        what = found["what"]
        events = _run(what == EVENT)
        gone = _run(what[events:] != EVENT)
        rows, dropped = found[:events], found[events : events + gone]
        one, at = self._samples(self.position + events)
        columns = {name: rows[name].copy() for name in COLUMNS}
        job = Job(
            sample=one,
            samples=at.shape[0],
            at=at,
            **columns,
            taken=rows["known"] & TAKEN > 0,
            known=rows["known"] & KNOWN > 0,
            items=int(found[events + gone - 1]["items"]),
            gone=_rows(dropped),
        )
        self.begin, self.position = self.position, self.position + events + gone
        return job

    def _samples(self, end: int) -> tuple[Sample, np.ndarray]:
        """Return the samples of the events from `position` to `end`, and which event each belongs to, from 0 on."""
        lane = self.samples
        slots = np.arange(lane.read, lane.head) % lane.capacity
        number = lane.record["event"][slots].astype(np.int64)
        count = int(np.searchsorted(number, end))
        slots, number = slots[:count], number[:count]
        mine = number >= self.position
        one = self._copied(slots[mine]) if mine.any() else empty(0)
        lane.done(lane.read + count)
        return one, (number[mine] - self.position).astype(np.int32)

    def _copied(self, slots: np.ndarray) -> Sample:
        """Copy samples, field by field and no wider than their candidates: whole records of 50 KB take many times as long."""
        record = self.samples.record
        width = int(record["n"][slots].max())
        return Sample(
            *(
                record[name][slots, :width] if name in BY_CANDIDATE else record[name][slots]
                for name in Sample._fields
            )
        )

    def done(self) -> None:
        """Say that what was taken is learned."""
        self.events.done(self.position)


def _run(same: np.ndarray) -> int:
    """Return how many values from the first on are true."""
    other = np.flatnonzero(~same)
    return int(other[0]) if other.shape[0] else int(same.shape[0])


def _rows(records: np.ndarray) -> Gone:
    return {
        kind: records["item" if kind == "item" else "user"][records["what"] == what].astype(np.int64)
        for what, kind in enumerate(KINDS, 1)
        if (records["what"] == what).any()
    }
