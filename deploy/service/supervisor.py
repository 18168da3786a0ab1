"""Supervise the processes of one instance: start in order, restart what dies, stop in order.

    start   lock the state folder → listen → log (when no broker is named) → ingest, learner
            → readers → ready
    run     what is dead or hung is started again; readers go on answering meanwhile, and ingest counting without a
            learner; what comes to the ports while a reader is down is taken by the others, or waits for it
    end     ingest finishes its batch and saves → the learner learns what waits and saves → ports → readers
            → tables in shared memory → lock

One thread does all of it, because the kernel ends children with the *thread* that started them.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import msgspec

from deploy.config.broker import describe_broker, ensure_topics, with_address
from deploy.config.schema import BadConfig, Config
from deploy.service import folder, port
from deploy.service.child import READER, WORKER, Backoff, Child, readable, reader_number, reader_roles
from deploy.service.watch import Watch
from deploy.start.compilation import Compilation
from state.error import BadStore
from stream.broker import log_folder
from stream.error import BadSource
from stream.service.load import FILE as LOAD
from stream.service.load import Load

DRAIN_S = {"ingest": 40.0, "learner": 40.0, READER: 4.0}
RESTS = {
    "ingest": "; answers go on from what is remembered",
    "learner": "; events are counted meanwhile, and answers go on",
}
START_TRIES = 3
LOOK_S = 1.0  # between two looks at whether ingest and the learner move
ERRORS: dict[str, type[Exception]] = {"BadConfig": BadConfig, "BadStore": BadStore, "BadSource": BadSource}


class BadService(Exception):
    """A process of the instance does not come up or ends badly: end the program and tell the operator."""


class Supervisor:
    """An instance and its child processes.

    Args:
        config: The configuration. After `start`, `self.config` holds what was resolved: the address of the
            broker or of the log, the real ports, the folder of the shared tables.
        say: Where lines for people go.
        worker: The command of a child process.
        log: Where the children's own output goes; our stderr when left out.
        backoff: Makes the rule by which one child is started again.
        bar: Whether compilation may be shown as a bar, on a terminal.
    """

    def __init__(
        self,
        config: Config,
        *,
        say: Callable[[str], None] = print,
        worker: Sequence[str] = WORKER,
        log: IO[bytes] | None = None,
        backoff: Callable[[], Backoff] = Backoff,
        bar: bool = False,
    ) -> None:
        self.config = config
        roles = ("ingest", "learner", *reader_roles(config.serve.readers))
        self.children = {role: Child(role, worker, backoff()) for role in roles}
        self._say = say
        self._compilation = Compilation(say, bar)
        self._log = log
        self._begun: list[Child] = []  # children that may work
        self._lock: folder.Lock | None = None
        self._live: folder.Live | None = None
        self._ports: port.Ports | None = None
        self._load: Load | None = None
        self._settled = threading.Event()  # ready, or failed before that
        self._ended = threading.Event()
        self._stopping = False
        self._wake, self._bell = os.pipe()
        self._failure: Exception | None = None
        self._watch: Watch | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor")

    def start(self) -> None:
        """Start everything and return when questions are answered; raises the error that prevents it."""
        self._thread.start()
        self._settled.wait()
        if self._failure is not None:
            self.close()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the instance has ended; True when it has. Raises the error that ended it."""
        if not self._ended.wait(timeout_s):
            return False
        self.close()
        return True

    def stop(self) -> None:
        """Ask for the end, from any thread; `wait` tells when it is reached."""
        self._stopping = True
        if self._bell >= 0:
            os.write(self._bell, b"!")

    def close(self) -> None:
        """End everything in order and return when it has ended; raises what went wrong."""
        if self._bell >= 0:
            self.stop()
            if self._thread.ident is not None:
                self._thread.join()
            os.close(self._bell)
            os.close(self._wake)
            self._bell = -1
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> "Supervisor":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        """Run from start to end, in one thread."""
        try:
            self._prepare()
            for child in self.children.values():
                self._start(child)  # both at once: what they load takes longer than what they do then
            self._begun = list(self.children.values())
            while not all(child.ready for child in self._begun) and not self._stopping:
                self._turn()
            self._compilation.end(self._log)
            self._settled.set()
            while not self._stopping:
                self._turn()
        except Exception as exc:
            self._failure = exc
        finally:
            self._end()
            self._settled.set()
            self._ended.set()

    def _prepare(self) -> None:
        """Lock the folder, listen on the ports, and make the log before any child."""
        folder.keep_private()
        state, serve = self.config.state, self.config.serve
        root = Path(state.folder).expanduser().absolute()
        self._lock = folder.Lock(root, f"riverwalk, process {os.getpid()}, socket {serve.host}:{serve.port}")
        self._ports = port.Ports(serve)
        readers = len(self._stage(READER))
        serve = msgspec.structs.replace(self._ports.serve, readers=readers)
        self._live = folder.Live(root, state.live)
        state = msgspec.structs.replace(state, folder=str(root), live=str(self._live.path / folder.TABLE))
        self._watch = Watch(Path(state.live))
        self._load = Load(readers=readers, path=Path(state.live) / LOAD, make=True)
        folder.move_learned(root, self.config)
        self.config = with_address(msgspec.structs.replace(self.config, state=state, serve=serve))
        if log_folder(self.config.kafka.address) is not None:
            ensure_topics(self.config)
        self._say(f"{describe_broker(self.config)}, topic {self.config.kafka.topic}")
        self._say(f"state {root}")
        self._compilation.begin()

    def _stage(self, stage: str) -> list[Child]:
        """Return the children that are started and stopped together: `ingest`, `learner`, or all readers."""
        return [child for role, child in self.children.items() if role.partition("-")[0] == stage]

    def _start(self, child: Child) -> None:
        assert self._lock is not None
        assert self._ports is not None
        assert self._watch is not None
        self._watch.clear(child.role)
        if reader_number(child.role) is not None:
            child.start(self._log, self._ports.filenos, self._ports.words)
        else:
            child.start(self._log, (self._lock.fileno(),))
        self._watch.started(child)

    def _turn(self) -> None:
        """Configure children that may work, wait for one event, and handle it."""
        for child in self._begun:
            if child.pid is not None and not child.configured:
                child.configure(self.config)
        for child in readable(self.children.values(), self._wake, LOOK_S):
            self._handle(child)
        self._tell_start()
        for child in self.children.values():
            if child.due is not None and child.due <= time.monotonic() and not self._stopping:
                self._start(child)
        if self._watch is not None and not self._stopping:
            self._watch.end_hung(self.children, self.config.serve.hang_seconds)

    def _handle(self, child: Child) -> None:
        """Pass on a child's messages; when it has ended, restart it or give up."""
        messages = child.listen()
        if messages is None:
            self._reap(child)
            return
        for message in messages:
            if message.kind in ("ready", "progress"):
                self._say(f"{child.role}: {message.text}")
            if message.kind == "kernel":
                self._compilation.note(child.role, message.text, message.name == "compiled")

    def _reap(self, child: Child) -> None:
        """Restart a child that has ended, after a while; give up where it cannot start."""
        end, lived = child.reap()
        assert self._watch is not None
        if why := self._watch.why(child.role):
            end = f"{end}: {why}"
        reader = reader_number(child.role)
        if reader is not None and self._load is not None:
            self._load.end(reader)
        name = child.error.name if child.error is not None else ""
        wait = child.backoff.after(lived)
        if self._hopeless(child, name):
            raise ERRORS.get(name, BadService)(
                end if name in ERRORS else f"{child.role} does not start: {end}"
            )
        if self._stopping:
            return
        child.due = time.monotonic() + wait
        rest = RESTS.get(child.role) or self._who_answers()
        self._say(f"{child.role} ended ({end}); starting it again in {wait:g} s{rest}")
        self._watch.ended(child, end)

    def _who_answers(self) -> str:
        """What becomes of clients while a reader is down."""
        up = sum(child.ready and child.pid is not None for child in self._stage(READER))
        return f"; {up} more answer{'s' * (up == 1)} meanwhile" if up else "; clients wait for it"

    def _hopeless(self, child: Child, name: str) -> bool:
        """Whether starting it again does not help: it never worked, or its settings never did."""
        if child.proven:
            return name == "BadConfig" and child.role == "ingest" and not child.connected
        return bool(name) or child.backoff.failures >= START_TRIES

    def _tell_start(self) -> None:
        """Tell people and servers how far the start is."""
        self._compilation.tell()
        if self._watch is not None:
            self._watch.starting(self._compilation.text)

    def _end(self) -> None:
        """Stop what runs, in order; what was forced to end is a failure unless there is one already."""
        self._compilation.close()
        for stage, wait_s in DRAIN_S.items():
            if stage == READER and self._ports is not None:
                self._ports.close()
            for child in self._stage(stage):
                child.ask_to_end()
            for child in self._stage(stage):
                problem = child.stop(wait_s)
                if problem and self._failure is None:
                    self._failure = BadService(
                        f"{child.role} {problem}; the next start goes on from the last save"
                    )
        if self._live is not None:
            self._live.close()
        if self._lock is not None:
            self._lock.close()


def run(config: Config, say: Callable[[str], None], worker: Sequence[str] = WORKER) -> None:
    """`riverwalk serve`: an instance until SIGTERM, Ctrl-C or an error; raises the error."""
    supervisor = Supervisor(config, say=say, worker=worker, bar=True)

    def end(*_: Any) -> None:
        # A handler may interrupt a wait that holds a lock, so it only rings the bell.
        supervisor.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    supervisor.start()
    if not supervisor.wait(0):
        serve = supervisor.config.serve
        say(f"ready: redis-cli -h {serve.host} -p {serve.port} TRENDING 5")
        say(f"       http://{serve.host}:{serve.http_port}/ and /metrics; Ctrl-C ends it")
    supervisor.wait()
    say("ended, everything is saved")
