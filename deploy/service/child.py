"""A child process: configured on stdin, reporting through a pipe, restarted with exponential back-off.

    supervisor ──stdin──► one line of JSON (the configuration), then nothing; end of file means that the supervisor died
    supervisor ◄─pipe fd─ lines of JSON: {"kind": "ready" | "connected" | "progress" | "kernel" | "error", "text": …, "name": …}

The roles are `ingest` and those of readers: `serve`, `serve-2` and so on.

The end of the pipe is the death of the process, so nothing has to be polled. Nothing secret is in an argument.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from typing import IO, Literal

import msgspec

from deploy.config.schema import MOST_READERS, Config, encode
from deploy.machine.process import ENVIRONMENT

WORKER = (sys.executable, "-P", "-m", "deploy.service.worker")
DISK_FULL = "DiskFull"
CONNECTED = "connected"  # what ingest reports once it reads the topic
STDERR = 2
READER = "serve"
SPARED = 2  # cores that readers leave to ingest and what learns


def machine_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def reader_roles(readers: int) -> list[str]:
    """Return the roles of so many readers; 0 for as many as this machine has cores less two, at least one."""
    if not readers:
        readers = min(MOST_READERS, max(1, machine_cores() - SPARED))
    return [READER, *(f"{READER}-{number}" for number in range(2, readers + 1))]


def reader_number(role: str) -> int | None:
    """Return which reader has a role, from 0; None for a role that is no reader's."""
    name, _, number = role.partition("-")
    return None if name != READER else int(number or 1) - 1


class Message(msgspec.Struct, frozen=True):
    """What a process reports to its supervisor.

    `name` is the error's class; of a kernel, whose name is the text, `compiled` or `loaded`.
    """

    kind: Literal["ready", "connected", "progress", "kernel", "error"]
    text: str
    name: str = ""


class Backoff:
    """Restart back-off: how long to wait before the next start.

    A process that lived for `calm_s` starts with a clean record. Waits double from `first_s` to `most_s`.
    """

    def __init__(self, first_s: float = 0.5, most_s: float = 30.0, calm_s: float = 60.0) -> None:
        self.first_s, self.most_s, self.calm_s = first_s, most_s, calm_s
        self.failures = 0  # one after the other

    def after(self, lived_s: float) -> float:
        """Return the seconds to wait after the end of a process that lived so long."""
        if lived_s >= self.calm_s:
            self.failures = 0
        self.failures += 1
        return min(self.most_s, self.first_s * 2.0 ** min(self.failures - 1, 16))


def readable(children: Iterable["Child"], bell: int, most_s: float) -> list["Child"]:
    """Wait for messages of children, the bell, or the time to restart a child; return children with messages."""
    children = list(children)
    running = [child for child in children if child.pid is not None]
    dues = [child.due - time.monotonic() for child in children if child.due is not None]
    with selectors.DefaultSelector() as selector:
        selector.register(bell, selectors.EVENT_READ)
        for child in running:
            selector.register(child, selectors.EVENT_READ)
        found = {key.fileobj for key, _ in selector.select(max(0.0, min([most_s, *dues])))}
    return [child for child in running if child in found]


class Child:
    """A child process in a role. One thread, the one that starts it, uses this object: its death signal hangs on it."""

    def __init__(self, role: str, command: Sequence[str], backoff: Backoff) -> None:
        self.role = role
        self.command = command
        self.backoff = backoff
        self.configured = False
        self.ready = False
        self.proven = False  # it was ready at least once, so its folder is fit to run with
        self.connected = False  # it did its work at least once, so its settings are fit to run with
        self.error: Message | None = None
        self.due: float | None = None  # when to start again, on the monotonic clock
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._rest = b""
        self._born = 0.0
        self._lives = 0
        self._asked = False  # to end

    @property
    def lives(self) -> int:
        """How often it was started."""
        return self._lives

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self._process.pid if self._process is not None else None

    def fileno(self) -> int:
        """The pipe to wait on."""
        return self._pipe

    def start(self, log: IO[bytes] | None, keep: Sequence[int], words: Sequence[str] = ()) -> None:
        """Start the process, which then waits for its configuration.

        It inherits the descriptors in `keep`; `log`, else our stderr, takes its output; `words` end its command.
        """
        self._pipe, theirs = os.pipe()
        output = log if log is not None else STDERR
        try:
            self._process = subprocess.Popen(
                [*self.command, self.role, str(theirs), str(self._lives), *words],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=(theirs, *keep),
                env={**ENVIRONMENT, **os.environ},
                process_group=0,  # Ctrl-C reaches the supervisor alone, which ends its children in order
            )
        finally:
            os.close(theirs)
        self._lives += 1
        self.configured = self._asked = False
        self.ready, self.error, self.due, self._rest, self._born = False, None, None, b"", time.monotonic()

    def configure(self, config: Config) -> None:
        """Send it the configuration, with which it begins to work."""
        assert self._process is not None
        assert self._process.stdin is not None
        self.configured = True
        try:
            self._process.stdin.write(encode(config) + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it died already; the pipe says so next

    def listen(self) -> list[Message] | None:
        """Return the messages that came in, or None when the process has ended."""
        data = os.read(self._pipe, 65_536)
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        messages = [msgspec.json.decode(line, type=Message) for line in lines]
        for message in messages:
            self.ready = self.ready or message.kind == "ready"
            self.proven = self.proven or self.ready
            self.connected = self.connected or message.kind == "connected"
            self.error = message if message.kind == "error" else self.error
        return messages

    def reap(self) -> tuple[str, float]:
        """Collect the ended process and return how it ended, and how many seconds it lived."""
        assert self._process is not None
        code = self._process.wait()
        self._close()
        if code < 0:
            end = f"killed by {signal.Signals(-code).name}"
        else:
            end = f"exit status {code}" if self.error is None else self.error.text
        return end, time.monotonic() - self._born

    def kill(self) -> None:
        """End it by force; the pipe tells when it has ended."""
        if self._process is not None:
            self._process.kill()

    def ask_to_end(self) -> None:
        """Ask it to end, and do not wait; once, as one that ends already does not listen any more."""
        if self._process is not None and not self._asked:
            self._asked = True
            self._process.terminate()

    def stop(self, wait_s: float) -> str:
        """Ask it to end, wait, and end it by force after that; return what was wrong with its end, empty for nothing."""
        if self._process is None:
            return ""
        self.ask_to_end()
        try:
            code = self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self._close()
            return "took too long to end and was killed"
        self._close()
        if code == 0 or (code == -signal.SIGTERM and not self.ready):
            return ""  # the latter did not listen for signals yet, so there was nothing to save
        return f"ended with exit status {code}"

    def _close(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            self._process.stdin = None
        os.close(self._pipe)
        self._process, self._pipe = None, -1
