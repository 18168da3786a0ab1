"""Benchmarks: each measures a whole instance from outside, and a peer in the same run, and says what it did.

ingest            a backlog to synced RocksDB, learning on, a real Kafka beside it; PyG's TGNMemory as peer
ingest-embedded   the same through the embedded broker, the producer paced
serve             RECOMMEND over the socket, 16 connections; a real Redis GET as peer
freshness         produced → in a reply, at 1 000 events a second
start             from the command to the first answer, kernels compiled anew and not; empty state
learn             learning on one thread, the network alone and the whole pass; PyG's TGN training as peer
rank              one ranking in process, everything but the socket
answer            RECOMMEND in process, 20 of 100 000 described items, by the rules asked for
walk              the co-watch graph in process: walks, upkeep, aging
memory            resident memory of the two processes after a log
aging             freshness of lists on a stream whose taste shifts, with and without aging and decay of edges
budget            memory and store while a million items stream through a budget of 100 000
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from msgspec.structs import replace

from deploy.client.client import BadAnswer, Client
from deploy.client.gauge import fields
from deploy.config.schema import BadConfig, Config
from deploy.data.synthetic import columns
from deploy.service.supervisor import Service
from stream.event.event import Event, encode
from stream.file.event import Columns

EVENTS = 500_000
USERS, ITEMS = 50_000, 10_000
Figures = dict[str, Any]


def run(name: str, config: Config, picture: str | None = None) -> Figures:
    """Run the benchmark `name`; return its figures by name and unit.

    Args:
        picture: A file to draw them in, for `aging`.

    Raises:
        BadConfig: There is no such benchmark, or a program it needs is missing.
    """
    from deploy.bench import (
        aging,
        graph,
        latency,
        learning,
        memory,
        ranking,
        throughput,
    )

    known: dict[str, Callable[[Config], Figures]] = {
        "ingest": throughput.ingest,
        "ingest-embedded": throughput.embedded,
        "serve": latency.serve,
        "freshness": latency.freshness,
        "start": latency.start,
        "memory": throughput.memory,
        "budget": memory.budget,
        "learn": learning.learn,
        "rank": learning.rank,
        "answer": ranking.answer,
        "aging": lambda config: aging.run(config, picture),
        "walk": graph.walk,
    }
    if name not in known:
        raise BadConfig(f"bench {name}: no such benchmark; known: {', '.join(known)}")
    if picture is not None and name != "aging":
        raise BadConfig(f"bench {name} --plot: only aging is drawn; leave it out")
    return {"bench": name, **known[name](config)}


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder for one run, and remove it."""
    place = Path(tempfile.mkdtemp(prefix="riverwalk-bench-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def prepared(config: Config, place: Path) -> Config:
    """Return the configuration with a state of its own and free ports."""
    state = replace(config.state, folder=str(place / "state"), max_users=1_000_000, max_items=200_000)
    return replace(config, state=state, serve=replace(config.serve, port=0, http_port=0))


@contextmanager
def instance(config: Config, log: IO[bytes]) -> Iterator[Service]:
    """Run an instance; what it says goes to the log."""
    with Service(config, say=lambda line: None, log=log) as service:
        yield service


def info(client: Client) -> dict[str, str]:
    """Return the fields of INFO."""
    return fields(str(client.ask("INFO")))


def number(known: dict[str, str], name: str) -> int:
    """Return a field of INFO as a number, 0 when missing."""
    return int(float(known.get(name, "0") or 0))


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


def resident_mib(pid: int) -> float:
    """Return the memory a process holds, its share of what several map included, in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def anonymous_mib(pid: int) -> float:
    """Return the memory a process holds for itself, without what is mapped from files, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


def rss_mib(pid: int) -> float:
    """Return a process's resident set in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


__all__ = ["BadAnswer", "run"]
