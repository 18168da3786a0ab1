"""Benchmark of freshness: from an event to the first answer that knows of it, and the longest pause of ingest."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from msgspec.structs import replace

from deploy.bench import harness
from deploy.client.client import Client
from deploy.config.schema import Config
from deploy.machine.folder import folder_for
from deploy.service.supervisor import Supervisor
from stream.broker import open_sink

RATES, SECONDS = (1_000, 5_000), 20
WARM = 20_000  # events before the first sample
LOOK_S = 0.005  # between two looks at how far ingest is: more of them would take the time that is measured
EACH = 5  # events sent at a time
USERS, ITEMS = 20_000, 5_000


class Beside(NamedTuple):
    """What was seen beside a rate of events."""

    samples: list[float]  # ms, in order of size
    pause_s: float
    learned: float  # share of the events that the network has learned from
    later: float  # the same, once it has learned from what it had passed over
    ranked: float  # share of the events that the ranker has learned from


def freshness(config: Config) -> harness.Figures:
    """Measure EVENT → topic → applied → RECOMMEND … AFTER that event, beside 1 000 and 5 000 other events a second.

    A pause of ingest is the time between two looks that see it further, while events come at all times.
    """
    made = list(harness.payloads(harness.events(WARM + SECONDS * sum(RATES), users=USERS, items=ITEMS)))
    found: dict[int, Beside] = {}
    with folder_for("bench") as place:
        ready = harness.prepared(config, place)
        ready = replace(ready, kafka=replace(config.kafka, address=config.kafka.address))
        with open(place / "log", "wb") as log, harness.instance(ready, log) as service:
            sink = open_sink(service.config.kafka.address, ready.kafka.topic, partition=0)
            for key, payload in made[:WARM]:
                sink.send(key, payload)
            sink.flush(60)
            with Client(service.config.serve) as client:
                harness.wait_for(client, WARM)
            time.sleep(1.0)
            sent = WARM
            for rate in RATES:
                some = made[sent : sent + rate * SECONDS]
                with harness.uncollected():
                    found[rate] = _beside(service, some, rate)
                sent += len(some)
    figures: harness.Figures = {}
    for rate, one in found.items():
        name = "" if rate == RATES[0] else f"_{rate}"
        figures |= {
            f"freshness{name}_p50_ms": round(one.samples[len(one.samples) // 2], 1),
            f"freshness{name}_p99_ms": round(one.samples[int(len(one.samples) * 0.99)], 1),
            f"freshness{name}_max_ms": round(one.samples[-1], 1),
            f"longest_pause{name}_ms": round(1000 * one.pause_s, 1),
            f"samples{name}": len(one.samples),
            f"vectors_share{name}": round(one.learned, 4),
            f"vectors_share{name}_later": round(one.later, 4),
            f"ranker_share{name}": round(one.ranked, 4),
        }
    return {
        **figures, "unit": "ms", "events_per_s": list(RATES), "seconds": SECONDS,
        "measured": "from sending EVENT to the reply of RECOMMEND … AFTER it; learning on, fsync with every save; pause: the "
        f"longest time in which INFO, asked each {1000 * LOOK_S:g} ms, shows no further event applied while they come",
    }  # fmt: skip


def _beside(service: Supervisor, made: list[tuple[bytes, bytes]], rate: int) -> Beside:
    """Take samples while these events come at a rate."""
    kafka, done, pauses = service.config.kafka, threading.Event(), [0.0]

    def produce() -> None:
        sink, begin = open_sink(kafka.address, kafka.topic, partition=0), time.perf_counter()
        for k, (key, payload) in enumerate(made):
            ahead = begin + k / rate - time.perf_counter()
            if ahead > 0 and k % EACH == 0:
                time.sleep(ahead)
            sink.send(key, payload)
        done.set()
        sink.flush(60)
        sink.close()

    def look() -> None:
        with Client(service.config.serve) as client:
            last, since = -1, time.perf_counter()
            while not done.is_set():
                applied = harness.number(harness.info(client), "applied_events")
                now = time.perf_counter()
                if applied != last:
                    if last >= 0:
                        pauses.append(now - since)
                    last, since = applied, now
                time.sleep(LOOK_S)

    threads = [threading.Thread(target=one, daemon=True) for one in (produce, look)]
    samples: list[float] = []
    with Client(service.config.serve) as client:
        harness.learned(client)  # so that what was deferred before is not counted here
        before = harness.info(client)
        for thread in threads:
            thread.start()
        while not done.is_set():
            user, item = f"fresh-{len(samples) % 50}", f"i{len(samples) % ITEMS}"
            begin = time.perf_counter()
            place = str(client.ask("EVENT", user, item, "click"))
            client.ask("RECOMMEND", user, 10, "AFTER", place, "TIMEOUT", 10_000)
            samples.append(1000 * (time.perf_counter() - begin))
        for thread in threads:
            thread.join()
        after = harness.info(client)
        later, _ = harness.learned(client)
    already = harness.number(before, "learned_events")
    learned, ranked, applied = (
        harness.number(after, name) - harness.number(before, name)
        for name in ("learned_events", "ranked_events", "applied_events")
    )
    shares = (count / max(1, applied) for count in (learned, later - already, ranked))
    return Beside(sorted(samples), max(pauses), *shares)
