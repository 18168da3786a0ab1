"""Kills of parts of a whole instance: ingest, learner, server, supervisor, and a clean stop in between."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from deploy.chaos.life import LIMITS, Place
from deploy.chaos.report import Chaos, Report
from deploy.config.schema import BadConfig

START_S: Final = 120.0
PARTS: Final = ("ingest", "learner", "serve", "supervisor")
CHILDREN: Final = PARTS[:3]


def kill(how: Chaos, place: Place, report: Report, step: Callable[[], None]) -> None:
    """Start instances over the state of the run and kill their parts."""
    draw, left = random.Random(how.seed), how.instances
    while left:
        one = Instance(place, how.learn)
        for _ in range(min(left, len(PARTS))):
            part = PARTS[(how.instances - left) % len(PARTS)]
            time.sleep(draw.random())
            one.kill(part)
            report.kills[part] += 1
            left -= 1
            step()
            if part == "supervisor" or not left:
                break
            one.wait()
        one.end()


class Instance:
    """`riverwalk serve` over the state of a run, ready when made."""

    def __init__(self, place: Place, learn: bool) -> None:
        settings = {
            "kafka.items": f"{place.topic}.items", "kafka.dead_letter": f"{place.topic}.dead",
            "state.max_users": LIMITS.max_users, "state.max_items": LIMITS.max_items, "learn.enabled": str(learn).lower(),
        }  # fmt: skip
        words = [
            "--topic",
            place.topic,
            "--state",
            str(place.folder.parent),
            "--port",
            "0",
            "--http-port",
            "0",
        ]
        if not place.address.startswith("log:"):
            words += ["--kafka", place.address]
        for name, value in settings.items():
            words += ["--set", f"{name}={value}"]
        self._log = place.folder.parent.parent / "instance.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy.main", "serve", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.wait()

    def wait(self) -> None:
        """Wait until all processes are there and have loaded their state."""
        limit = time.monotonic() + START_S
        while not all(self._part(part) for part in CHILDREN) or not self._said("ready:"):
            if self._process.poll() is not None or time.monotonic() > limit:
                raise BadConfig(
                    f"the instance does not come up; {self._log} ends: {self._log.read_text()[-600:]}"
                )
            time.sleep(0.05)

    def kill(self, part: str) -> None:
        """Kill a part at once."""
        pid = self._process.pid if part == "supervisor" else self._part(part)
        if pid:
            os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """Stop it cleanly where it lives, and wait for all its processes."""
        parts = [self._part(part) for part in CHILDREN]
        self._process.terminate()
        self._process.wait()
        for pid in filter(None, parts):
            while Path(f"/proc/{pid}").exists() and _state(pid) != "Z":
                time.sleep(0.01)

    def _said(self, word: str) -> bool:
        return word in self._log.read_text(errors="replace")

    def _part(self, part: str) -> int:
        """Return the process of a part, 0 where there is none."""
        children = Path(f"/proc/{self._process.pid}/task")
        with suppress(OSError):
            for thread in children.iterdir():
                for pid in (thread / "children").read_text().split():
                    with suppress(OSError):
                        if part.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                            return int(pid)
        return 0


def _state(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    return "Z"
