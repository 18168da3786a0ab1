"""Progress bars, and a plain line instead where the output is no terminal."""

import sys
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

Step = Callable[[int, int], None]
"""Called with the bytes (or rows) so far and in total; a total of 0 where that is not known."""


def lively(console: Console) -> bool:
    """Return whether lines can be drawn anew: a terminal, and not a dumb one."""
    return console.is_terminal and not console.is_dumb_terminal


class Bars:
    """Bars while the `with` block runs; on no terminal one plain line a bar instead."""

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self._console = console or Console(file=sys.stderr, quiet=quiet)
        self._tasks: dict[Step, TaskID] = {}
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not lively(self._console),
        )

    def watch(self, title: str) -> Step:
        """Add a bar and return the callback that moves it."""
        if not lively(self._console):
            self._console.print(f"{title} …", style="dim")
        task = self._bars.add_task(title, total=None)

        def step(done: int, total: int) -> None:
            self._bars.update(task, completed=done, total=total or None)

        self._tasks[step] = task
        return step

    def leave(self, step: Step) -> None:
        """Take away the bar that this callback moves."""
        self._bars.remove_task(self._tasks.pop(step))

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(line, highlight=False, soft_wrap=True)

    def __enter__(self) -> "Bars":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
