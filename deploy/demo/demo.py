"""`riverwalk demo`: a whole instance starts, events arrive, recommendations change on the screen.

    find events → start ingest, serve → produce in the background, what items are first → show → keep serving

What is shown is read as any user could read it: INFO and RECOMMEND over the socket, /metrics over HTTP.
"""

import signal
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from operator import attrgetter
from pathlib import Path
from types import FrameType

import msgspec
from rich.console import Console
from rich.live import Live

from deploy.client.gauge import Gauge, Reading
from deploy.config.schema import Config
from deploy.data import dataset, item
from deploy.data.dataset import Dataset
from deploy.data.survey import Survey, survey
from deploy.demo import screen
from deploy.demo.canary import Canary
from deploy.demo.follow import Follow
from deploy.demo.tip import tips
from deploy.produce.producer import (
    AHEAD,
    PATIENCE_S,
    Consumed,
    Producer,
    Stopped,
)
from deploy.produce.speed import Speed, parse
from deploy.service.supervisor import BadService, Supervisor
from deploy.terminal.progress import Bars, lively
from stream.broker import ensure_topic, open_sink

FRAME_S = 0.25
ASK_S = 0.5
LINE_S = 3.0
FOREVER_S = 10 * 365 * 86_400.0
LOG = "processes.log"


def run(
    config: Config,
    *,
    data: str | None = None,
    items: Path | None = None,
    columns: str | None = None,
    speed: str | float | None = None,
    for_seconds: float | None = None,
    user: str | None = None,
    plain: bool = False,
    svg: str | None = None,
) -> None:
    """`riverwalk demo`.

    Args:
        config: As for `riverwalk serve`. Unless a folder is named, the state lives in one of its own that is removed
            at the end, the log of events too.
        data: A path or a name; see `deploy/data/dataset.py`.
        items: The file that says what the items are; what lies beside the events when left out.
        columns: Which columns hold what; see `deploy/data/dataset.py`.
        speed: See `deploy/produce/speed.py`; the whole set in about a minute when left out.
        for_seconds: End by itself so long after the first event.
        user: The user to follow; the most steadily active one when left out.
        plain: Lines instead of a screen; lines are also what a file or a pipe gets.
        svg: Where to write the last picture, for a page.
    """
    console = Console()
    with Bars() as bars:
        found = dataset.find(data, items=items, columns=columns, say=bars.say, watch=bars.watch)
    console.print(found.note, highlight=False)
    with tempfile.TemporaryDirectory(prefix="riverwalk-demo-") as folder:
        try:
            with _signals(), ExitStack() as stack:
                looked, shown = _surveyed(found, console)
                service = _started(_own_state(config, Path(folder)), Path(folder), stack, console)
                ahead = 0 if config.kafka.address else AHEAD
                follow = Follow(user or looked.user, shown.titles)
                show = Show(service.config, found, looked.count, follow, parse(speed), ahead)
                stack.callback(show.close)
                until = time.monotonic() + (for_seconds if for_seconds is not None else FOREVER_S)
                (_screen if lively(console) and not plain else _lines)(show, service, console, until)
                if svg is not None:
                    Path(svg).write_text(screen.svg(show.snapshot()), encoding="utf-8")
                if time.monotonic() < until:
                    hints = tips(service.config, follow.user, follow.item, shown.words)
                    console.print(hints, highlight=False, soft_wrap=True)
                    service.wait(until - time.monotonic())
        except KeyboardInterrupt:
            pass
        except Exception:
            _last_reports(Path(folder) / LOG)
            raise
    kept = bool(config.kafka.address) or config.state.folder != Config().state.folder
    console.print("ended" if kept else "ended, nothing is left behind", style="dim")


def _surveyed(found: Dataset, console: Console) -> tuple[Survey, item.Look]:
    """Look through a dataset's events and items; what is bad in them is printed."""
    looked, refused = survey(found), item.Refused()
    shown = item.look(found.described(refused))
    for bad in filter(None, (*found.remarks, looked.bad, *refused.lines)):
        console.print(bad, highlight=False, soft_wrap=True)
    return looked, shown


