"""Readiness: whether answers are fresh, judged from what ingest and its supervisor tell, and if not, why."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from stream.health.page import (
    HEALTH,
    LEARNER,
    LOADING,
    RUNNING,
    SUPERVISION,
    WAITING,
    Health,
    Page,
    Supervision,
    now_ms,
)

QUIET_S = 4.0  # without a beat while it runs: it shows
LOOP = 3  # ends one after the other: a restart loop
CALM_S = 60.0  # of work that end a restart loop
KINDS = (
    *("starting", "restarting", "hung", "disk", "memory", "source", "learning", "items", "behind"),
)  # of trouble, as the metric tells them
COUNTED = "events are counted, not learned"
COMPILES = "kernels are being compiled"


class Verdict(NamedTuple):
    """How an instance is.

    troubles: What does not work by kind, the first is the most serious; none: ready.
    ingest: Its state: ok, starting, waiting, hung, dead or restarting.
    lag: Events of the topic that are not applied, -1 where that is not known.
    quiet_ms: How long ingest has not moved.
    """

    troubles: dict[str, str]
    ingest: str
    lag: int
    quiet_ms: int
    restarts: int

    @property
    def ready(self) -> bool:
        """Whether answers are fresh enough to be used."""
        return not self.troubles

    @property
    def reason(self) -> str:
        """Why not, or `ready`."""
        return next(iter(self.troubles.values()), "ready")


class Readiness:
    """Judges one instance.

    Args:
        folder: Where the pages lie, None where there are none: then the status of the generation alone counts.
        most: Events behind the topic with which answers are still fresh.
    """

    def __init__(self, folder: Path | None, most: int) -> None:
        self.most = most
        self._health: Page[Health] | None = None
        self._supervision: Page[Supervision] | None = None
        self._learner: Page[Health] | None = None
        self._folder = folder
        if folder is not None:
            self._health = Page(folder / HEALTH, Health)
            self._supervision = Page(folder / SUPERVISION, Supervision)

    def judge(self, status: Any | None) -> Verdict:
        """Return how the instance is now.

        Args:
            status: The row of the generation that answers (see `status.STATUS`), None where there is none yet.
        """
        if self._health is None or self._supervision is None:
            return self._by_status(status)
        health, supervision = self._health.read(), self._supervision.read()
        quiet_ms = max(0, now_ms() - self._health.beaten_ms)
        troubles: dict[str, str] = {}
        state = self._process(health, supervision, quiet_ms, troubles)
        lag = health.lag if state in ("ok", "restarting") and health.phase == RUNNING else -1
        if supervision.up:
            troubles |= {kind: health.troubles[kind] for kind in KINDS if health.troubles.get(kind)}
        self._learning(supervision, troubles)
        if supervision.starting:
            troubles["starting"] = supervision.starting
        elif status is None:
            troubles.setdefault("starting", "the state is being loaded")
        self._behind(lag, troubles)
        return Verdict(troubles, state, lag, quiet_ms, supervision.restarts)

    def _process(
        self, health: Health, supervision: Supervision, quiet_ms: int, troubles: dict[str, str]
    ) -> str:
        """Return the state of ingest, and put what is wrong with its process into `troubles`."""
        since_s = (now_ms() - supervision.since_ms) / 1_000
        again = supervision.failures >= LOOP and (since_s < CALM_S or not supervision.up)
        if again:
            troubles["restarting"] = (
                f"ingest ends again and again, {supervision.failures} times now, last with: {supervision.error}; "
                f"answers come from what is remembered"
            )
        elif not supervision.up:
            troubles["restarting"] = f"ingest has ended ({supervision.error}) and is started again"
        if not supervision.up or (again and health.phase != RUNNING):
            return "restarting" if again else "dead"
        quiet = quiet_ms > 1_000 * QUIET_S
        if quiet and health.compiling and health.phase != WAITING:
            troubles["starting"] = COMPILES
            return "starting"
        if health.phase == RUNNING and quiet:
            troubles["hung"] = f"ingest has not moved for {quiet_ms / 1_000:.0f} s; its log may say why"
            return "hung"
        if health.phase == WAITING:
            if not health.troubles.get("source"):
                troubles["starting"] = "ingest is connecting to the topic"
            return "waiting"
        if health.phase != RUNNING:
            troubles["starting"] = (
                "the state is being loaded" if health.phase == LOADING else "ingest is starting"
            )
            return "restarting" if again else "starting"
        return "restarting" if again else "ok"

    def _learning(self, supervision: Supervision, troubles: dict[str, str]) -> None:
        """Put what is wrong with the learner into `troubles`."""
        if supervision.learner:
            troubles["learning"] = (
                f"the learner has ended ({supervision.learner}) and is started again; {COUNTED}"
            )
            return
        if self._learner is None and self._folder is not None:
            with suppress(OSError):
                self._learner = Page(self._folder / LEARNER, Health)
        if self._learner is None:
            return
        health, quiet_ms = self._learner.read(), max(0, now_ms() - self._learner.beaten_ms)
        if "learning" in health.troubles:
            troubles["learning"] = health.troubles["learning"]
        elif "disk" in health.troubles:
            troubles.setdefault("disk", health.troubles["disk"])
        elif health.phase == RUNNING and quiet_ms > 1_000 * QUIET_S and not health.compiling:
            troubles["learning"] = f"learning has not moved for {quiet_ms / 1_000:.0f} s; {COUNTED}"

    def _behind(self, lag: int, troubles: dict[str, str]) -> None:
        if lag > self.most:
            troubles["behind"] = f"{lag} events behind the topic; ready below {self.most}"
        elif lag < 0 and not troubles:
            troubles["behind"] = "how many events wait in the topic is not known yet"

    def _by_status(self, status: Any | None) -> Verdict:
        """Judge by the generation alone."""
        troubles: dict[str, str] = {}
        if status is None or not status["ready"]:
            return Verdict({"starting": "the state is being loaded"}, "starting", -1, 0, 0)
        self._behind(int(status["lag"]), troubles)
        return Verdict(troubles, "ok", int(status["lag"]), 0, 0)


def fields(verdict: Verdict) -> Mapping[str, str | int]:
    """Return the fields of INFO."""
    return {
        "ready": int(verdict.ready),
        "ready_reason": verdict.reason,
        "troubles": " ".join(verdict.troubles),
        "lag": verdict.lag,
        "ingest_state": verdict.ingest,
        "ingest_restarts": verdict.restarts,
        "ingest_beat_ms": verdict.quiet_ms,
    }
