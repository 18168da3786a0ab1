"""One pass over a log: score, store, learn, batch by batch, as the service does with a topic.

    LOG ─► batch ─► writer.learn ─► learning.take ─► store (rows and offset in one write; learned rows on a slower clock)

Everything happens in one thread, so that a seed and a share decide the result and timing does not: which events are
learned from, a hash of their offset says.  The offset of the log lies in the store beside the state it made, as that
of a topic does, so that whatever ends the process, the next run goes on after the last saved batch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import torch

from deploy.config.room import graph_settings, limits, tgn_settings
from deploy.config.schema import BadConfig, Config
from deploy.data.dataset import Dataset
from deploy.data.log import Identity, Past, identity
from deploy.machine import compiler
from deploy.service.folder import LEARNED, STORE, Lock, keep_private, move_learned
from deploy.service.ingest import clock_ms
from deploy.service.learner import explicit
from deploy.train.report import Live, Report
from deploy.train.setting import TrainSettings
from state.storage.store import Store
from stream.error import BadSource
from stream.event.batch import Batch
from stream.file.column import ANY, Selection
from stream.generation.generation import Generation
from stream.generation.status import RANKERS
from stream.ingest.writer import Writer
from stream.lane.job import STEP, Job
from stream.learning.feature import clear
from stream.learning.guard import NAME
from stream.learning.learning import Learning
from stream.learning.store import clear_unnamed, load, save

LOGS = "logs"  # the name under which the store keeps which logs were learned


DEFAULT = TrainSettings()


class Pass(NamedTuple):
    """One pass over a log, or a part of it: offsets, counts, seconds, and why it ended."""

    log: str
    begin: int
    end: int
    events: int
    learned: int
    seconds: float
    ended: str


class Training:
    """A state folder that learns from a log.  Closed, it lets the folder go.

    Args:
        config: As for the service; `state.folder`, `learn`, `decay`, `graph` and the ceilings matter.

    Raises:
        BadStore: The folder is in use, or holds what this program cannot read.
    """

    def __init__(self, config: Config) -> None:
        torch.set_num_threads(1)
        compiler.install()
        self.config, self.loaded = config, False
        self.folder = Path(config.state.folder).expanduser().absolute()
        keep_private()
        self.lock = Lock(self.folder, f"riverwalk train, process {os.getpid()}")
        try:
            self.generation = Generation(graph_settings(config), tgn_settings(config), limits(config))
            move_learned(self.folder, config)
            self.store = Store(self.folder / STORE, sync=False)
        except BaseException:
            self.lock.close()
            raise
        self.learned: Store | None = None  # opened when it is needed: it may not be readable, and be dropped
        try:
            generation = self.generation
            self.store.load(
                [*generation.world.tables, *generation.metadata.tables], [generation.users, generation.items]
            )
        except BaseException:
            self.close()
            raise

    def forget(self) -> None:
        """Drop what was learned; the state stays."""
        self._learned_store().forget_learned(self.generation.learned, [NAME])

    def _learned_store(self) -> Store:
        """Return the store of what is learned."""
        if self.learned is None:
            self.learned = Store(self.folder / LEARNED, sync=False)
        return self.learned

    def close(self) -> None:
        """Close the stores and give the folder back."""
        self.store.close()
        if self.learned is not None:
            self.learned.close()
        self.lock.close()

    def __enter__(self) -> Training:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def events(self) -> int:
        """Events remembered."""
        world = self.generation.world.state.world[0]
        return int(world["events"] + world["impressions"])

    @property
    def logs(self) -> list[Identity]:
        """The logs this folder has learned from."""
        return msgspec.convert(self.store.meta(LOGS) or [], list[Identity])

    def place(self, path: Path, append: bool = False, chosen: Selection = ANY) -> tuple[Identity, int]:
        """Return what a log is known by and the offset to read on from.

        Raises:
            BadConfig: The folder holds events of something else, and `append` is not set.
        """
        for one in self.logs:
            if one.fits(path):
                return one, self.store.offsets(one.topic).get(0, 0)
        if self.events and not append:
            names = " and ".join(one.name for one in self.logs) or "a topic"
            raise BadConfig(
                f"{self.folder}: holds {self.events:,} events of {names}, and {path} is another log; --append learns "
                "it after them, or choose another folder with --state"
            )
        return identity(path, chosen), 0

    def run(
        self,
        found: Dataset,
        how: TrainSettings = DEFAULT,
        *,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int, Generation], object] = lambda offset, generation: None,
    ) -> Report:
        """Learn from a log until its end, the limit, or `stop`; save everything.

        Raises:
            BadConfig: It is another log than before.
            BadSource: It cannot be read, or holds no event.
            BadStore: What was learned has another shape; the disk is full or failing.
        """
        assert found.path is not None
        known, begin = self.place(found.path, how.append, found.chosen)
        if how.fresh_weights:
            self.forget()
        if not self.loaded:
            load(self._learned_store(), self.generation.taught)
            clear_unnamed(self.generation)
            self.loaded = True
        past = Past(
            found, begin=begin, size=self._size(how.share), limit=how.limit, sort=known.whole, strict=how.strict,
            now_ms=clock_ms(), stop=stop,
        )  # fmt: skip
        writer, teach = self._learner(known, how.share)
        before, since = int(self.generation.quality["learned"]), time.monotonic()
        events, end, ended = 0, begin, "stopped"
        for batch in self._batches(past, writer, known, stop):
            writer.learn(batch, teach)
            events, end = events + batch.size, batch.ends[0]
            self._save_now_and_then(writer, end)
            progress(end, self.generation)
        if not stop():
            ended = "limit" if events == how.limit else "end"
        if events:
            writer.hand(teach)
            self._save(writer, end)
        elif ended == "end" and not self.events:
            raise BadSource(_empty(found.path, past))
        seconds, learned = time.monotonic() - since, int(self.generation.quality["learned"]) - before
        return self._report(past, Pass(str(found.path), begin, end, events, learned, seconds, ended))

    def _learner(self, known: Identity, share: float) -> tuple[Writer, Callable[[Job], object]]:
        """Return what applies batches, and what learns from them."""
        learn, generation = self.config.learn, self.generation
        writer = Writer(
            generation,
            store=self.store,
            topic=known.topic,
            samples=learn.events_per_batch,
        )
        writer.share = share * learn.ranked_share
        writer.warm()
        if not learn.enabled:
            return writer, lambda job: clear(generation, job.gone)
        learning = Learning(generation, seed=learn.seed, explicit=explicit(self.config, generation))
        return writer, lambda job: learning.take(job, share)

    def _batches(
        self, past: Past, writer: Writer, known: Identity, stop: Callable[[], bool]
    ) -> Iterator[Batch]:
        """Yield the batches of a log until `stop`; rejected records are counted as they are met."""
        bad, first = 0, past.begin == 0
        self.saved = self.counted = time.monotonic()
        for batch in past.batches():
            if stop() or not (batch.size or self.events):
                return
            if first:
                self._enter(known)
            first = False
            writer.state.world[0]["rejected"] += past.rejected.total() - bad
            bad = past.rejected.total()
            yield batch
            if stop():
                return

    def _save_now_and_then(self, writer: Writer, end: int) -> None:
        """Save rows when the last time is `state.save_ms` ago, and learned ones when it is `learn.save_seconds` ago."""
        now = time.monotonic()
        if now - self.saved > self.config.learn.save_seconds:
            self._save(writer, end)
            self.saved = self.counted = now
        elif now - self.counted >= self.config.state.save_ms / 1000:
            writer.save()
            self.counted = now

    def _size(self, share: float) -> int:
        """Return how many events a batch holds: about as many as give one step, and never more than may be sampled."""
        step = min(STEP, self.config.learn.events_per_batch)
        if share < 1:
            step = int(0.875 * step / max(share, 1e-6))
        return max(1, min(step, self.config.batch.events))

    def _enter(self, known: Identity) -> None:
        """Remember which log this is, before its first events."""
        logs = [one for one in self.logs if one != known]
        self.store.note(LOGS, msgspec.to_builtins([*logs, known]))

    def _save(self, writer: Writer, end: int) -> None:
        """Save everything, and wait until it is on the disk."""
        writer.save()
        if self.config.learn.enabled:
            save(self._learned_store(), self.generation.taught, writer.topic, {0: end})
            self._learned_store().flush()
        self.store.flush()

    def _report(self, past: Past, done: Pass) -> Report:
        status = self.generation.quality
        live = {
            name: Live(round(float(status["mrr"][k]), 5), round(float(status["recall10"][k]), 5))
            for k, name in enumerate(RANKERS)
            if status["judged"]
        }
        return Report(
            log=done.log,
            state=str(self.folder),
            begin=done.begin,
            end=done.end,
            events=done.events,
            seconds=round(done.seconds, 3),
            events_per_second=round(done.events / max(done.seconds, 1e-9), 1),
            ended=done.ended,
            learned=done.learned,
            share_learned=round(done.learned / max(done.events, 1), 4),
            rejected=dict(past.rejected),
            last_bad=past.last_bad,
            live=live,
            serving=RANKERS[int(status["serving"])],
            users=self.generation.users.named,
            items=self.generation.items.named - 1,
            events_remembered=self.events,
        )


def _empty(path: Path, past: Past) -> str:
    count = past.rejected.total()
    if not count:
        return f"{path}: holds no event; name a file that does"
    return f"{path}: none of its {count:,} lines is an event; the last: {past.last_bad}"
