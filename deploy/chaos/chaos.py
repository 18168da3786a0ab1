"""`riverwalk chaos`: kill again and again, then compare with what the topic gives.

Most lives are ingest alone, forked from one warm process, so that hundreds fit into minutes: half of them are killed at
a random moment, half at a named point (see `state.storage.crash`).  In between the producer and the broker are killed
too.  Some are whole instances, of which ingest, the server or the supervisor is killed (`instance`).
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from deploy.backup.backup import backup
from deploy.backup.restore import restore
from deploy.chaos import instance
from deploy.chaos.broker import Broker
from deploy.chaos.life import Place, ended, forked, live, warm
from deploy.chaos.report import Chaos, Report
from deploy.chaos.stream import expected, produce
from deploy.chaos.verify import Verdict, same, verify
from deploy.config.schema import BadConfig, Config, Kafka, State
from deploy.machine import compiler
from deploy.machine.folder import folder_for
from deploy.terminal.progress import Bars
from state.storage import crash
from state.storage.crash import POINTS
from stream.broker import open_sink

LONGEST_S = 0.8  # of a life that ends at a random moment
PIECE = 2_000  # events a life of the producer sends
A_SECOND = 3_000.0
BROKER_EVERY = 50  # kills of ingest for one of the broker
RESTORES = (1, 3)  # files after which a restore is killed
POINTED = tuple(point for point in POINTS if point not in ("restore", "migrate", "migrated"))


def run(how: Chaos) -> Report:
    """Do it, in a temporary folder.

    Raises:
        BadConfig: The broker cannot be started, or a life ended otherwise than it should.
    """
    compiler.install()
    began = time.monotonic()
    report = Report(how.broker, how.partitions, Counter())
    with folder_for("chaos") as folder, Broker(how.broker, folder, how.partitions) as broker, Bars() as bars:
        step = bars.watch(f"{how.kills} kills on {how.broker}, {how.partitions} partitions")
        place = Place(broker.address, broker.topic, folder / "state" / "store", broker.name)
        place.folder.parent.mkdir(mode=0o700, exist_ok=True)
        warm(place)
        _kill_ingest(how, place, broker, report, step)
        instance.kill(how, place, report, lambda: step(sum(report.kills.values()), how.kills))
        report.events += _rest(how, place, report)
        _must(forked(partial(live, place, whole=True)))
        _kill_restore(place, report, folder)
        report.verdict = _verified(how, place, report, folder)
    report.seconds = time.monotonic() - began
    return report


def _kill_ingest(
    how: Chaos, place: Place, broker: Broker, report: Report, step: Callable[[int, int], None]
) -> None:
    """Kill lives of ingest, while a producer sends, is killed and begins again."""
    draw = random.Random(how.seed)
    producer, since = _producer(how, place, report.events), report.events
    for turn in range(how.kills - how.instances):
        point = draw.choice(POINTED) if draw.random() < 0.5 else ""
        child = forked(partial(live, place, point=point, count=draw.randint(1, 12), learn=how.learn))
        if point:
            name = _wait(child, 3 * LONGEST_S, point)
        else:
            time.sleep(draw.random() * LONGEST_S)
            os.kill(child, signal.SIGKILL)
            _died(ended(child))
            name = "moment"
        report.kills[name] += 1
        step(sum(report.kills.values()), how.kills)
        if turn % BROKER_EVERY == BROKER_EVERY - 1 and broker.kill():
            report.kills["broker"] += 1
        if os.waitpid(producer, os.WNOHANG)[0] or draw.random() < 0.05:
            _end(producer, report)
            report.events = since + PIECE
            producer, since = _producer(how, place, report.events), report.events
    _end(producer, report)
    report.events = since + PIECE
    # What a killed producer did not send is sent now: ids make what it did send count once.
    _must(forked(partial(_send, how, place, 0, report.events, 1e9)))


def _wait(child: int, longest_s: float, point: str) -> str:
    """Wait until a life dies at its point; one that does not come by there is killed like any other."""
    until = time.monotonic() + longest_s
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            _died(os.waitstatus_to_exitcode(status))
            return point
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    _died(ended(child))
    return "moment"


def _died(code: int) -> None:
    if code not in (0, -signal.SIGKILL):
        raise BadConfig(f"a life of ingest ended with status {code}; its last lines are above")


def _must(child: int) -> None:
    if (code := ended(child)) != 0:
        raise BadConfig(f"a process of the run ended with status {code}; its last lines are above")


def _producer(how: Chaos, place: Place, begin: int) -> int:
    return forked(partial(_send, how, place, begin, begin + PIECE, A_SECOND))


def _send(how: Chaos, place: Place, begin: int, until: int, a_second: float) -> None:
    sink = open_sink(place.address, place.topic)
    produce(sink, how.seed, begin, until, a_second)
    sink.close()


def _end(producer: int, report: Report) -> None:
    """Kill the producer where it is still at work."""
    try:
        os.kill(producer, signal.SIGKILL)
        if ended(producer):
            report.kills["producer"] += 1
    except (ProcessLookupError, ChildProcessError):
        return


def _rest(how: Chaos, place: Place, report: Report) -> int:
    """Send some more events after all kills; return how many."""
    _must(forked(partial(_send, how, place, report.events, report.events + PIECE, 1e9)))
    return PIECE


def _kill_restore(place: Place, report: Report, folder: Path) -> None:
    """Kill restores of a backup; a state folder is there whole or not at all."""
    copy, again = folder / "copy", folder / "restored"
    config = Config(
        state=State(folder=str(place.folder.parent)), kafka=Kafka(address=place.address, topic=place.topic)
    )
    _must(forked(partial(backup, config, copy)))
    for count in RESTORES:

        def work(count: int = count) -> None:
            crash.arm("restore", count)
            restore(copy, again)

        if ended(forked(work)) != -signal.SIGKILL or again.exists():
            raise BadConfig(f"{again}: a restore that was killed has left a state folder, or was not killed")
        report.kills["restore"] += 1
    _must(forked(partial(restore, copy, again)))
    _must(forked(partial(same, place, place._replace(folder=again / "store"))))


def _verified(how: Chaos, place: Place, report: Report, folder: Path) -> Verdict:
    """Return the verdict, from a process of its own."""
    path = folder / "verdict.json"

    def work() -> None:
        found = verify(
            place, expected(how.seed, report.events), folder / "again" / "store", learned=how.learn
        )
        path.write_bytes(msgspec.json.encode(found))

    _must(forked(work))
    return msgspec.json.decode(path.read_bytes(), type=Verdict)
