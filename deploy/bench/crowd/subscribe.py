"""Benchmark of subscriptions: how soon a change is told to a thousand of them, and what that costs who only asks."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
from msgspec.structs import replace

from deploy.bench import harness
from deploy.bench.crowd.crowd import Crowd, Heard
from deploy.bench.crowd.line import K
from deploy.client.client import Client
from deploy.config.schema import BadConfig, Config
from deploy.machine.folder import folder_for
from deploy.machine.memory import cpu_s
from deploy.service.child import reader_number
from deploy.service.folder import TABLES
from deploy.service.supervisor import Supervisor
from stream.generation.generation import current

SUBSCRIBERS, RATE, SECONDS = 1_000, 1_000, 15.0
LEARNED = 50_000  # events before the first subscriber
READERS = 2
ASKS, LINES = 200, 4  # requests a second of who only asks, and their connections
ROOM = 64  # clients beside the subscribers


def subscribe(config: Config, over_http: bool = False) -> harness.Figures:
    """Measure change → message with a thousand subscribers, and RECOMMEND of others without and beside them, in turns.

    Args:
        over_http: They hear of lists as server-sent events.
    """
    stream = harness.events(LEARNED, users=20_000, items=5_000)
    with folder_for("bench") as place:
        ready = harness.prepared(config, place)
        serve = replace(ready.serve, readers=READERS, max_clients=SUBSCRIBERS + ROOM)
        ready = replace(ready, kafka=replace(config.kafka, address=""), serve=serve)
        with (
            open(place / "log", "wb") as log,
            harness.instance(ready, log) as service,
            Client(service.config.serve) as client,
        ):
            sink = harness.paced(service, client)
            for key, payload in harness.payloads(stream):
                sink.send(key, payload)
            sink.flush(60)
            sink.close()
            harness.wait_for(client, LEARNED)
            time.sleep(2.0)
            t = int(stream.t[-1]) + 1
            alone, asked_alone, cpu_alone = _meet(service, client, t, False, over_http)
            beside, asked_beside, cpu_beside = _meet(service, client, t + 60_000, True, over_http)
            again, asked_again, cpu_again = _meet(service, client, t + 120_000, False, over_http)
    quiet = sorted([*asked_alone, *asked_again])
    return {
        "change_to_message_p99_ms": _at(beside.applied_ms, 0.99), "unit": "ms",
        "change_to_message_p50_ms": _at(beside.applied_ms, 0.5),
        "sent_to_message_p50_ms": _at(beside.sent_ms, 0.5), "sent_to_message_p99_ms": _at(beside.sent_ms, 0.99),
        "recommend_beside_p50_ms": _at(asked_beside, 0.5), "recommend_beside_p99_ms": _at(asked_beside, 0.99),
        "recommend_alone_p50_ms": _at(quiet, 0.5), "recommend_alone_p99_ms": _at(quiet, 0.99),
        "recommend_p99_ratio": round(_at(asked_beside, 0.99) / max(_at(quiet, 0.99), 0.01), 2),
        "reader_cpu_us_a_message": round(1e6 * (cpu_beside - (cpu_alone + cpu_again) / 2) / max(1, beside.messages)),
        "subscribers": SUBSCRIBERS, "events_per_s": round(beside.events / SECONDS), "events": beside.events,
        "messages": beside.messages, "lost": beside.lost, "events_per_s_alone": round((alone.events + again.events) / 2 / SECONDS),
        "readers": READERS, "k": K, "load": round(os.getloadavg()[0], 1),
        "measured": f"events of subscribers on the first item of their list, from the moment ingest tells that the event is applied to the message; RECOMMEND user {K} at {ASKS}/s of others, without subscribers, with, and without, beside as many events",
    }  # fmt: skip


def _at(found: list[float], share: float) -> float:
    found = sorted(found)
    return round(found[min(len(found) - 1, int(len(found) * share))], 2) if found else 0.0


def _meet(
    service: Supervisor, client: Client, t: int, hear: bool, over_http: bool
) -> tuple[Heard, list[float], float]:
    """Have a crowd tell events, and hear of lists if it is to.

    Returns:
        What it heard, what others waited in ms, and the CPU seconds of the readers.
    """
    config = service.config
    users = [f"{k:012d}" for k in range(SUBSCRIBERS)]
    lists = [[str(item) for item in client.ask("RECOMMEND", user, K)] for user in users]  # type: ignore[union-attr]
    live = Path(config.state.live) / TABLES
    status = live / str(current(live)) / "status.table"
    crowd = Crowd(
        config.serve.http_port if over_http else config.serve.port, config.kafka.address, config.kafka.topic, str(status), users, lists, t, RATE,
        SECONDS, hear, over_http,
    )  # fmt: skip
    readers = [
        child.pid for role, child in service.children.items() if reader_number(role) is not None and child.pid
    ]
    before = sum(map(cpu_s, readers))
    done, took = threading.Event(), [list[float]() for _ in range(LINES)]
    threads = [threading.Thread(target=_ask, args=(service, k, done, took[k])) for k in range(LINES)]
    line = [sys.executable, "-P", "-m", "deploy.bench.crowd.crowd"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(crowd) + b"\n")
        process.stdin.close()
        time.sleep(3.0)  # by then it has subscribed and begun
        for thread in threads:
            thread.start()
        said = process.stdout.read()
        done.set()
        for thread in threads:
            thread.join()
    if process.returncode:
        raise BadConfig("the crowd of subscribers ended before it was done; what it said is above")
    heard = msgspec.json.decode(said, type=Heard)
    return heard, [one for some in took for one in some], sum(map(cpu_s, readers)) - before


def _ask(service: Supervisor, k: int, done: threading.Event, took: list[float]) -> None:
    """Ask at an even pace; a request that is late counts from when it was due."""
    draw = random.Random(k)
    with Client(service.config.serve) as client:
        begin, n = time.perf_counter(), 0
        while not done.is_set():
            due = begin + (n * LINES + k) / ASKS
            n += 1
            if (ahead := due - time.perf_counter()) > 0:
                time.sleep(ahead)
            client.ask("RECOMMEND", f"{draw.randrange(20_000):012d}", K)
            took.append(1000 * (time.perf_counter() - due))
