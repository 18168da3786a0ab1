"""Produces events to the topic, in their order and with their own times, at a chosen speed.

Beside a running instance production watches how far consumption has come and never runs more than a window ahead, so
that what is shown meanwhile is the events as they come.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterable
from itertools import islice
from operator import attrgetter
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.client.gauge import Gauge, Reading
from deploy.config.broker import describe_broker, with_address
from deploy.config.schema import BadConfig, Config, Serve
from deploy.data import dataset, item
from deploy.data.dataset import Dataset
from deploy.data.survey import survey
from deploy.produce.speed import Speed, parse
from deploy.terminal.progress import Bars, lively
from stream.broker import Sink, ensure_topic, log_folder, open_sink, ready
from stream.error import BadSource
from stream.event.event import Event, encode

AHEAD = 20_000  # events in flight
EARLY_S = 0.005  # waiting for each event by itself would cost more than the event
LOOK_S = 0.01  # how often consumption is looked at
PATIENCE_S = 20.0


class Stopped(Exception):
    """The producer was asked to end while it waited; no error."""


class Consumed:
    """How far a running instance has consumed the topic, as its INFO tells; asked at most every `LOOK_S` seconds.

    Args:
        serve: Where the instance answers.
        stop: Set to end whoever waits for consumption.
        patience_s: An instance that consumes nothing for so long is not waited for: it reads something else.
        told: Which offsets of a reading count: those of events, or those of the items topic.
    """

    def __init__(
        self,
        serve: Serve,
        stop: threading.Event,
        patience_s: float = float("inf"),
        told: Callable[[Reading], dict[int, int]] = attrgetter("applied"),
    ) -> None:
        self._gauge = Gauge(serve)
        self._told = told
        self._stop = stop
        self._patience_s = patience_s
        self._offsets: dict[int, int] = {}
        self._looked = 0.0
        self._moved = time.monotonic()

    def __call__(self, partition: int) -> int:
        """The next offset of a partition that is in no answer yet."""
        if self._stop.is_set():
            raise Stopped
        now = time.monotonic()
        if now - self._looked > LOOK_S:
            reading = self._gauge.read()
            offsets = self._told(reading) if reading is not None else self._offsets
            if offsets != self._offsets or now - self._looked > self._patience_s / 2:
                self._offsets, self._moved = offsets, now
            self._looked = now
        return sys.maxsize if now - self._moved > self._patience_s else self._offsets.get(partition, 0)

    def close(self) -> None:
        """Hang up."""
        self._gauge.close()


class Producer:
    """Sends events, each when it is due; its counts can be read from other threads meanwhile.

    Args:
        sink: Where events go.
        speed: When each is due.
        total: How many there are, for a speed that spreads them over a time.
        on_event: Told every event after it was sent.
        stopping: Set, by anyone, to end soon.
    """

    def __init__(
        self,
        sink: Sink,
        speed: Speed,
        *,
        total: int,
        on_event: Callable[[Event], None] | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        self.sent = 0
        self.delivered = 0
        self.total = total
        self.stopping = stopping or threading.Event()
        self.going = threading.Event()  # cleared to pause
        self.going.set()
        self._sink, self._speed, self._on_event = sink, speed, on_event

    def run(self, events: Iterable[Event]) -> int:
        """Send all events, or as many as there is time for before `stopping` is set; how many were sent.

        Raises:
            BadSource: the broker does not take them.
        """
        began = time.monotonic()
        first_t: int | None = None
        try:
            for event in events:
                first_t = event.t if first_t is None else first_t
                if not self.going.is_set():
                    began += self._paused()
                wait = began + self._speed.due(self.sent, event.t - first_t, self.total) - time.monotonic()
                if (wait > EARLY_S and self.stopping.wait(wait)) or self.stopping.is_set():
                    break
                self._sink.send(event.user.encode(), encode(event), self._done)
                self.sent += 1
                if self._on_event is not None:
                    self._on_event(event)
        except Stopped:
            pass
        self._sink.flush()
        return self.sent

    def _paused(self) -> float:
        """Wait until it is to go on, or to end; return for how many seconds."""
        since = time.monotonic()
        while not self.going.wait(LOOK_S) and not self.stopping.is_set():
            pass
        return time.monotonic() - since

    def _done(self, partition: int, offset: int) -> None:
        self.delivered += 1


def run(
    config: Config,
    *,
    data: str | None,
    items: Path | None = None,
    columns: str | None = None,
    speed: str | float | None = None,
    limit: int | None = None,
) -> None:
    """`riverwalk produce`: send a data set, what its items are first, with a progress bar; says what was done.

    Args:
        data: A path or a name; None sends no events, only what `items` says.
        items: The file that says what the items are; what lies beside the events when left out.
        columns: Which columns hold what; found by their names when left out.

    Raises:
        BadConfig: There is nothing to send, or it is nowhere.
        BadSource: No broker answers, a file is of another form, or nothing in it can be sent.
    """
    if data is None and items is None:
        raise BadConfig("nothing to send: name a data set, a file of items with --items, or both")
    console = Console(file=sys.stderr)
    found = _found(data, items, columns, console)
    config = with_address(config)
    if log_folder(config.kafka.address) is not None:
        ensure_topic(config.kafka.address, config.kafka.topic)
    elif not ready(config.kafka.address, config.kafka.options):
        raise BadSource(
            f"no broker answers on {config.kafka.address}; start one, or name another with --kafka"
        )
    there = _answers(config.serve)
    if data is None:
        if not describe(config, found, console, there):
            raise BadSource(f"{items}: none of its rows describes an item; nothing was sent")
        return
    looked = survey(found, limit)
    for line in filter(None, (*found.remarks, looked.bad)):
        console.print(line, highlight=False, soft_wrap=True)
    where = f"topic {config.kafka.topic} on {describe_broker(config)}"
    console.print(f"{found.note}: {looked.count:,} events to {where}", highlight=False)
    describe(config, found, console, there)
    _send(config, islice(found.events(), limit), parse(speed), looked.count, console, there)


def _found(data: str | None, items: Path | None, columns: str | None, console: Console) -> Dataset:
    """Return the data set, or one of only what `items` says."""
    if data is None:
        return Dataset(name="items", path=items, items=items)
    with Bars(console) as bars:
        return dataset.find(data, items=items, columns=columns, say=bars.say, watch=bars.watch)


def _send(
    config: Config, events: Iterable[Event], speed: Speed, total: int, console: Console, there: bool
) -> None:
    """Send events with a progress bar, and print how many and how fast.

    Args:
        there: Whether an instance answers, which is then waited for, unless the log keeps whatever comes.
    """
    waits = there and log_folder(config.kafka.address) is None
    consumed = Consumed(config.serve, threading.Event(), patience_s=PATIENCE_S) if waits else None
    if consumed is not None:
        console.print(
            f"never more than {AHEAD:,} ahead of the instance on port {config.serve.port}", highlight=False
        )
    kafka, ahead = config.kafka, AHEAD if consumed else 0
    sink = open_sink(kafka.address, kafka.topic, ahead=ahead, applied=consumed, extra=kafka.options)
    began = time.monotonic()
    columns = TextColumn("produced"), BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not lively(console)) as progress:
        task = progress.add_task("", total=total)
        producer = Producer(sink, speed, total=total, on_event=lambda _: progress.advance(task))
        try:
            producer.run(events)
        except KeyboardInterrupt:
            sink.flush()
            print(
                f"interrupted: {producer.delivered:,} of {total:,} events were sent, in the order of their time"
            )
            raise
        finally:
            sink.close()
            if consumed is not None:
                consumed.close()
    took = max(time.monotonic() - began, 1e-9)
    print(f"{producer.delivered:,} events in {took:.1f} s, {producer.delivered / took:,.0f}/s")


def describe(config: Config, found: Dataset, console: Console, there: bool) -> int:
    """Send what the items of a data set are, and return how many; waits until it is in force, where an instance is there."""
    refused = item.Refused()
    told = attrgetter("described")
    applied = Consumed(config.serve, threading.Event(), PATIENCE_S, told) if there else None
    try:
        count = item.publish(found.described(refused), config.kafka, applied)
    finally:
        if applied is not None:
            applied.close()
    for line in refused.lines:
        console.print(line, highlight=False, soft_wrap=True)
    if count:
        console.print(f"{count:,} items described on topic {config.kafka.items}", highlight=False)
    return count


def _answers(serve: Serve) -> bool:
    gauge = Gauge(serve)
    reading = gauge.read()
    gauge.close()
    return reading is not None
