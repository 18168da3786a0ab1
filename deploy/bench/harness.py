"""Harness of benchmarks: a folder, an instance, a stream, and its progress."""

from __future__ import annotations

import gc
import re
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from msgspec.structs import replace

from deploy.client.client import Client
from deploy.client.gauge import fields
from deploy.config.schema import BadConfig, Config
from deploy.data.synthetic import columns
from deploy.service.supervisor import Supervisor
from stream.broker import Sink, open_sink
from stream.event.event import Event, encode
from stream.file.event import Columns

EVENTS = 500_000
USERS, ITEMS = 50_000, 10_000
Figures = dict[str, Any]
QUIET_S, CAUGHT_UP_S = 3.0, 120.0  # without a further event learned from; for that at most
AHEAD = 20_000  # records a producer may be ahead of the reader


def prepared(config: Config, place: Path) -> Config:
    """Return the configuration with a state of its own and free ports."""
    state = replace(config.state, folder=str(place / "state"), max_users=1_000_000, max_items=200_000)
    return replace(config, state=state, serve=replace(config.serve, port=0, http_port=0))


@contextmanager
def instance(config: Config, log: IO[bytes]) -> Iterator[Supervisor]:
    """Run an instance; what it says goes to the log."""
    with Supervisor(config, say=lambda line: None, log=log) as service:
        yield service


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep this process from collecting garbage meanwhile: with a stream in memory all its threads stood still for 20 to 60 ms."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def info(client: Client) -> dict[str, str]:
    """Return the fields of INFO that tell of the stream and the state."""
    return fields(str(client.ask("INFO", "riverwalk")))


def number(known: dict[str, str], name: str) -> int:
    """Return a field of INFO as a number, 0 when missing."""
    return int(float(known.get(name, "0") or 0))


def learned(client: Client) -> tuple[int, float]:
    """Wait until the network learns from nothing more; return the events it has learned from, and the seconds that took."""
    begin = rose = time.perf_counter()
    most = -1
    while time.perf_counter() - rose < QUIET_S and rose - begin < CAUGHT_UP_S:
        now = number(info(client), "learned_events")
        if now > most:
            most, rose = now, time.perf_counter()
        time.sleep(0.1)
    return most, rose - begin


def wait_for(client: Client, count: int, limit_s: float = 900.0) -> None:
    """Wait until so many events are applied.

    Raises:
        BadConfig: They are not within `limit_s`.
    """
    deadline = time.monotonic() + limit_s
    while number(info(client), "applied_events") < count:
        if time.monotonic() > deadline:
            raise BadConfig(
                f"only {info(client).get('applied_events')} of {count} events applied in {limit_s:.0f} s"
            )
        time.sleep(0.02)


def events(n: int, users: int = USERS, items: int = ITEMS) -> Columns:
    """Return the benchmark's stream: power-law users and items, categories, repeats, new users and items."""
    return columns(n, users, items, seed=7)


def payloads(found: Columns) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and payload of each event; users are named by twelve digits, as redis-benchmark does."""
    for user, item, t in zip(found.user, found.item, found.t.tolist(), strict=True):
        name = f"{int(user[1:]):012d}"
        yield name.encode(), encode(Event(user=name, item=item, t=t))


def steps(config: Config) -> dict[str, float]:
    """Return the seconds ingest has spent in each step, from its metrics."""
    page = (
        urllib.request.urlopen(f"http://127.0.0.1:{config.serve.http_port}/metrics", timeout=10)
        .read()
        .decode()
    )
    found = re.findall(r'riverwalk_batch_seconds_sum\{step="(\w+)"\} (\S+)', page)
    return {step: round(float(seconds), 2) for step, seconds in found}


def paced(service: Supervisor, client: Client) -> Sink:
    """Return a producer to an instance that is never far ahead of it."""
    kafka = service.config.kafka
    return open_sink(
        kafka.address,
        kafka.topic,
        ahead=AHEAD,
        applied=lambda _: number(info(client), "offset_0"),
        partition=0,
    )
