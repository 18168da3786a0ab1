"""`riverwalk demo`: a whole instance starts, events arrive, recommendations change on the screen.

    find events → start ingest, serve → produce in the background, what items are first → show → keep serving

What is shown is read as any user could read it: INFO and RECOMMEND over the socket, /metrics over HTTP.
"""

import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import FrameType

import msgspec
from rich.console import Console

from deploy.config.schema import Config
from deploy.data import dataset, item
from deploy.data.dataset import Dataset
from deploy.data.survey import Survey, survey
from deploy.demo import screen
from deploy.demo.follow import Follow
from deploy.demo.live import watch
from deploy.demo.show import Show
from deploy.demo.tip import tips
from deploy.produce.producer import AHEAD
from deploy.produce.speed import parse
from deploy.service.supervisor import BadService, Supervisor
from deploy.terminal import browser
from deploy.terminal.progress import Bars, lively
from stream.broker import ensure_topic

FRAME_S = 0.25
LINE_S = 3.0
RECENT_MS = 86_400_000  # data that end longer ago are moved
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
    browse: bool = True,
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
        browse: Open the page of the instance, where a person sits at a terminal with a screen.
    """
    console = Console()
    with Bars() as bars:
        found = dataset.find(data, items=items, columns=columns, say=bars.say, watch=bars.watch)
    console.print(found.note, highlight=False)
    with tempfile.TemporaryDirectory(prefix="riverwalk-demo-") as folder:
        try:
            with _signals(), ExitStack() as stack:
                found, looked, shown = _surveyed(found, console)
                service = _started(_own_state(config, Path(folder)), Path(folder), stack, console)
                ahead = 0 if config.kafka.address else AHEAD
                follow = Follow([*([user] if user else []), *looked.users], shown.titles)
                show = Show(service.config, found, looked.count, follow, parse(speed), ahead)
                stack.callback(show.close)
                until = time.monotonic() + (for_seconds if for_seconds is not None else FOREVER_S)
                drawn = lively(console) and not plain
                _page(service.config, console, browse and drawn)

                def finish() -> None:
                    hints = tips(service.config, follow.user, follow.item, shown.words)
                    console.print(hints, highlight=False, soft_wrap=True)

                if drawn:
                    quits = watch(show, console, until, service.wait, finish)
                else:
                    quits = _lines(show, service, console, until)
                if svg is not None:
                    Path(svg).write_text(screen.svg(show.snapshot()), encoding="utf-8")
                if not quits and time.monotonic() < until:
                    finish()
                    service.wait(until - time.monotonic())
        except KeyboardInterrupt:
            pass
        except Exception:
            _last_reports(Path(folder) / LOG)
            raise
    kept = bool(config.kafka.address) or config.state.folder != Config().state.folder
    console.print("ended" if kept else "ended, nothing is left behind", style="dim")


def _surveyed(found: Dataset, console: Console) -> tuple[Dataset, Survey, item.Look]:
    """Look through a dataset's events and items, and move old times so that they end now; what is bad is printed."""
    looked, refused = survey(found), item.Refused()
    old_ms = time.time_ns() // 1_000_000 - looked.latest
    if old_ms > RECENT_MS:
        found = msgspec.structs.replace(found, moved_ms=old_ms)
        days = f"{old_ms / 86_400_000:,.0f} days"
        console.print(f"all times are {days} later than they were, so that it ends now", highlight=False)
    shown = item.look(found.described(refused))
    for bad in filter(None, (*found.remarks, looked.bad, *refused.lines)):
        console.print(bad, highlight=False, soft_wrap=True)
    return found, looked, shown


def _page(config: Config, console: Console, browse: bool) -> None:
    """Say where the page of the instance is, and open it where that can be seen."""
    address = f"http://{config.serve.host}:{config.serve.http_port}/"
    opens = browse and browser.seen()
    if opens:
        browser.open_page(address)
    how = "opened in your browser" if opens else "open it in a browser"
    console.print(f"the page: {address} ({how})", highlight=False)


def _lines(show: Show, service: Supervisor, console: Console, until: float) -> bool:
    """A line every few seconds, and one at the end."""
    said, over = 0.0, False
    while not over and time.monotonic() < until and not service.wait(FRAME_S):
        over = show.over()
        shot = show.snapshot()
        if over or time.monotonic() - said > LINE_S:
            said = time.monotonic()
            print(screen.line(shot), flush=True)
    return False


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
