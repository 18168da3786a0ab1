"""Jobs in processes of their own: one is started, watched, and ends with what it reports."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from deploy.config.schema import BadConfig
from deploy.evaluate.runner import Done
from deploy.evaluate.setting import Job
from deploy.machine.process import ENVIRONMENT
from deploy.terminal.progress import Step


class Failed(BadConfig):
    """A model's process ended without a result; says its last words."""


class Process:
    """A job that runs; another thread may `stop` it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._running: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def run(self, step: Step = lambda done, total: None) -> Done:
        """Run it to its end; its ranks are then in the job's file.

        Raises:
            Failed: It ended badly.
        """
        pipe, command = subprocess.PIPE, [sys.executable, "-P", "-m", "deploy.evaluate.runner"]
        environment = {**os.environ, **ENVIRONMENT}
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as process:
            self._running = process
            if self._stopped.is_set():
                process.kill()
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            with contextlib.suppress(BrokenPipeError):  # it ended early, and its last words say why
                process.stdin.write(msgspec.json.encode(self.job) + b"\n")
                process.stdin.close()
            said = ""
            for line in process.stderr:
                words = line.split()
                if len(words) == 2 and words[0].isdigit() and words[1].isdigit():
                    step(int(words[0]), int(words[1]))
                else:
                    said = line.decode(errors="replace").strip() or said
            out = process.stdout.read()
        if self._stopped.is_set():
            raise Failed(f"{self.job.model}: it was ended because time was over")
        if process.returncode < 0:
            said = f"ended by signal {-process.returncode}; was there enough memory?"
        if process.returncode != 0:
            raise Failed(
                f"{self.job.model} on {self.job.path}: {said or f'exit status {process.returncode}'}"
            )
        return msgspec.json.decode(out, type=Done)

    def stop(self) -> None:
        """End it; `run` then raises `Failed`."""
        self._stopped.set()
        if self._running is not None:
            self._running.kill()


def ranks(file: Path) -> Mapping[str, np.ndarray]:
    """Return what a process has left in a file: ranks by model, and lists."""
    with np.load(file, allow_pickle=False) as found:
        return {name: found[name] for name in found}
