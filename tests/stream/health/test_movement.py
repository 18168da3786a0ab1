"""Movement: a process that beats, computes or waits for the disk goes on; one that does none of it stands still."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stream.health.movement import Movement
from stream.health.page import HEALTH, LOADING, RUNNING, Health, Page

BUSY = "print('', flush=True)\nwhile True: pass"
WAIT_S = 20.0


@pytest.fixture
def busy() -> Iterator[int]:
    """A process that computes."""
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def until(seen: Callable[[], bool]) -> bool:
    """Whether it is seen in time."""
    end = time.monotonic() + WAIT_S
    while not seen() and time.monotonic() < end:
        time.sleep(0.01)
    return seen()


def test_one_that_runs_is_judged_by_its_beats_whatever_it_computes(tmp_path: Path, busy: int) -> None:
    page = Page(tmp_path / HEALTH, Health, write=True)
    page.write(Health(phase=RUNNING))
    movement = Movement(busy, tmp_path)
    still = until(lambda: movement.still_s() > 0.3)
    page.beat()

    assert still
    assert movement.still_s() < 0.1


@pytest.mark.parametrize("health", [Health(phase=LOADING), Health(phase=RUNNING, compiling=True)])
def test_one_that_loads_or_compiles_is_judged_by_what_it_computes(
    tmp_path: Path, busy: int, health: Health
) -> None:
    Page(tmp_path / HEALTH, Health, write=True).write(health)
    movement = Movement(busy, tmp_path)
    longest, end = 0.0, time.monotonic() + 0.5
    while time.monotonic() < end:
        longest = max(longest, movement.still_s())
    os.kill(busy, signal.SIGSTOP)
    stopped = until(lambda: movement.still_s() > 1.0)
    os.kill(busy, signal.SIGCONT)

    assert stopped
    assert until(lambda: movement.still_s() < 0.1)
    assert longest < 1.0
