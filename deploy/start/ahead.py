"""Compile every kernel ahead, as `riverwalk warm` does: on all cores, none twice."""

import os
import selectors
import subprocess
import sys
import time
from typing import Any

import msgspec

from deploy.machine import kernel
from deploy.machine.process import ENVIRONMENT
from deploy.terminal.progress import Bars

FIRST = (kernel.INGEST, kernel.SERVE)  # the longest, and what the others need
WARMING = (sys.executable, "-P", "-m", "deploy.start.warming")


class BadKernel(Exception):
    """A kernel cannot be compiled: end the program and tell the operator."""


def compile_all() -> dict[str, Any]:
    """Compile what the cache does not hold; return how many kernels there are, how many were compiled, and in how long.

    Raises:
        BadKernel: A process that compiles has failed.
    """
    every, began = len({name for names in kernel.PARTS.values() for name in names}), time.monotonic()
    missing, compiled = kernel.missing(), 0
    if missing:
        with Bars() as bars:
            step, left = bars.watch("compiling kernels"), set(missing)
            waiting = [part for part in kernel.PARTS if kernel.missing(part)]
            waiting.sort(key=lambda part: part not in FIRST)
            running: list[subprocess.Popen[bytes]] = []
            try:
                while waiting or running:
                    while waiting and len(running) < (os.cpu_count() or 1):
                        running.append(_started(waiting.pop(0)))
                    for name, new in _done(running):
                        left.discard(name)
                        compiled += new
                        step(len(missing) - len(left), len(missing))
            finally:
                for process in running:
                    process.kill()
                    process.wait()
    return {
        "kernels": every,
        "compiled": compiled,
        "seconds": round(time.monotonic() - began, 1),
        "folder": str(kernel.place()),
    }


def _started(part: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*WARMING, part],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        bufsize=0,
        env={**ENVIRONMENT, **os.environ},
    )


def _done(running: list[subprocess.Popen[bytes]]) -> list[tuple[str, bool]]:
    """Wait until a process tells or ends; return the kernels that are done, and whether they were compiled just now."""
    found = []
    with selectors.DefaultSelector() as selector:
        for process in running:
            assert process.stdout is not None
            selector.register(process.stdout, selectors.EVENT_READ, process)
        for key, _ in selector.select():
            process = key.data
            line = process.stdout.readline()
            if line:
                told = msgspec.json.decode(line)
                found.append((str(told["name"]), bool(told["compiled"])))
                continue
            running.remove(process)
            process.stdout.close()
            if process.wait() != 0:
                raise BadKernel(
                    f"kernels cannot be compiled (exit status {process.returncode}, the reason stands above); "
                    f"they are kept in {kernel.place()}"
                )
    return found
