"""The reader: answers requests from the tables another process writes.  It loads no torch and writes no row."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
import numpy as np
import structlog
from msgspec.structs import replace

from state.error import BadStore
from state.record.setting import GraphSettings
from stream.answer import non_personalized
from stream.answer.explanation import explained
from stream.answer.lookup import cursor
from stream.answer.lookup.info import counted
from stream.answer.lookup.lookup import Lookup
from stream.answer.recommender import Recommender
from stream.answer.request import Answer, Rank, Recommend, Similar, Trending
from stream.answer.setting import AnswerSettings
from stream.catalogue.describer import Publisher
from stream.catalogue.publication import Publication
from stream.catalogue.record import Value
from stream.catalogue.syntax import Filter
from stream.error import Loading
from stream.event.event import DAY_MS
from stream.generation.generation import Generation, Limits, current
from stream.generation.learned import current_learned
from stream.generation.metadata import MOST
from stream.health.readiness import Readiness, Verdict, fields
from stream.health.watch import Watch
from tgn.inference.layout import TgnSettings

log = structlog.get_logger()

AT_REST = 512  # descriptions taken in between requests


class ReaderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When an instance counts as ready, and the rules of answers; see `Recommender` for `ttl` and `answers`."""

    ready_lag: int = 10_000  # events behind the topic
    future_ms: int = DAY_MS  # how far the time of an event may be ahead
    health: Path | None = None  # the folder where ingest and its supervisor tell how they are
    ttl: np.ndarray | None = None
    answers: AnswerSettings | None = None
    closed: bool = False  # until `open` is called, every question is answered by `Loading`


