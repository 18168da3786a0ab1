"""How far kernels are while an instance starts, told by its processes; those it needs rarely are compiled afterwards."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import IO

from rich.console import Console

from deploy.machine import kernel
from deploy.machine.process import ENVIRONMENT
from deploy.terminal.progress import Bars, Step, lively

LINE_S = 5.0  # between two lines where there is no bar
LOWEST = 19  # of priorities
REST = (sys.executable, "-P", "-m", "deploy.start.warming", kernel.REST, kernel.LEARN)


def part(role: str) -> str:
    """Return which kernels a process of a role needs, as of `kernel.PARTS`; readers are called serve, serve-2, …"""
    return role.partition("-")[0]


class Compilation:
    """Counts kernels until all processes are ready; used by the supervisor's thread alone.

    Args:
        say: Where lines for people go.
        bar: Whether to draw a bar, where there is a terminal to draw on.
    """

    def __init__(self, say: Callable[[str], None], bar: bool = False) -> None:
        self.wanted = {(one, name) for one in (kernel.INGEST, kernel.SERVE) for name in kernel.PARTS[one]}
        self.done: set[tuple[str, str]] = set()
        self.text = ""  # how far it is, empty while nobody has told and after the start
        self._say, self._bar = say, bar
        self._first = self._over = False
        self._began = self._said = 0.0
        self._bars: Bars | None = None
        self._step: Step | None = None
        self._rest: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Say so where kernels are to be compiled."""
        self._began = self._said = time.monotonic()
        self._first = bool(kernel.missing(kernel.INGEST, kernel.SERVE))
        if not self._first:
            return
        self._say("compiling kernels (first start, about half a minute; `riverwalk warm` does it ahead)…")
        if self._bar and lively(Console(file=sys.stderr)):
            self._bars = Bars()
            self._bars.__enter__()
            self._step = self._bars.watch("compiling kernels")

    def note(self, role: str, name: str, compiled: bool) -> None:
        """Take in that a process has compiled or loaded a kernel."""
        self.done |= {(part(role), name)} & self.wanted
        if self._over:
            if compiled:
                self._say(f"{role}: compiled {name}, which was wanted for the first time")
            return
        verb = "compiling" if self._first else "loading"
        left = len(self.done) < len(self.wanted)
        self.text = f"{verb} {len(self.done)} of {len(self.wanted)} kernels" if left else ""

    def tell(self) -> None:
        """Say how far it is, every few seconds."""
        if not self._first or self._over:
            return
        now = time.monotonic()
        if self._step is not None:
            self._step(len(self.done), len(self.wanted))
        elif now - self._said >= LINE_S:
            self._said = now
            self._say(f"{self.text or 'compiling kernels'}, for {now - self._began:.0f} s")

    def end(self, log: IO[bytes] | None) -> None:
        """All processes are ready: compile what is missing of the rest beside them, at the lowest priority."""
        self._over, self.text = True, ""
        self._clear()
        if not self.done or not kernel.missing(kernel.REST, kernel.LEARN):
            return
        self._rest = subprocess.Popen(
            REST,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log if log is not None else sys.stderr,
            env={**ENVIRONMENT, **os.environ},
            process_group=0,
        )
        os.setpriority(os.PRIO_PROCESS, self._rest.pid, LOWEST)

    def close(self) -> None:
        """End what still compiles."""
        self._clear()
        if self._rest is not None:
            self._rest.kill()
            self._rest.wait()
            self._rest = None

    def _clear(self) -> None:
        if self._bars is not None:
            self._bars.__exit__(None, None, None)
            self._bars = self._step = None
