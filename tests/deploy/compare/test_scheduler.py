"""Processes beside each other: inside memory, inside a budget, none lost."""

from pathlib import Path

import pytest

from deploy.compare.scheduler import Ended, Task, _next, run
from deploy.evaluate.setting import EvaluationSettings, Job
from tests.fixture.ring import ring


def task(name: str, seconds: float, size: int, path: str = "", out: str = "") -> Task:
    asked = EvaluationSettings(data=path, protocol="stream", visible="strict", learning="online")
    return Task(Job(asked, path, model=name, out=out), seconds, size)


def test_a_quick_one_begins_and_the_longest_runs_beside_it() -> None:
    waiting = [task("a", 1, 1), task("b", 2, 1), task("c", 9, 1)]
    first = _next(waiting, {}, 10)
    assert first is not None
    second = _next(waiting, {object(): (first, object())}, 10)  # type: ignore[dict-item]
    assert second is not None

    assert [first.job.model, second.job.model] == ["a", "c"]


def test_nothing_starts_beside_what_takes_the_memory_and_alone_all_may() -> None:
    large, small = task("large", 9, 8), task("small", 1, 3)

    assert _next([small], {object(): (large, object())}, 10) is None  # type: ignore[dict-item]
    assert _next([task("huge", 1, 99)], {}, 10) is not None


def test_every_task_ends_once_with_a_result_or_a_reason(tmp_path: Path) -> None:
    log = str(ring(tmp_path / "e.csv", 200))
    tasks = [task("popularity", 1, 1, log, str(tmp_path / "a.npz")), task("ease", 1, 1, "gone.csv", "b.npz")]
    ended: list[Ended] = []
    run(tasks, lambda task: lambda done, total: None, ended.append, slots=2, memory=10)

    assert sorted((one.task.job.model, one.done is not None) for one in ended) == [
        ("ease", False),
        ("popularity", True),
    ]
    assert "gone.csv" in next(one.why for one in ended if one.done is None)


def test_after_the_budget_nothing_starts(tmp_path: Path) -> None:
    log = str(ring(tmp_path / "e.csv", 200))
    tasks = [task(name, 1, 1, log, str(tmp_path / f"{name}.npz")) for name in ("popularity", "transitions")]
    ended: list[Ended] = []
    run(tasks, lambda task: lambda done, total: None, ended.append, slots=1, memory=10, budget_s=1e-9)

    assert [one.done for one in ended] == [None, None]
    assert all("the budget was spent" in one.why for one in ended)


def test_an_error_of_the_caller_ends_what_runs(tmp_path: Path) -> None:
    log = str(ring(tmp_path / "e.csv", 200))
    tasks = [task(name, 1, 1, log, str(tmp_path / f"{name}.npz")) for name in ("popularity", "ease")]

    def fail(ended: Ended) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tasks, lambda task: lambda done, total: None, fail, slots=2, memory=10)
