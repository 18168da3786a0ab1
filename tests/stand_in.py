"""A stand-in for the two processes of an instance, and a supervisor over it: real processes, tiny jobs.

`kafka.options` tells it what to do: {"ingest": "fail"} raises BadStore, "fail later" does so once it was ready,
"crash" exits without a word, "hang" does not hear that it should stop.
"""

import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from deploy import service, worker
from deploy.config import BadConfig, Config, decode
from state.error import BadStore
from stream.error import BadSource

COMMAND = (sys.executable, __file__)


def ingest(config: Config, stop: threading.Event, ready: Callable[[str], None]) -> None:
    """Write down when it starts and that it saved."""
    todo = config.kafka.options.get("ingest")
    if todo == "fail":
        raise BadStore("row 7: checksum is wrong; restore a backup")
    if todo == "crash":
        os._exit(3)
    ready("looking around")
    ready(f"ready pid {os.getpid()} nice {os.nice(0)}")
    if todo == "fail later":
        raise BadSource("events: offset 5 is gone")
    if todo == "disk full later":
        raise OSError(28, "No space left on device")
    if todo == "hang":
        threading.Event().wait()
    stop.wait()
    Path(config.state.folder, "saved").write_text("whole")


def serve(config: Config, stop: threading.Event, ready: Callable[[str], None]) -> None:
    """Answer every connection with one line that says who answers."""
    with socket.create_server((config.serve.host, config.serve.port)) as server:
        server.settimeout(0.05)
        ready(f"ready pid {os.getpid()} nice {os.nice(0)}")
        while not stop.is_set():
            try:
                line, _ = server.accept()
            except TimeoutError:
                continue
            with line:
                line.sendall(f"answered by {os.getpid()}\n".encode())


def main(arguments: list[str]) -> int:
    """A child in a role, or with `supervise` and a configuration on stdin the supervisor itself."""
    if arguments[0] != "supervise":
        return worker.main(arguments, {"ingest": ingest, "serve": serve}[arguments[0]])
    try:
        service.run(decode(sys.stdin.buffer.readline()), lambda line: print(line, flush=True), COMMAND)
    except (BadConfig, BadStore, BadSource, service.BadService) as exc:
        print(exc, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
