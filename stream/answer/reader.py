"""The reader: answers requests from the tables another process writes.  It loads no torch and writes no row."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
import numpy as np
import structlog

from state.counter.mixture import NAMES, weights
from state.error import BadStore
from state.record.setting import GraphSettings
from stream.answer import non_personalized
from stream.answer.explanation import explained
from stream.answer.recommender import Recommender
from stream.answer.request import Answer, Rank, Recommend, Similar, Trending
from stream.answer.setting import AnswerSettings
from stream.catalogue.describer import Describer, Publisher
from stream.catalogue.record import Value
from stream.catalogue.syntax import Filter
from stream.error import BadRequest, Loading
from stream.event.event import DAY_MS, Event, encode, forget
from stream.generation.generation import Generation, Limits, current
from stream.generation.learned import current_learned
from stream.generation.metadata import MOST
from stream.generation.status import LET_GO, RANKERS
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


class Reader:
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
        settings = settings or ReaderSettings()
        self.graph, self.tgn, self.limits, self.live = graph, tgn, limits, live
        self._describer = Describer(describer, self._described, MOST)
        self.publisher, self.version = publisher, version
        self.ttl, self.answers, self.future_ms = settings.ttl, settings.answers, settings.future_ms
        self.readiness = Readiness(settings.health, settings.ready_lag)
        self.watch = Watch()
        self.started = time.time()
        self._lock = Lock()
        self._applied = b""  # the offsets that were told last, as they lie in the status,
        self._offsets: dict[int, int] = {}  # and by partition
        self.recommender: Recommender | None = None
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
                    self.graph, self.tgn, self.limits, live=self.live, number=number, write=False
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
        self.watch.see(self.verdict)

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
        recommender = self._current()
        users = recommender.generation.users
        row, answer = users.row.get(request.user), recommender.recommend(request)
        self._catch_up(recommender.generation)
        if users.row.get(request.user) != row:  # it may have gone to another user while it was read
            answer = recommender.recommend(request)
        answer.offsets = self.offsets()
        return answer

    def rank(self, request: Rank) -> Answer:
        """Return the items the caller brings in the order the user would want them."""
        recommender = self._current()
        answer = recommender.rank(request)
        answer.offsets = self.offsets()
        return answer

    def _item(self, item: str) -> int:
        row = self._current().generation.items.row.get(item, 0)
        if row == 0:
            raise BadRequest(f"item {item!r} is not known; wanted an item some event has named")
        return row

    def _answer(self, rows: np.ndarray, weights: np.ndarray) -> Answer:
        recommender = self._current()
        names = [recommender.items.name(int(row)) for row in rows]
        t = int(recommender.state.world[0]["t"])
        told = [(name, float(weight)) for name, weight in zip(names, weights, strict=True) if name]
        return Answer([name for name, _ in told], [weight for _, weight in told], [], t, self.offsets())

    def similar(self, request: Similar) -> Answer:
        """Return the items like an item, lately or over all time."""
        row = self._item(request.item)
        return self._answer(*non_personalized.similar_items(self._current(), row, request))

    def trending(self, request: Trending) -> Answer:
        """Return the items with the largest decayed counts, and these."""
        found, half_life_ms = non_personalized.trending_items(self._current(), request)
        answer = self._answer(*found)
        answer.half_life_ms = half_life_ms
        return answer

    def explain(self, user: str, item: str, filter: Filter | None = None) -> dict[str, str]:
        """Return why an item stands where it stands for a user now, or is not shown."""
        row, recommender = self._item(item), self._current()
        return explained(recommender, user, row, filter)

    def offsets(self) -> dict[int, int]:
        """Return the next offset of each partition that is not in an answer yet."""
        if self.recommender is None:
            return {}
        applied = self.recommender.generation.status["applied"]
        now = applied.tobytes()
        if now != self._applied:
            found = np.frombuffer(now, applied.dtype)
            self._offsets = {p: int(found[p]) for p in np.flatnonzero(found).tolist()}
            self._applied = now
        return self._offsets

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
        if self.recommender is None:
            return told
        generation = self.recommender.generation
        world, status, quality = self.recommender.state.world[0], generation.status, generation.quality
        told |= {
            "applied_events": int(world["events"] + world["impressions"]),
            "rejected_events": int(world["rejected"]),
            "ignored_events": int(status["ignored"]),
            "late_events": int(world["late"]),
            "repeated_events": int(generation.world.once.array["b"][0]),
            "event_clock": "stream" if status["past"] else "wall",
            "seconds_as_milliseconds": int(status["seconds"]),
            "stream_time_ms": int(world["t"]),
            "users": generation.users.named,
            "items": generation.items.named - 1,
            "edges": int(world["edges"]),
            "edges_pruned_evicted": int(world["evicted"]),
            "edges_pruned_aged": int(world["aged"]),
            "generation": generation.number,
            "explored": self.recommender.exploration.total,
            "learned_events": int(quality["learned"]),
            "ranked_events": int(quality["ranked"]),
            "learning_share": round(float(quality["share"]), 4),
            "ranked_share": round(float(status["ranked_share"]), 4),
            "learning_waiting": int(quality["waiting"]),
            "learning_missed": int(quality["missed"]),
            "samples_skipped": int(status["skipped"]),
            "learning_stopped": int(status["stopped"]),
            "ranker": RANKERS[int(quality["serving"])],
            "pace_seconds": round(float(world["pace"]) / 1000, 3),
            **{name: int(world[field]) for name, field in LET_GO.items()},
        }
        for name, weight in zip(NAMES, weights(self.recommender.state, True).tolist(), strict=True):
            told[f"source_{name}"] = round(weight, 3)
        for k, name in enumerate(RANKERS):
            told[f"live_mrr_{name}"] = round(float(quality["mrr"][k]), 4)
            told[f"live_recall10_{name}"] = round(float(quality["recall10"][k]), 4)
        for partition, offset in self.offsets().items():
            told[f"offset_{partition}"] = offset
        for partition in np.flatnonzero(status["saved"]).tolist():
            told[f"saved_{int(partition)}"] = int(status["saved"][partition])
        for partition in np.flatnonzero(status["described"]).tolist():
            told[f"described_{int(partition)}"] = int(status["described"][partition])
        return told

    def _topic(self) -> Publisher:
        if self.publisher is None:
            raise BadRequest("this instance publishes no events; produce them to the topic instead")
        return self.publisher

    def event_time(self, now_ms: int) -> int:
        """Return the time of an event that says none: the wall clock, or stream time on a stream of the past."""
        if self.recommender is None or not self.recommender.generation.status["past"]:
            return now_ms
        return min(now_ms, int(self.recommender.state.world[0]["t"]))

    async def publish(self, event: Event) -> tuple[int, int]:
        """Publish an event to the topic; return its partition and offset."""
        return await self._topic().publish(event.user.encode(), encode(event))

    async def forget(self, user: str, now_ms: int) -> tuple[int, int]:
        """Publish that a user is to be forgotten; return the record's partition and offset."""
        return await self._topic().publish(user.encode(), forget(user, now_ms))

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

    async def describe(self, item: str, fields: dict[str, Value] | None) -> tuple[int, int]:
        """Publish what an item is, None for nothing any more; return the record's place once it is in force."""
        return await self._describer.describe(item, fields)

    async def hide(self, item: str, hidden: bool) -> tuple[int, int]:
        """Publish that an item is hidden, or not any more; return the record's place once it is in force."""
        return await self._describer.hide(item, hidden)

    def _described(self, partition: int) -> int:
        return int(self._current().generation.status["described"][partition])
