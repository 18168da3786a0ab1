"""What `riverwalk compare` shows while it runs: the plan, a bar a model, and each result as it comes; on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from rich.console import Console
from rich.table import Table

from deploy.compare.plan.plan import Planned, minutes
from deploy.compare.scheduler import Ended, Task
from deploy.evaluate.runner import Done
from deploy.evaluate.score import NUMBER, quality
from deploy.evaluate.setting import Job
from deploy.evaluate.split import Split
from deploy.terminal.progress import Bars, Step

PART = "test"


class Screen:
    """Shows a run.

    Args:
        quiet: Shows nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(file=sys.stderr, quiet=quiet)
        self.bars = Bars(self.console, quiet=quiet)
        self.steps: dict[Job, Step] = {}
        self.all: Step | None = None
        self.left = self.total = 0.0

    def plan(self, data: str, log: Split, planned: list[Planned], budget_s: float, slots: int) -> None:
        """Show what is going to run and about how long it takes."""
        judged = int((log.judged & (log.part == NUMBER[PART])).sum())
        made = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
        for name in ("model", "about", "memory", ""):
            made.add_column(name, justify="left" if name in ("model", "") else "right")
        for one in planned:
            about = "" if one.skipped else f"{one.left_s / 60:.1f} min" if one.runs else "done"
            said = one.skipped or ("finished before" if not one.runs else "fit cut short" if one.cut else "")
            size = "" if one.skipped else f"{one.bytes / 1e9:.1f} GB"
            made.add_row(one.name, about, size, said)
        whole = sum(one.left_s for one in planned)
        self.total = self.left = whole
        budget = f", within {minutes(budget_s)}" if budget_s else ""
        longest = max((one.seconds.all for one in planned if one.left_s), default=0.0)
        self.console.print(
            f"{data}: {log.users.shape[0]:,} events, {log.n_users:,} users, {log.n_items:,} items, {judged:,} judged\n"
            f"plan: about {minutes(max(whole / max(1, slots), longest))}, {slots} at once{budget}",
            highlight=False,
            soft_wrap=True,
        )
        self.console.print(made)

    @contextmanager
    def running(self, tasks: list[Task]) -> Iterator[None]:
        """Show bars while models run."""
        with self.bars:
            if tasks:
                self.all = self.bars.watch("all")
                self.all(0, max(1, int(10 * self.total)))
            yield

    def watch(self, task: Task) -> Step:
        """Show that a model runs, and return what moves its bar."""
        seed = f", seed {task.job.seed}" if task.job.seed else ""
        step = self.steps[task.job] = self.bars.watch(
            f"{task.job.model}{seed} (about {minutes(task.seconds)})"
        )
        return step

    def end(self, ended: Ended) -> None:
        """Take a model's bar away; of one that failed, say why."""
        job = ended.task.job
        if job in self.steps:
            self.bars.leave(self.steps.pop(job))
        self.left -= ended.task.seconds
        if self.all is not None:
            self.all(int(10 * (self.total - self.left)), max(1, int(10 * self.total)))
        if ended.done is None:
            self.bars.say(f"{job.model}: {ended.why}")

    def result(self, log: Split, job: Job, ranks: Mapping[str, np.ndarray], done: Done) -> None:
        """Show what a model is worth as soon as it has ended."""
        rows = log.judged & (log.part == NUMBER[PART])
        for name, own in ranks.items():
            found = quality(log, log.users[rows], own[rows])
            cost = done.costs.get(name)
            seed = f" seed {job.seed}" if job.seed else ""
            spent = (
                f"train {cost.train_s:.1f} s, query {cost.query_ms:.2f} ms"
                if cost
                else f"{done.seconds:.1f} s"
            )
            self.bars.say(
                f"{name + seed:<28} MRR {found['mrr']:.4f}  R@20 {found['recall']['20']:.4f}  {spent}"
            )
