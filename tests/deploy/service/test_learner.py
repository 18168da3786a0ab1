"""The learner gives way to ingest once the backlog that it started with is read, once and for good."""

import os

import pytest

from deploy.service.learner import BACK, SETTLED_S, step_back
from stream.lane.pair import BACKLOG


def test_it_steps_back_once_no_backlog_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    monkeypatch.setattr(os, "nice", steps.append)
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
