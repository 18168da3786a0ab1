"""Readiness says what is wrong, and says ready only where nothing is."""

import os
import struct
from pathlib import Path

import pytest

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
from stream.health.readiness import KINDS, Readiness, Verdict, fields

STATUS = {"ready": 1, "lag": 0}


class Pages:
    """What an ingest and a supervisor tell, and how a server sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.health = Page(folder / HEALTH, Health, write=True)
        self.supervision = Page(folder / SUPERVISION, Supervision, write=True)
        self.readiness = Readiness(None, 10)
        self.tell()
        self.readiness = Readiness(folder, 10)

    def tell(self, health: Health | None = None, supervision: Supervision | None = None) -> None:
        self.health.beat()
        self.health.write(health or Health(phase=RUNNING, lag=0))
        self.supervision.write(supervision or Supervision(since_ms=now_ms()))

    def still(self, seconds: float) -> None:
        """Let the last beat be so long ago."""
        file = os.open(self.folder / HEALTH, os.O_RDWR)
        os.pwrite(file, struct.pack("<q", now_ms() - int(1_000 * seconds)), 8)
        os.close(file)

    def learner(self, health: Health, still_s: float = 0.0) -> None:
        """What the learner tells, and how long ago it moved."""
        Page(self.folder / LEARNER, Health, write=True).write(health)
        file = os.open(self.folder / LEARNER, os.O_RDWR)
        os.pwrite(file, struct.pack("<q", now_ms() - int(1_000 * still_s)), 8)
        os.close(file)

    def judge(self, status: dict[str, int] | None = STATUS) -> Verdict:
        return self.readiness.judge(status)


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    return Pages(tmp_path)


@pytest.mark.parametrize(
    ("health", "still_s", "reason"),
    [
        (Health(phase=RUNNING), 0.0, "ready"),
        (Health(phase=RUNNING), 9.0, "learning has not moved for 9 s; events are counted, not learned"),
        (Health(phase=RUNNING, compiling=True), 9.0, "ready"),
        (Health(phase=LOADING), 9.0, "ready"),
        (
            Health(phase=RUNNING, troubles={"learning": "learning has stopped (E)"}),
            0.0,
            "learning has stopped (E)",
        ),
        (
            Health(phase=RUNNING, troubles={"disk": "what is learned cannot be saved"}),
            0.0,
            "what is learned cannot be saved",
        ),
    ],
)
def test_what_is_wrong_with_the_learner_shows(
    pages: Pages, health: Health, still_s: float, reason: str
) -> None:
    pages.learner(health, still_s)

    assert pages.judge().reason == reason


def test_a_learner_that_has_ended_shows_and_ingest_is_well(pages: Pages) -> None:
    pages.tell(supervision=Supervision(since_ms=now_ms(), learner="killed by SIGKILL"))
    verdict = pages.judge()

    assert verdict.troubles == {
        "learning": "the learner has ended (killed by SIGKILL) and is started again; events are counted, not learned"
    }
    assert (verdict.ingest, verdict.lag) == ("ok", 0)


def test_an_ingest_that_moves_and_is_not_behind_is_ready(pages: Pages) -> None:
    verdict = pages.judge()

    assert (verdict.ready, verdict.reason, verdict.ingest, verdict.lag) == (True, "ready", "ok", 0)


@pytest.mark.parametrize("kind", ["disk", "memory", "source", "learning", "items"])
def test_each_trouble_that_ingest_tells_shows_with_its_text(pages: Pages, kind: str) -> None:
    pages.tell(Health(phase=RUNNING, lag=0, troubles={kind: "it is broken; mend it"}))
    verdict = pages.judge()

    assert (verdict.ready, verdict.reason, list(verdict.troubles)) == (False, "it is broken; mend it", [kind])
    assert kind in KINDS


def test_an_ingest_that_stands_still_shows_within_five_seconds(pages: Pages) -> None:
    pages.still(3.0)
    assert pages.judge().ready
    pages.still(4.9)
    verdict = pages.judge()

    assert (verdict.ingest, verdict.lag) == ("hung", -1)
    assert verdict.reason.startswith("ingest has not moved for 5 s")


def test_compiling_is_no_hanging(pages: Pages) -> None:
    pages.tell(Health(phase=RUNNING, lag=0, compiling=True))
    assert pages.judge().ready
    pages.still(20.0)

    assert list(pages.judge().troubles.items()) == [("starting", "kernels are being compiled")]


def test_a_dead_ingest_shows_with_how_it_ended_and_its_lag_is_unknown(pages: Pages) -> None:
    pages.tell(
        supervision=Supervision(
            up=False, failures=1, restarts=1, error="killed by SIGKILL", since_ms=now_ms()
        )
    )
    verdict = pages.judge()

    assert (verdict.ingest, verdict.lag, verdict.restarts) == ("dead", -1, 1)
    assert verdict.reason == "ingest has ended (killed by SIGKILL) and is started again"


def test_a_restart_loop_shows_also_while_ingest_works_until_it_has_worked_for_a_minute(pages: Pages) -> None:
    loop = Supervision(failures=4, error="exit status 3", since_ms=now_ms() - 59_000)
    pages.tell(supervision=loop)
    during = pages.judge()
    pages.tell(supervision=Supervision(failures=4, error="exit status 3", since_ms=now_ms() - 61_000))

    assert (during.ready, during.ingest) == (False, "restarting")
    assert "again and again, 4 times now, last with: exit status 3" in during.reason
    assert pages.judge().ready


def test_waiting_for_the_topic_tells_what_is_waited_for(pages: Pages) -> None:
    pages.tell(Health(phase=WAITING, troubles={"source": "no answer from the broker"}))
    verdict = pages.judge()

    assert (verdict.ingest, verdict.lag, verdict.reason) == ("waiting", -1, "no answer from the broker")


def test_what_is_loaded_or_not_there_yet_is_starting(pages: Pages) -> None:
    pages.tell(Health(phase=LOADING))
    loading = pages.judge(None)
    pages.tell()

    assert (loading.ingest, loading.reason) == ("starting", "the state is being loaded")
    assert pages.judge(None).reason == "the state is being loaded"


def test_an_unknown_lag_is_neither_0_nor_ready(pages: Pages) -> None:
    pages.tell(Health(phase=RUNNING, lag=-1))
    verdict = pages.judge()

    assert (verdict.ready, verdict.lag) == (False, -1)
    assert verdict.reason == "how many events wait in the topic is not known yet"


def test_too_many_events_behind_is_not_ready(pages: Pages) -> None:
    pages.tell(Health(phase=RUNNING, lag=11))

    assert pages.judge().reason == "11 events behind the topic; ready below 10"


def test_of_several_troubles_the_worst_is_the_reason_and_info_names_all(pages: Pages) -> None:
    pages.tell(Health(phase=RUNNING, lag=50, troubles={"source": "no answer", "disk": "no room"}))
    told = fields(pages.judge())

    assert (told["ready"], told["ready_reason"], told["troubles"]) == (0, "no room", "disk source behind")
    assert (told["lag"], told["ingest_state"]) == (50, "ok")


def test_without_pages_the_generation_alone_is_judged() -> None:
    readiness = Readiness(None, 10)

    assert readiness.judge(None).reason == "the state is being loaded"
    assert readiness.judge({"ready": 1, "lag": 3}).ready
    assert not readiness.judge({"ready": 1, "lag": 30}).ready
