"""The learner gives way to ingest once the backlog that it started with is read, once and for good, with all its threads."""

import os
import threading

import pytest

from deploy.service.learner import NICEST, SETTLED_S, step_back
from stream.lane.pair import BACKLOG


@pytest.mark.parametrize("refused", [False, True])
def test_it_steps_back_once_no_backlog_waits(monkeypatch: pytest.MonkeyPatch, refused: bool) -> None:
    nice: dict[int, int] = {}
    policies: dict[int, int] = {}

    def schedule(thread: int, policy: int, parameter: object) -> None:
        policies[thread] = policy
        if refused:
            raise PermissionError("by a sandbox")

    monkeypatch.setattr(os, "setpriority", lambda _, thread, value: nice.update({thread: value}))
    monkeypatch.setattr(os, "sched_setscheduler", schedule)
    done = threading.Event()
    beside = threading.Thread(target=done.wait, daemon=True)
    beside.start()
    waits, clock = [0], [0.0]
    chore = step_back(lambda: waits[0], lambda: clock[0])

    def look(lag: int, seconds: float) -> None:
        waits[0] = lag
        clock[0] += seconds
        chore()

    for lag in (0, -1, 10 * BACKLOG, BACKLOG + 1, BACKLOG):  # not told yet, not known, behind
        look(lag, SETTLED_S / 2)
    assert not nice
    look(BACKLOG, 2 * SETTLED_S)
    first = dict(nice)
    nice.clear()
    for lag in (0, 10 * BACKLOG, 0):
        look(lag, 2 * SETTLED_S)
    done.set()

    assert {0, beside.native_id} <= first.keys() == policies.keys()
    assert set(first.values()) == {NICEST}
    assert set(policies.values()) == {os.SCHED_IDLE}
    assert not nice
