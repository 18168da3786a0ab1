"""The entry of a child process: `python -m deploy.service.worker ingest|learner|serve|serve-2… FD LIFE [SOCKET…]`,
started by the supervisor alone.

It reads its configuration as one line from stdin, reports to the supervisor through the pipe FD, ends its
work when SIGTERM comes, and does not outlive the supervisor.
"""

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from deploy.config.schema import BadConfig, Config, decode
from deploy.machine import kernel, logging
from deploy.machine.process import die_with_parent
from deploy.service import folder
from deploy.service.child import CONNECTED, DISK_FULL, Message, reader_number
from deploy.service.folder import METRIC
from deploy.service.port import inherited
from state.error import BadStore
from stream import metric
from stream.error import BadSource

Job = Callable[[Config, threading.Event, Callable[[str], None]], None]
NAMED = (BadConfig, BadStore, BadSource)
NICE = {"ingest": 5, "learner": 5}  # answers come first; see also `learner.step_back`


def main(argv: Sequence[str], job: Job | None = None) -> int:
    """Run one role to its end: 0 after a clean stop, 1 after an error reported to the supervisor.

    Args:
        argv: The role, the number of the pipe's descriptor, how often the role was started before, and for a reader
            the sockets it takes clients from (see `port.Ports`).
        job: What to run; left out, that of the role.
    """
    role, pipe, lives = argv[0], int(argv[1]), int(argv[2])
    die_with_parent()
    folder.keep_private()
    kernel.keep()
    stop, begun = threading.Event(), threading.Event()

    def report(text: str) -> None:
        kind = _kind(text)
        if kind == (CONNECTED if role == "learner" else "ready"):
            begun.set()
        _report(pipe, kind, text)

    try:
        work = job or _job(role, argv[3:])
        if job is None:
            _tell_kernels(pipe)
        config = decode(_first_line())
        for number in (signal.SIGTERM, signal.SIGINT):
            # A handler may interrupt the very wait that holds the event's lock, so another thread sets it.
            signal.signal(number, lambda *_: threading.Thread(target=_end, args=(stop, begun)).start())
        threading.Thread(target=_watch_stdin, daemon=True).start()
        logging.setup(config.log.level, config.log.format, role)
        metrics = Path(config.state.live).parent / METRIC
        folder.reserve_metrics(metrics, role)
        metric.setup(metrics, role)
        os.nice(NICE.get(role, 0))
        if role == "ingest" and lives > 0:
            metric.ingest_restart()
        work(config, stop, report)
    except NAMED as exc:
        _report(pipe, "error", str(exc), _name(exc))
        return 1
    except Exception as exc:
        traceback.print_exc()
        if _name(exc) == DISK_FULL:
            _report(pipe, "error", f"{role}: the disk is full; free some space", DISK_FULL)
        return 1
    return 0


def _job(role: str, sockets: Sequence[str]) -> Job:
    """The work of a role; imported here, while the supervisor waits for another process."""
    if role == "ingest":
        from deploy.service import ingest

        return ingest.ingest
    if role == "learner":
        from deploy.service import learner

        return learner.learn
    from deploy.service import serve

    return partial(serve.serve, reader=reader_number(role) or 0, sockets=inherited(sockets))


def _tell_kernels(pipe: int) -> None:
    """Compile kernels as `compiler` does, and tell the supervisor of every one."""
    from deploy.machine import compiler

    compiler.install()
    compiler.watch(lambda done: _report(pipe, "kernel", done.name, "compiled" if done.compiled else "loaded"))


def _kind(text: str) -> str:
    """A message that begins with "ready" says so, and so does that it is connected; every other one is progress."""
    if text == CONNECTED:
        return CONNECTED
    return "ready" if text.startswith("ready") else "progress"


def _end(stop: threading.Event, begun: threading.Event) -> None:
    """Have the work end; what has not begun to work has nothing to save, and ends at once."""
    stop.set()
    if not begun.is_set():
        os._exit(0)


def _report(pipe: int, kind: str, text: str, name: str = "") -> None:
    """Send one message to the supervisor; end with it where it died."""
    message = msgspec.convert({"kind": kind, "text": text, "name": name}, Message)
    try:
        os.write(pipe, msgspec.json.encode(message) + b"\n")
    except BrokenPipeError:
        os.kill(os.getpid(), signal.SIGTERM)


def _name(exc: BaseException) -> str:
    """Return the name under which the supervisor counts an error; a full disk is one wherever it shows."""
    link: BaseException | None = exc
    while link is not None:
        if (isinstance(link, OSError) and link.errno == errno.ENOSPC) or "No space left on device" in str(
            link
        ):
            return DISK_FULL
        link = link.__cause__ or link.__context__
    return type(exc).__name__


def _first_line() -> bytes:
    """Return the configuration, read byte by byte to its end, so that nothing after it is taken from stdin."""
    line = bytearray()
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return bytes(line)


def _watch_stdin() -> None:
    """End this process with the supervisor, which holds the other end of stdin open as long as it lives."""
    while os.read(0, 1):
        continue
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