class Reader(Lookup, Publication):
    """Implements `stream.service.backend.Backend` over the newest generation.

    Args:
        live: The folder of generations.
        publisher: For `EVENT`; None refuses it.
        describer: For what items are and which are hidden; None refuses it.
        version: Of the program, for `INFO`.
    """

    def __init__(
        self,
        graph: GraphSettings,
        tgn: TgnSettings,
        limits: Limits,
        live: Path,
        *,
        publisher: Publisher | None = None,
        describer: Publisher | None = None,
        version: str = "",
        settings: ReaderSettings | None = None,
    ) -> None:
        Lookup.__init__(self)
        Publication.__init__(self, publisher, describer, self._described, MOST)
        settings = settings or ReaderSettings()
        self._edges, self.tgn, self.limits, self.live = graph, tgn, limits, live
        self.version = version
        self.ttl, self.answers, self.future_ms = settings.ttl, settings.answers, settings.future_ms
        self.readiness = Readiness(settings.health, settings.ready_lag)
        self.watch = Watch()
        self.started = time.time()
        self._lock = Lock()
        self._numbers = 0, 0  # of the generation and of the learned tables it answers from
        self.closed = settings.closed
        self.tick()

    def open(self) -> None:
        """Answer from now on, as soon as there is a generation: kernels are compiled."""
        self.closed = False

    def tick(self) -> None:
        """Catch up with new names, and with a new generation when there is one."""
        number, learned = 0 if self.closed else current(self.live), current_learned(self.live)
        if number and (self.recommender is None or self._numbers != (number, learned)):
            try:
                generation = Generation(
                    self._edges, self.tgn, self.limits, live=self.live, number=number, write=False
                )
            except (FileNotFoundError, BadStore) as exc:
                if self.recommender is not None or isinstance(exc, BadStore):  # else the learner still starts
                    log.warning("a generation cannot be opened; trying again", number=number, error=str(exc))
                return
            self._numbers = number, learned
            known = None if self.recommender is None else self.recommender.items.catalogue
            self.recommender = Recommender(generation, ttl=self.ttl, settings=self.answers, catalogue=known)
            while known is None and self.recommender.items.catch_up(AT_REST):
                pass
            log.info(
                "answering from a new generation",
                number=number,
                users=len(generation.users),
                items=len(generation.items),
            )
        if self.recommender is not None:
            self._catch_up(self.recommender.generation)
            self.recommender.items.catch_up(AT_REST)
            self.activity.look(self.recommender, time.monotonic())
        self.watch.see(lambda: self.verdict)

    @property
    def verdict(self) -> Verdict:
        """How the instance is now."""
        return self.readiness.judge(self.recommender and self.recommender.generation.status)

    def _current(self) -> Recommender:
        """Return the recommender, with all names that are known by now: a row may have gone to another one."""
        if self.recommender is None:
            raise Loading(f"{self.verdict.reason}; ask again in a moment")
        self._catch_up(self.recommender.generation)
        self.recommender.items.catch_up()
        return self.recommender

    def _catch_up(self, generation: Generation) -> None:
        with self._lock:
            generation.users.catch_up()
            generation.items.catch_up()

    def recommend(self, request: Recommend) -> Answer:
        """Return the best items for a user now."""
        if request.cursor:
            return self._page(request)
        answer = self._of_user(request.user, lambda found: found.recommend(request))
        return self._finished(answer, request)

    def _page(self, request: Recommend) -> Answer:
        """Return the page of an answer that a cursor leads to, and the cursor of the next one."""
        items = self._current().items
        had = cursor.read(request.user, request.cursor)
        names = [name for name in items.names(had) if name]
        wanted = replace(
            request, exclude=[*request.exclude, *names], cursor="", k=min(request.k, cursor.MOST - len(had))
        )
        answer = self.recommend(wanted)
        whole = len(answer.items) == wanted.k
        rows = items.rows(answer.items, any_of=True).tolist()
        answer.cursor = cursor.write(request.user, [*had, *rows]) if whole else cursor.FIRST
        return answer

    def rank(self, request: Rank) -> Answer:
        """Return the items the caller brings in the order the user would want them."""
        return self._finished(self._current().rank(request), request)

    def _finished(self, answer: Answer, request: Recommend | Rank | Similar | Trending) -> Answer:
        """Return an answer with what else was asked for: its offsets, titles, and the moment it is as of."""
        answer.offsets = self.offsets()
        if request.with_titles:
            answer.titles = self._current().items.titles(answer.items)
        if request.with_meta:
            answer.meta = self.meta()
        return answer

    def _answer(self, rows: np.ndarray, weights: np.ndarray) -> Answer:
        recommender = self._current()
        names = [recommender.items.name(int(row)) for row in rows]
        t = int(recommender.state.world[0]["t"])
        told = [(name, float(weight)) for name, weight in zip(names, weights, strict=True) if name]
        return Answer([name for name, _ in told], [weight for _, weight in told], [], t, {})

    def similar(self, request: Similar) -> Answer:
        """Return the items like an item, lately or over all time."""
        row = self._item(request.item)
        return self._finished(
            self._answer(*non_personalized.similar_items(self._current(), row, request)), request
        )

    def trending(self, request: Trending) -> Answer:
        """Return the items with the largest decayed counts, and these."""
        found, half_life_ms = non_personalized.trending_items(self._current(), request)
        answer = self._answer(*found)
        answer.half_life_ms = half_life_ms
        return self._finished(answer, request)

    def explain(self, user: str, item: str, filter: Filter | None = None) -> dict[str, str]:
        """Return why an item stands where it stands for a user now, or is not shown."""
        row, recommender = self._item(item), self._current()
        return explained(recommender, user, row, filter)

    def applied(self, partition: int) -> int:
        """Return the next offset of a partition that is not in an answer yet."""
        if self.recommender is None or not 0 <= partition < 256:
            return 0
        return int(self.recommender.generation.status["applied"][partition])

    def ready(self) -> tuple[bool, str]:
        """Tell whether answers are fresh enough to be used, and if not, why."""
        verdict = self.verdict
        return verdict.ready, verdict.reason

    def info(self) -> dict[str, str | int | float]:
        """Return the fields of `INFO`."""
        told: dict[str, str | int | float] = {"version": self.version, **fields(self.verdict)}
        told["uptime_seconds"] = int(time.time() - self.started)
        if self.recommender is not None:
            told |= counted(self.recommender, self.offsets())
        return told

    def event_time(self, now_ms: int) -> int:
        """Return the time of an event that says none: the wall clock, or stream time on a stream of the past."""
        if self.recommender is None or not self.recommender.generation.status["past"]:
            return now_ms
        return min(now_ms, int(self.recommender.state.world[0]["t"]))

    def receipt(self, partition: int, offset: int) -> dict[str, Any] | None:
        """Return what was removed by the record at an offset, None where that is not known any more."""
        return self._current().generation.receipts.get(partition, offset)

    def item(self, item: str) -> dict[str, Value] | None:
        """Return the metadata of an item, None where the items topic has none."""
        recommender = self._current()
        row = recommender.generation.items.row.get(item, 0)
        if row in recommender.items.waiting:
            recommender.items.take(row)
        return recommender.items.catalogue.get(row) if row else None

    def _described(self, partition: int) -> int:
        return int(self._current().generation.status["described"][partition])
