"""The course of `riverwalk train`: what it shows as it goes, how it is stopped, and what it says at the end."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections import deque
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from deploy.config.schema import BadConfig, Config
from deploy.data.dataset import find
from deploy.data.log import UNREADABLE, records
from deploy.machine import kernel, logging
from deploy.service.folder import STORE
from deploy.terminal.output import show, table
from deploy.terminal.progress import lively
from deploy.train.report import Report
from deploy.train.setting import TrainSettings
from deploy.train.training import Training
from stream.generation.generation import Generation
from stream.generation.status import RANKERS

FRAME_S = 0.25
LINE_S = 10.0
STDERR = 2
MARKS = 12  # the rate shown is the mean over so many frames or lines


def run(
    config: Config, log_path: str | None, how: TrainSettings, *, columns: str | None = None, as_json: bool
) -> None:
    """`riverwalk train`.

    Args:
        log_path: A file, a folder or the name of a data set; None only drops the weights.
        columns: Which columns hold what; found by their names when left out.
    """
    if log_path is None:
        show(_forgotten(config), as_json)
        return
    found = find(log_path, columns=columns, online=False)
    if found.path is None:
        raise BadConfig(f"{log_path}: no file of events; give one, or a folder that holds one")
    if kernel.missing(kernel.INGEST, kernel.LEARN):
        print("compiling kernels (first start, about 15 s)…", file=sys.stderr)
    with Stop() as stop, Training(config) as training:
        begin = training.place(found.path, how.append, found.chosen)[1]
        with Course(found.path.name, begin, _total(found.path)) as course:
            logging.setup(config.log.level, config.log.format, "train")
            for line in found.remarks:
                course.say(line)
            if how.fresh_weights:
                course.say("what was learned before is dropped, the state is kept")
            if begin:
                course.say(f"{found.path.name}: {begin:,} records were learned before; going on there")
            report = training.run(found, how, stop=stop, progress=course.step)
    if as_json:
        show({**msgspec.to_builtins(report), "next": _serve(report)}, True)
    else:
        _tell(report)


def _forgotten(config: Config) -> dict[str, Any]:
    """Drop the weights of a folder and return what is left."""
    folder = Path(config.state.folder).expanduser().absolute()
    if not (folder / STORE).is_dir():
        raise BadConfig(f"{folder}: holds no state; name its folder with --state")
    with Training(config) as training:
        training.forget()
        return {"state": str(folder), "dropped": "what was learned", "events_remembered": training.events}


def _total(path: Path) -> int | None:
    """Return about how many records there are, where a bar will show it."""
    if not sys.stderr.isatty():
        return None
    try:
        return records(path)
    except UNREADABLE:
        return None  # reading it will tell


class Course:
    """A bar on a terminal, a line every ten seconds elsewhere; always on stderr.

    Args:
        title: Of the bar.
        begin: The offset it begins at.
        total: About how many records there are, if that is known.
    """

    def __init__(self, title: str, begin: int, total: int | None, console: Console | None = None) -> None:
        self.console = console or Console(file=sys.stderr)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,.0f} events  {task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(),
            console=self.console,
        )
        self._task = self._bars.add_task(title, total=total, completed=begin, rate=0.0)
        self._live = Live(console=self.console, auto_refresh=False, transient=True)
        self._every = FRAME_S if lively(self.console) else LINE_S
        self._marks = deque([(time.monotonic(), begin)], maxlen=MARKS)

    def step(self, offset: int, generation: Generation) -> None:
        """Take note that everything before `offset` was learned."""
        now = time.monotonic()
        if now - self._marks[-1][0] < self._every:
            return
        began, first = self._marks[0]
        rate = (offset - first) / (now - began)
        self._marks.append((now, offset))
        if lively(self.console):
            self._bars.update(self._task, completed=offset, rate=rate)
            self._live.update(Group(self._bars, Text(quality(generation), "dim")), refresh=True)
        else:
            self.say(f"{offset:,} events, {rate:,.0f}/s, {quality(generation)}")

    def say(self, line: str) -> None:
        """A line for people, above the bar."""
        self.console.print(line, highlight=False, soft_wrap=True)

    def __enter__(self) -> Course:
        if lively(self.console):
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def quality(generation: Generation) -> str:
    """Return the live MRR of each ranker over the last events, in words."""
    status = generation.quality
    if not status["judged"]:
        return "nothing judged yet"
    told = "  ".join(f"{name} {status['mrr'][k]:.4f}" for k, name in enumerate(RANKERS))
    return f"MRR of the last events: {told}"


class Stop:
    """Becomes true when SIGINT or SIGTERM comes; a second one ends at once."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        return self.asked

    def __enter__(self) -> Stop:
        self.before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        os.write(STDERR, b"\nfinishing the batch and saving; once more ends it at once\n")
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.default_int_handler)


def _tell(report: Report) -> None:
    """Print what a run came to, and what to do next."""
    name = Path(report.log).name
    if report.events:
        print(
            f"{name}: {report.events:,} events in {report.seconds:,.1f} s, {report.events_per_second:,.0f} events/s; "
            f"{report.share_learned:.1%} learned from; {report.users:,} users, {report.items:,} items"
        )
    if report.rejected:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in report.rejected.items())
        print(
            f"{sum(report.rejected.values()):,} lines were no events ({reasons}); the last: {report.last_bad}"
        )
    if report.live and report.events:
        print("\nthe last events, each judged before it was learned from:")
        table(
            [
                {
                    "ranker": one,
                    "MRR": live.mrr,
                    "R@10": live.recall10,
                    "": "serves" if one == report.serving else "",
                }
                for one, live in report.live.items()
            ]
        )
        print()
    if report.ended != "end":
        print(f"stopped after record {report.end:,}, everything is saved; the same command goes on there")
    elif not report.events:
        print(f"{name}: nothing new, its {report.end:,} records were learned before")
    print(f"next: {_serve(report)}")
    print("      where its topic holds these events too, add --set kafka.start=latest: each counts once")


def _serve(report: Report) -> str:
    return f"riverwalk serve --state {shlex.quote(report.state)}"
