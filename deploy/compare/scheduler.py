"""Processes beside each other, as many as cores and memory allow; the quick ones first on one side, the long on the other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import NamedTuple

from deploy.evaluate.process import Failed, Process
from deploy.evaluate.runner import Done
from deploy.evaluate.setting import Job
from deploy.terminal.progress import Step

LOOK_S = 0.5  # how often the budget is looked at
GRACE_S, GRACE = 10.0, 1.15  # past a budget, before what runs is ended


class Task(NamedTuple):
    """A process to run: its job, estimated seconds and bytes."""

    job: Job
    seconds: float
    bytes: int


class Ended(NamedTuple):
    """A task that has ended: with a report, or with the reason why there is none."""

    task: Task
    done: Done | None
    why: str = ""
    wall_s: float = 0.0


Watch = Callable[[Task], Step]
End = Callable[[Ended], None]


def cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(tasks: list[Task], watch: Watch, end: End, *, slots: int, memory: int, budget_s: float = 0.0) -> None:
    """Run all tasks; `end` is called in this thread as each ends.

    Args:
        watch: Called in this thread as a task starts; returns what its progress is told to, from another thread.
        memory: Bytes for all that run at once.
        budget_s: After it nothing starts any more, and soon after what runs is ended; 0 for any time.
    """
    begin = time.monotonic()
    waiting = sorted(tasks, key=lambda task: task.seconds)
    running: dict[Future[Ended], tuple[Task, Process]] = {}
    with ThreadPoolExecutor(max(1, slots)) as pool:
        try:
            while waiting or running:
                spent = time.monotonic() - begin
                over = bool(budget_s) and spent > budget_s
                while (
                    waiting
                    and not over
                    and len(running) < slots
                    and (task := _next(waiting, running, memory))
                ):
                    process = Process(task.job)
                    running[pool.submit(_run, task, process, watch(task))] = task, process
                if over:
                    for task in waiting:
                        end(
                            Ended(
                                task,
                                None,
                                "the budget was spent before it could start; give more, or run again: what has finished is kept",
                            )
                        )
                    waiting = []
                    if spent > GRACE * budget_s + GRACE_S:
                        for _, process in running.values():
                            process.stop()
                if not running:
                    continue
                for future in wait(running, LOOK_S, FIRST_COMPLETED).done:
                    running.pop(future)
                    end(future.result())
        except BaseException:
            for _, process in running.values():
                process.stop()
            raise


def _next(
    waiting: list[Task], running: dict[Future[Ended], tuple[Task, Process]], memory: int
) -> Task | None:
    """Take the next task that fits: a quick one where a long one runs, a long one beside quick ones; None where none fits."""
    left = memory - sum(task.bytes for task, _ in running.values())
    longest = max((task.seconds for task, _ in running.values()), default=0.0)
    order = waiting if not running or longest > waiting[0].seconds else waiting[::-1]
    for task in order:
        if task.bytes <= left or not running:
            waiting.remove(task)
            return task
    return None


def _run(task: Task, process: Process, step: Step) -> Ended:
    begin = time.monotonic()
    try:
        done = process.run(step)
    except Failed as exc:
        return Ended(task, None, str(exc), time.monotonic() - begin)
    return Ended(task, done, "", time.monotonic() - begin)
