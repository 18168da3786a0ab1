"""The learner gives way to ingest once the backlog that it started with is read, once and for good."""

import os

import pytest

from deploy.service.learner import BACK, SETTLED_S, step_back
from stream.lane.pair import BACKLOG


@pytest.mark.parametrize("refused", [False, True])
def test_it_steps_back_once_no_backlog_waits(monkeypatch: pytest.MonkeyPatch, refused: bool) -> None:
    steps: list[int] = []
    policies: list[int] = []

    def schedule(_: int, policy: int, parameter: object) -> None:
        policies.append(policy)
        if refused:
            raise PermissionError("by a sandbox")

    monkeypatch.setattr(os, "nice", steps.append)
    monkeypatch.setattr(os, "sched_setscheduler", schedule)
    waits, clock = [0], [0.0]
    chore = step_back(lambda: waits[0], lambda: clock[0])

    def look(lag: int, seconds: float) -> None:
        waits[0] = lag
        clock[0] += seconds
        chore()

    for lag in (0, -1, 10 * BACKLOG, BACKLOG + 1, BACKLOG):  # not told yet, not known, behind
        look(lag, SETTLED_S / 2)
    assert steps == []
    for lag in (BACKLOG, 0, 10 * BACKLOG, 0):
        look(lag, 2 * SETTLED_S)

    assert steps == [BACK]
    assert policies == [os.SCHED_IDLE]
