"""The queue of chores: jobs in order, failures raised, and no waiting without an end."""

import threading
from pathlib import Path

import pytest

from stream.health.page import HEALTH, Health, Page, now_ms
from stream.health.pulse import Pulse
from stream.ingest.queue import Queue


def fail() -> None:
    raise RuntimeError("odd numbers")


def test_jobs_are_done_in_order() -> None:
    jobs, done = Queue(Pulse()), list[int]()
    for k in range(50):
        jobs.put(done.append, k)
    jobs.drain()
    jobs.close()

    assert done == list(range(50))


def test_a_save_that_fails_is_raised() -> None:
    jobs = Queue(Pulse())
    jobs.put(fail)

    with pytest.raises(RuntimeError):
        jobs.drain()
    jobs.close()


def test_the_heart_beats_while_a_job_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    page = Page(tmp_path / HEALTH, Health, write=True)
    jobs, end = Queue(Pulse(page), allowed_s=0.5), threading.Event()
    begin = now_ms()
    jobs.put(end.wait)
    threading.Timer(1.5, end.set).start()
    jobs.drain()
    jobs.close()

    assert 0 < page.beaten_ms - begin < 1_000
