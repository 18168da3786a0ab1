"""Benchmarks of request latency, of freshness (event to answer), and of the start."""

from __future__ import annotations

import csv
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from msgspec.structs import replace

from deploy.bench import harness
from deploy.client.client import Client
from deploy.config.schema import BadConfig, Config
from deploy.machine.folder import folder_for
from deploy.service import port
from stream.broker import open_sink

REQUESTS, CLIENTS = 50_000, 16
RATE, SECONDS = 1_000, 20


def _redis_benchmark(at: int, count: int, *command: str) -> dict[str, float]:
    """Run redis-benchmark; return requests per second and latencies in ms."""
    line = [
        "redis-benchmark",
        "-p",
        str(at),
        "-c",
        str(CLIENTS),
        "-n",
        str(count),
        "-r",
        "20000",
        "--csv",
        *command,
    ]
    done = subprocess.run(line, capture_output=True, text=True, timeout=600, check=True)
    rows = list(csv.DictReader(io.StringIO(done.stdout[done.stdout.index('"test"') :])))
    return {name: float(rows[0][name]) for name in ("rps", "p50_latency_ms", "p99_latency_ms")}


def serve(config: Config) -> harness.Figures:
    """Measure RECOMMEND k=20 after 100 000 events, no ingest going on; GET of a real Redis in the same run."""
    for program in ("redis-benchmark", "redis-server"):
        if shutil.which(program) is None:
            raise BadConfig(f"{program} is missing; install redis-server and redis-tools")
    with folder_for("bench") as place:
        ready = replace(harness.prepared(config, place), kafka=replace(config.kafka, address=""))
        stream = harness.events(100_000, users=20_000, items=5_000)
        with open(place / "log", "wb") as log, harness.instance(ready, log) as service:
            with Client(service.config.serve) as client:
                sink = open_sink(
                    service.config.kafka.address,
                    ready.kafka.topic,
                    ahead=20_000,
                    applied=lambda _: harness.number(harness.info(client), "offset_0"),
                    partition=0,
                )
                for key, payload in harness.payloads(stream):
                    sink.send(key, payload)
                sink.flush(60)
                harness.wait_for(client, 100_000)
                time.sleep(2.0)
                known = harness.info(client)
                at = service.config.serve.port
                _redis_benchmark(at, 2_000, "RECOMMEND", "__rand_int__", "20")
                ours = _redis_benchmark(at, REQUESTS, "RECOMMEND", "__rand_int__", "20")
                ping = _redis_benchmark(at, REQUESTS, "PING")
        peer = _redis(place)
    return {
        "requests_per_s": round(ours["rps"]), "unit": "requests/s", "p50_ms": ours["p50_latency_ms"], "p99_ms": ours["p99_latency_ms"],
        "connections": CLIENTS, "k": 20, "users": harness.number(known, "users"), "items": harness.number(known, "items"),
        "measured": "redis-benchmark RECOMMEND user 20, users drawn at random, seen items excluded, one reader process",
        "ping_per_s": round(ping["rps"]), "peer": "Redis GET", "peer_requests_per_s": round(peer["rps"]), "ratio": round(ours["rps"] / peer["rps"], 3),
    }  # fmt: skip


def _redis(place: Path) -> dict[str, float]:
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
        return _redis_benchmark(at, 2 * REQUESTS, "GET", "__rand_int__")
    finally:
        process.terminate()
        process.wait()


def freshness(config: Config) -> harness.Figures:
    """Measure EVENT → topic → learned → RECOMMEND … AFTER that event, beside 1 000 other events a second."""
    with folder_for("bench") as place:
        ready = replace(
            harness.prepared(config, place), kafka=replace(config.kafka, address=config.kafka.address)
        )
        warm = 20_000
        total = warm + RATE * SECONDS
        stream = harness.events(total, users=20_000, items=5_000)
        made = list(harness.payloads(stream))
        with (
            open(place / "log", "wb") as log,
            harness.instance(ready, log) as service,
            Client(service.config.serve) as client,
        ):
            sink = open_sink(service.config.kafka.address, ready.kafka.topic, partition=0)
            for key, payload in made[:warm]:
                sink.send(key, payload)
            sink.flush(60)
            harness.wait_for(client, warm)
            time.sleep(1.0)
            done = threading.Event()

            def produce() -> None:
                begin = time.perf_counter()
                for k, (key, payload) in enumerate(made[warm:]):
                    ahead = begin + k / RATE - time.perf_counter()
                    if ahead > 0:
                        time.sleep(ahead)
                    sink.send(key, payload)
                done.set()

            thread = threading.Thread(target=produce, daemon=True)
            thread.start()
            samples: list[float] = []
            t = int(stream.t[-1])
            while not done.is_set():
                begin = time.perf_counter()
                place_ = str(
                    client.ask(
                        "EVENT", f"fresh-{len(samples) % 50}", f"i{len(samples) % 5000}", "click", 1, t
                    )
                )
                client.ask("RECOMMEND", f"fresh-{len(samples) % 50}", 10, "AFTER", place_, "TIMEOUT", 10_000)
                samples.append(1000 * (time.perf_counter() - begin))
            thread.join()
            known = harness.info(client)
    samples.sort()
    return {
        "freshness_p50_ms": round(samples[len(samples) // 2], 1), "freshness_p99_ms": round(samples[int(len(samples) * 0.99)], 1),
        "freshness_max_ms": round(samples[-1], 1), "unit": "ms", "samples": len(samples), "events_per_s": RATE,
        "learned_events": harness.number(known, "learned_events"),
        "measured": "from sending EVENT to the reply of RECOMMEND … AFTER it; learning on, fsync a batch",
    }  # fmt: skip


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
                command = [
                    sys.executable,
                    "-m",
                    "deploy.main",
                    "serve",
                    "--state",
                    str(place / "state"),
                    "--port",
                    str(at),
                    "--http-port",
                    str(page),
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