class Show:
    """Everything that runs beside the instance while it is shown: producer, canary, gauge, the followed user.

    Args:
        config: Of the running instance.
        total: How many events it has.
        follow: The followed user.
        speed: Of production.
        ahead: How many events production may be ahead of consumption; 0 does not wait.
    """

    def __init__(
        self, config: Config, found: Dataset, total: int, follow: Follow, speed: Speed, ahead: int
    ) -> None:
        self.found, self.total, self.follow = found, total, follow
        self.gauge = Gauge(config.serve)
        self.canary = Canary(config.serve)
        self.failure: Exception | None = None
        self._rates: deque[float] = deque(maxlen=240)
        self._reading = Reading({})
        self._began = time.monotonic()
        self._asked = 0.0
        stop = threading.Event()
        self._consumed = Consumed(config.serve, stop)
        self._described = Consumed(config.serve, stop, PATIENCE_S, attrgetter("described"))
        self._kafka = kafka = config.kafka
        applied = self._consumed if ahead else None
        self._sink = open_sink(
            kafka.address,
            kafka.topic,
            ahead=ahead,
            applied=applied,
            partition=0
            if ahead
            else -1,  # one partition keeps the order of all events, not of each user's alone
            extra=kafka.options,
        )
        self.producer = Producer(self._sink, speed, total=total, on_event=self.follow.see, stopping=stop)
        self._thread = threading.Thread(target=self._produce, name="producer", daemon=True)
        self._thread.start()
        self.canary.start()

    def snapshot(self) -> screen.Snapshot:
        """Return what is shown now, read from the instance."""
        reading = self.gauge.read()
        if reading is not None:
            self._reading = reading
            self._rates.append(reading.events_per_s)
            self.canary.t = reading.number("stream_time_ms")
        now = time.monotonic()
        if now - self._asked > ASK_S:
            self._asked = now
            self.follow.refresh(self.gauge)
        return screen.Snapshot(
            source=self.found.note,
            elapsed_s=now - self._began,
            sent=self.producer.sent,
            total=self.total,
            reading=self._reading,
            rates=tuple(self._rates),
            fresh_p50=self.canary.percentile_ms(0.5),
            fresh_p99=self.canary.percentile_ms(0.99),
            user=self.follow.user,
            taken=tuple(self.follow.taken()),
            picks=tuple(self.follow.picks),
            changes=self.follow.changes,
        )

    def over(self) -> bool:
        """Whether everything was produced and is in the answers; raises what went wrong while producing."""
        if self.failure is not None:
            raise self.failure
        return not self._thread.is_alive() and self._reading.number("lag") == 0

    def close(self) -> None:
        """End what runs beside the instance."""
        self.producer.stopping.set()
        self.canary.close()
        self._thread.join()
        self._sink.close()
        self._consumed.close()
        self._described.close()
        self.gauge.close()

    def _produce(self) -> None:
        try:
            item.publish(self.found.described(), self._kafka, self._described)
            self.producer.run(self.found.events())
        except Stopped:
            pass
        except Exception as exc:  # shown by the thread that watches
            self.failure = exc


def _screen(show: Show, service: Supervisor, console: Console, until: float) -> None:
    """Draw until everything is produced and applied, or until the time is up; the last picture stays."""
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        over = False
        while not over and time.monotonic() < until and not service.wait(FRAME_S):
            over = show.over()
            live.update(screen.picture(show.snapshot(), console.width), refresh=True)


def _lines(show: Show, service: Supervisor, console: Console, until: float) -> None:
    """A line every few seconds, and one at the end."""
    said, over = 0.0, False
    while not over and time.monotonic() < until and not service.wait(FRAME_S):
        over = show.over()
        shot = show.snapshot()
        if over or time.monotonic() - said > LINE_S:
            said = time.monotonic()
            print(screen.line(shot), flush=True)


def _own_state(config: Config, folder: Path) -> Config:
    """State in a folder that ends with the demo, unless another one is set.

    On a real Kafka the demo begins at the end of the topic, so that it shows its own events.
    """
    state, kafka = config.state, config.kafka
    if state.folder == Config().state.folder:
        state = msgspec.structs.replace(state, folder=str(folder / "state"))
    if kafka.address:
        ensure_topic(kafka.address, kafka.topic, extra=kafka.options, stamped=True)
        kafka = msgspec.structs.replace(kafka, start="latest")
    return msgspec.structs.replace(config, state=state, kafka=kafka)


def _started(config: Config, folder: Path, stack: ExitStack, console: Console) -> Supervisor:
    """A running instance; its own reports go to a file, since the screen is taken."""
    log = stack.enter_context((folder / LOG).open("wb"))
    service = Supervisor(
        config,
        say=lambda line: console.print(f"  {line}", style="dim", highlight=False, soft_wrap=True),
        log=log,
    )
    stack.push(partial(_end, service, config.state.folder.startswith(str(folder))))
    with console.status("starting") if lively(console) else nullcontext():
        service.start()
    return service


def _end(
    service: Supervisor, thrown_away: bool, kind: object, error: BaseException | None, trace: object
) -> None:
    """End the instance; that it had to be forced is no failure when its state is thrown away anyway."""
    try:
        service.close()
    except BadService as exc:
        wanted = error is None or isinstance(error, KeyboardInterrupt)
        if wanted and not thrown_away:
            raise
        if wanted:
            print(f"{exc} (here it is thrown away)", file=sys.stderr)


def _last_reports(log: Path) -> None:
    """What the processes said last, before the file goes."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    print("\n".join(lines[-20:]), file=sys.stderr)


@contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM ends as Ctrl-C does; once ending has begun, neither disturbs it."""

    def end(number: int, frame: FrameType | None) -> None:
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {one: signal.signal(one, end) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
