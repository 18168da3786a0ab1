"""Benchmark of events that come over HTTP: POST /v1/events, lines of JSON in batches, and RECOMMEND beside it."""

from __future__ import annotations

import http.client
import random
import threading
import time

from msgspec.structs import replace

from deploy.bench import harness
from deploy.client.client import Client
from deploy.config.schema import Config, Serve
from deploy.machine.folder import folder_for

BATCH, CONNECTIONS = 1_000, 2
WARM, SENT = 20_000, 200_000
REST_S = 5.0  # of requests alone, before events come
ASKED_EVERY_S = 0.01


def post(config: Config) -> harness.Figures:
    """Measure events a second that are on disk when the reply comes, in batches of 1 000 lines over two connections."""
    made = [
        payload for _, payload in harness.payloads(harness.events(WARM + SENT, users=20_000, items=5_000))
    ]
    batches = [b"\n".join(made[k : k + BATCH]) for k in range(0, len(made), BATCH)]
    with folder_for("bench") as place, open(place / "log", "wb") as log:
        ready = replace(harness.prepared(config, place), kafka=replace(config.kafka, address=""))
        with harness.instance(ready, log) as service, Client(service.config.serve) as client:
            serve = service.config.serve
            _send(serve, batches[: WARM // BATCH], [])
            harness.wait_for(client, WARM)
            stop, alone, beside = threading.Event(), list[float](), list[float]()
            _asked(serve, alone, stop, REST_S)
            took: list[list[float]] = [[] for _ in range(CONNECTIONS)]
            rest = batches[WARM // BATCH :]
            threads = [
                threading.Thread(target=_send, args=(serve, rest[k::CONNECTIONS], took[k]))
                for k in range(CONNECTIONS)
            ]
            asker = threading.Thread(target=_asked, args=(serve, beside, stop, 600.0))
            begin = time.perf_counter()
            for thread in (*threads, asker):
                thread.start()
            for thread in threads:
                thread.join()
            seconds = time.perf_counter() - begin
            stop.set()
            asker.join()
            harness.wait_for(client, WARM + SENT)
            applied_s = time.perf_counter() - begin
    every = sorted(one for line in took for one in line)
    return {
        "events_per_s": round(SENT / seconds), "unit": "events/s", "batch": BATCH, "connections": CONNECTIONS, "events": SENT,
        "batch_p50_ms": _at(every, 0.5), "batch_p99_ms": _at(every, 0.99), "applied_per_s": round(SENT / applied_s),
        "recommend_p99_ms": _at(alone, 0.99), "recommend_p99_beside_ms": _at(beside, 0.99),
        "measured": "POST /v1/events with lines of JSON, from the first batch to the last reply, which comes once its events are on disk; RECOMMEND 100 a second before and beside it",
    }  # fmt: skip


def _send(serve: Serve, batches: list[bytes], took: list[float]) -> None:
    """Post batches one after the other; add the ms of each."""
    line = http.client.HTTPConnection("127.0.0.1", serve.http_port, timeout=60)
    for body in batches:
        begin = time.perf_counter()
        line.request("POST", "/v1/events", body, {"Content-Type": "application/x-ndjson"})
        reply = line.getresponse()
        told = reply.read()
        if reply.status != http.client.OK:
            raise RuntimeError(f"a batch was not taken: {reply.status} {told[:300]!r}")
        took.append(1000 * (time.perf_counter() - begin))
    line.close()


def _asked(serve: Serve, took: list[float], stop: threading.Event, limit_s: float) -> None:
    """Ask for lists at a pace until the end; add the ms of each."""
    draw, end = random.Random(1), time.perf_counter() + limit_s
    with Client(serve) as client:
        while not stop.is_set() and (begin := time.perf_counter()) < end:
            client.ask("RECOMMEND", f"{draw.randrange(20_000):012d}", 20)
            took.append(1000 * (time.perf_counter() - begin))
            time.sleep(ASKED_EVERY_S)


def _at(values: list[float], share: float) -> float:
    """Return the value below which a share of them lie, ms."""
    every = sorted(values)
    return round(every[min(len(every) - 1, int(share * len(every)))], 2) if every else 0.0
