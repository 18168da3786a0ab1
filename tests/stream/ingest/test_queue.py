"""The queue of learning: jobs in order, failures told, and no waiting without an end."""

import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from stream.health.page import HEALTH, Health, Page, now_ms
from stream.health.pulse import Pulse
from stream.ingest import queue
from stream.ingest.queue import AHEAD, Queue


def fail() -> None:
    raise RuntimeError("odd numbers")


def test_jobs_are_done_in_order() -> None:
    jobs, done = Queue(Pulse()), list[int]()
    for k in range(50):
        jobs.put(done.append, k)
    jobs.drain()
    jobs.close()

    assert done == list(range(50))


def test_a_training_step_that_fails_is_told_until_one_succeeds() -> None:
    jobs = Queue(Pulse())
    with capture_logs() as lines:
        for _ in range(3):
            jobs.put(fail, step=True)
        jobs.drain()
    failed = jobs.trouble()
    jobs.put(int, step=True)
    jobs.drain()
    jobs.close()

    assert failed == "learning has stopped (RuntimeError: odd numbers); events are counted, not learned"
    assert len(lines) == 1
    assert jobs.trouble() == ""


def test_a_save_that_fails_is_raised() -> None:
    jobs = Queue(Pulse())
    jobs.put(fail)

    with pytest.raises(RuntimeError):
        jobs.drain()
    jobs.close()


def test_a_step_that_does_not_end_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "SLOW_S", 0.0)
    jobs, begun, end = Queue(Pulse()), threading.Event(), threading.Event()

    def step() -> None:
        begun.set()
        end.wait()

    jobs.put(step, step=True)
    begun.wait()
    trouble = jobs.trouble()
    end.set()
    jobs.close()

    assert trouble.startswith("learning has not moved for 0 s")


def test_the_heart_beats_while_a_job_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    page = Page(tmp_path / HEALTH, Health, write=True)
    jobs, end = Queue(Pulse(page), allowed_s=0.5), threading.Event()
    begin = now_ms()
    for _ in range(AHEAD + 1):
        jobs.put(end.wait)
    waiting = threading.Thread(target=jobs.put, args=(int,))
    waiting.start()
    threading.Timer(1.5, end.set).start()
    waiting.join()
    jobs.close()

    assert 0 < page.beaten_ms - begin < 1_000
