"""Benchmarks: each measures a whole instance from outside, and a peer in the same run, and says what it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from deploy.config.schema import BadConfig, Config

Figures = dict[str, Any]
NAMES: Final = {  # of the benchmarks, and what each measures
    "all": "one report with peers: backlog, shares learned, bytes, request time against users, items, history, k and readers",
    "ingest": "a backlog to synced RocksDB, learning on, a real Kafka beside it; PyG's TGNMemory as peer",
    "ingest-embedded": "the same through the log of the state folder",
    "log": "that log alone: appends in groups, publishing at 1 000 a second; --large: the same after 10 million",
    "serve": "RECOMMEND over the socket, 16 connections, with 1 and 2 readers; 1 000 a second beside 5 000 events/s; a real Redis GET as peer",
    "freshness": "event → in a reply, and the longest pause of ingest, at 1 000 and at 5 000 events a second",
    "post": "POST /v1/events, 1 000 lines a request over two connections; RECOMMEND before and beside it",
    "subscribe": "SUBSCRIBE: change → message with 1 000 subscribers at 1 000 events/s, and RECOMMEND of others beside it",
    "sse": "the same over HTTP, as server-sent events",
    "start": "from the command to the first answer, kernels compiled anew and not; empty state",
    "learn": "learning on one thread: whole lessons, the parts of one, the network alone; PyG's TGN training as peer",
    "lightgcn": "one epoch of LightGCN on a log, d 64, 3 layers, batch 16 384, one thread: as sparse products, and PyG's own",
    "sampling": "one epoch of GraphSAGE on a log, by full batch, neighbours, layers and clusters: CPU time, and memory on top",
    "rank": "one ranking in process, everything but the socket",
    "answer": "RECOMMEND in process, 20 of 100 000 described items, by the rules asked for",
    "walk": "the co-watch graph in process: walks, upkeep, aging",
    "memory": "resident memory of the two processes after a log",
    "aging": "freshness of lists on a stream whose taste shifts, with and without aging and decay of edges",
    "fidelity": "recall through topic and socket beside that of `evaluate` on the same log",
    "soak": "memory, disk and speed of ingest's writer while ever new users stream through a budget; status 1 where it grows",
    "budget": "memory and store while a million items stream through a budget of 100 000",
}

SIZED: Final = {
    "soak": {"events", "users", "budget"},
    "fidelity": {"events", "rate"},
}  # sizes a benchmark is told
LOGS: Final = ("fidelity", "lightgcn", "sampling")  # benchmarks that take a log


def run(
    name: str,
    config: Config,
    picture: str | None = None,
    large: bool = False,
    sizes: dict[str, int] | None = None,
    data: str = "",
    report: str = "",
    quick: bool = False,
) -> Figures:
    """Run the benchmark `name`; return its figures by name and unit.

    Args:
        picture: A file to draw them in, for `aging`.
        large: Measure also what takes long, for `log`.
        sizes: Events, users and budget, for `soak`, events and rate, for `fidelity`; those left out are its own.
        data: A log, for `fidelity` and `lightgcn`.
        report: The folder of the report of `all`; bench-report when left out.
        quick: Smaller sizes, for `all`.

    Raises:
        BadConfig: There is no such benchmark, or a program it needs is missing.
    """
    if name not in NAMES:
        raise BadConfig(f"bench {name}: no such benchmark; known: {', '.join(NAMES)}")
    if picture is not None and name != "aging":
        raise BadConfig(f"bench {name} --plot: only aging is drawn; leave it out")
    from deploy.bench import (
        aging,
        convolution,
        graph,
        learning,
        log,
        memory,
        ranking,
        reading,
        soak,
        throughput,
    )
    from deploy.bench.crowd import subscribe
    from deploy.bench.http import post
    from deploy.bench.report import plan
    from deploy.bench.report import report as whole
    from deploy.bench.serving import fidelity, freshness, latency
    from deploy.machine import compiler

    compiler.install()

    known: dict[str, Callable[[Config], Figures]] = {
        "all": lambda config: whole.run(config, plan.QUICK if quick else plan.FULL, report),
        "ingest": throughput.ingest,
        "ingest-embedded": throughput.embedded,
        "log": lambda config: log.run(config, large),
        "serve": latency.serve,
        "freshness": freshness.freshness,
        "post": post.post,
        "subscribe": subscribe.subscribe,
        "sse": lambda config: subscribe.subscribe(config, over_http=True),
        "start": latency.start,
        "learn": learning.learn,
        "lightgcn": lambda config: convolution.lightgcn(data),
        "sampling": lambda config: reading.sampling(data),
        "rank": ranking.rank,
        "answer": ranking.answer,
        "walk": graph.walk,
        "memory": memory.memory,
        "aging": lambda config: aging.run(config, picture),
        "budget": memory.budget,
        "fidelity": lambda config: fidelity.run(config, data, **(sizes or {})),
        "soak": lambda config: soak.run(config, soak.Soak(**(sizes or {}))),
    }
    if large and name != "log":
        raise BadConfig(f"bench {name} --large: only log has a large part; leave it out")
    odd = set(sizes or {}) - SIZED.get(name, set())
    if odd:
        raise BadConfig(f"bench {name} --{min(odd)}: {' and '.join(SIZED)} are told how much; leave it out")
    if data and name not in LOGS:
        raise BadConfig(f"bench {name} --data: only {' and '.join(LOGS)} take a log; leave it out")
    if (report or quick) and name != "all":
        raise BadConfig(
            f"bench {name} {'--report' if report else '--quick'}: only all writes a report; leave it out"
        )
    return {"bench": name, **known[name](config)}
