"""Benchmarks of requests by readers, and of the start."""

from __future__ import annotations

import csv
import io
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from deploy.bench import harness
from deploy.client.client import Client
from deploy.config.schema import BadConfig, Config
from deploy.machine.folder import folder_for
from deploy.machine.memory import cpu_s
from deploy.service import port
from deploy.service.child import reader_number
from deploy.service.supervisor import Supervisor
from stream.broker import open_sink

REQUESTS, CLIENTS = 20_000, 16
RATE, SECONDS = 1_000, 20
READERS = (1, 2)
LEARNED = 100_000  # events before the first request
ASKED = ("RECOMMEND", "__rand_int__", "20")
BESIDE, EACH = 5_000, 5  # events a second beside paced requests, sent so many at a time
LINES = 8  # connections of paced requests


def _redis_benchmark(at: int, count: int, *command: str) -> dict[str, float]:
    """Run redis-benchmark; return requests per second and latencies in ms."""
    options = f"-p {at} -c {CLIENTS} -n {count} -r 20000 --csv"
    line = ["redis-benchmark", *options.split(), *command]
    done = subprocess.run(line, capture_output=True, text=True, timeout=600, check=True)
    rows = list(csv.DictReader(io.StringIO(done.stdout[done.stdout.index('"test"') :])))
    return {name: float(rows[0][name]) for name in ("rps", "p50_latency_ms", "p99_latency_ms")}


def serve(config: Config, learned: int = LEARNED, beside: bool = True) -> harness.Figures:
    """Measure RECOMMEND k=20 after so many events with one reader and with two: at rest, and paced beside ingest.

    GET of a real Redis is measured right after each, where there is one; the shares are of that.
    """
    if shutil.which("redis-benchmark") is None:
        raise BadConfig("redis-benchmark is missing; install redis-tools")
    stream = harness.events(learned + BESIDE * SECONDS * len(READERS), users=20_000, items=5_000)
    made = list(harness.payloads(stream))
    sent = 0
    found: harness.Figures = {}
    with folder_for("bench") as place, _redis(place) as redis:
        ready = harness.prepared(config, place)
        ready = replace(ready, kafka=replace(config.kafka, address=""))
        for readers in READERS:
            one = replace(ready, serve=replace(ready.serve, readers=readers))
            with open(place / "log", "ab") as log, harness.instance(one, log) as service:
                with Client(service.config.serve) as client:
                    harness.wait_for(client, sent)
                    sent = _feed(service, client, made[sent : max(sent, learned)], sent)
                    _redis_benchmark(service.config.serve.port, 2_000, *ASKED)
                    found |= _at_rest(service, redis)
                    if beside:
                        some = made[sent : sent + BESIDE * SECONDS]
                        with harness.uncollected():
                            paced = _beside(service, some)
                        found |= {f"beside_{readers}_{name}": value for name, value in paced.items()}
                        sent += len(some)
                    known = harness.info(client)
    best = READERS[-1]
    return {
        "requests_per_s": found[f"readers_{best}_per_s"], "unit": "requests/s", **found,
        "connections": CLIENTS, "k": 20, "users": harness.number(known, "users"), "items": harness.number(known, "items"),
        "measured": f"redis-benchmark RECOMMEND user 20, users drawn at random, seen items excluded; beside: {RATE} requests/s at fixed times over {LINES} connections, from the time each was due, beside {BESIDE} events/s",
        "peer": "Redis GET" if redis else "none: redis-server is not installed", "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def _feed(service: Supervisor, client: Client, made: list[tuple[bytes, bytes]], sent: int) -> int:
    """Send events, wait until they are applied and learning has calmed down; return how many were sent in all."""
    sink = harness.paced(service, client)
    for key, payload in made:
        sink.send(key, payload)
    sink.flush(60)
    sink.close()
    harness.wait_for(client, sent + len(made))
    time.sleep(2.0)
    return sent + len(made)


def _at_rest(service: Supervisor, redis: tuple[int, int] | None) -> harness.Figures:
    """Measure RECOMMEND, PING and GET of Redis, one after the other and each twice: the better run counts.

    `cpu_us` is what a request costs the readers, and a GET Redis, whatever else this machine does.
    """
    at, readers = service.config.serve.port, service.config.serve.readers
    pids = [
        child.pid for role, child in service.children.items() if reader_number(role) is not None and child.pid
    ]

    def best(port: int, count: int, pids: list[int], *command: str) -> dict[str, float]:
        runs = []
        for _ in range(2):
            before = sum(map(cpu_s, pids))
            run = _redis_benchmark(port, count, *command)
            runs.append(run | {"cpu_us": round(1e6 * (sum(map(cpu_s, pids)) - before) / count, 1)})
        return max(runs, key=lambda run: run["rps"]) | {"cpu_us": min(run["cpu_us"] for run in runs)}

    found = {"": best(at, REQUESTS, pids, *ASKED), "_ping": best(at, REQUESTS, pids, "PING")}
    if redis:
        found["_peer"] = best(redis[0], 2 * REQUESTS, [redis[1]], "GET", "__rand_int__")
    names = {"rps": "per_s", "p50_latency_ms": "p50_ms", "p99_latency_ms": "p99_ms", "cpu_us": "cpu_us"}
    figures = {
        f"readers_{readers}{of}_{names[name]}": run[name] for of, run in found.items() for name in names
    }
    if redis:
        figures[f"readers_{readers}_share"] = round(found[""]["rps"] / found["_peer"]["rps"], 4)
    return figures


def _beside(service: Supervisor, made: list[tuple[bytes, bytes]]) -> harness.Figures:
    """Measure paced requests while events come, also paced."""
    kafka, took = service.config.kafka, [[0.0] * (RATE * SECONDS // LINES) for _ in range(LINES)]
    sink = open_sink(kafka.address, kafka.topic, partition=0)
    begin = time.perf_counter() + 0.1

    def wait(due: float) -> None:
        if (ahead := due - time.perf_counter()) > 0:
            time.sleep(ahead)

    def produce() -> None:
        for k, (key, payload) in enumerate(made):
            if k % EACH == 0:
                wait(begin + k / BESIDE)
            sink.send(key, payload)

    def ask(line: int) -> None:
        draw = random.Random(line)
        with Client(service.config.serve) as client:
            for k in range(len(took[line])):
                due = begin + (k * LINES + line) / RATE
                wait(due)
                client.ask("RECOMMEND", f"{draw.randrange(20_000):012d}", 20)
                took[line][k] = 1000 * (time.perf_counter() - due)

    threads = [
        threading.Thread(target=produce),
        *(threading.Thread(target=ask, args=(k,)) for k in range(LINES)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sink.flush(60)
    sink.close()
    every = sorted(one for line in took for one in line)
    return {
        "p50_ms": round(every[len(every) // 2], 2),
        "p99_ms": round(every[int(len(every) * 0.99)], 2),
        "max_ms": round(every[-1], 1),
    }


@contextmanager
def _redis(place: Path) -> Iterator[tuple[int, int] | None]:
    """Run a Redis; its port and its process, None where it is not installed."""
    if shutil.which("redis-server") is None:
        yield None
        return
    at = port.claim("127.0.0.1", 0, "redis", "")
    command = ["redis-server", "--port", str(at), "--bind", "127.0.0.1", "--save", "", "--dir", str(place)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", at), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield at, process.pid
    finally:
        process.terminate()
        process.wait()


def start(config: Config) -> harness.Figures:
    """Measure the time from the command to the first answer, with kernels compiled anew and then kept."""
    seconds = []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(2):
            with folder_for("bench") as place:
                at, page = (
                    port.claim("127.0.0.1", 0, "serve.port", ""),
                    port.claim("127.0.0.1", 0, "serve.http_port", ""),
                )
                ports = f"--port {at} --http-port {page}"
                command = [
                    sys.executable,
                    "-m",
                    "deploy.main",
                    "serve",
                    "--state",
                    str(place / "state"),
                    *ports.split(),
                ]
                begin = time.perf_counter()
                process = subprocess.Popen(
                    command,
                    env={**os.environ, "NUMBA_CACHE_DIR": cache},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                try:
                    _first_answer(config, at, process)
                    seconds.append(round(time.perf_counter() - begin, 2))
                finally:
                    process.terminate()
                    process.wait()
    return {
        "first_start_s": seconds[0], "later_start_s": seconds[1], "unit": "s",
        "measured": "from the command `riverwalk serve` on an empty state to the first reply to TRENDING; kernels compiled in the first, kept for the second",
    }  # fmt: skip


def _first_answer(config: Config, at: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            with Client(replace(config.serve, port=at)) as client:
                client.ask("TRENDING", 1)
                return
        except Exception:
            time.sleep(0.05)
    raise BadConfig("the instance ended before it answered; run riverwalk serve to see why")
