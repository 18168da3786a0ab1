"""Benchmark of ingest: events a second of a backlog, learned and saved."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
from msgspec.structs import replace

from deploy import kafka
from deploy.bench import harness
from deploy.bench.harness import steps
from deploy.client.client import Client
from deploy.config.schema import BadConfig, Config
from deploy.machine.folder import folder_for
from stream.broker import open_sink
from stream.file.event import Columns
from stream.kafka.broker import ensure_topic
from stream.kafka.sink import Sink

PEER_RUNS = 3  # of the peer, of which the median counts: one swings by a third


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _followed(client: Client, total: int) -> dict[str, float]:
    """Follow an instance through a backlog; return when which count was saved.

    Raises:
        BadConfig: It takes too long, or so few events were all saved by the first save.
    """
    first_time, first, last = 0.0, 0, 0
    applied: list[tuple[float, int]] = []  # when how many were applied, until all are
    begin = time.perf_counter()
    while last < total:
        known = harness.info(client)
        last = sum(int(value) for name, value in known.items() if name.startswith("saved_"))
        now = time.perf_counter()
        count = harness.number(known, "applied_events")
        if count and (not applied or count > applied[-1][1]):
            applied = [*applied[:1], (now, count)]
        if first == 0 and last > 0:
            first_time, first = now, last
            if first >= total:
                raise BadConfig(
                    f"all {total} events were in the first save; measure at least {harness.EVENTS}"
                )
        if now - begin > 900:
            raise BadConfig(f"{last} of {total} events saved in 15 minutes")
        time.sleep(0.02)
    seconds = time.perf_counter() - first_time
    (start, before), (end, after) = applied[0], applied[-1]
    return {
        "applied_events_per_s": round((after - before) / (end - start)) if end > start else 0,
        "events": total - first,
        "seconds": round(seconds, 2),
        "events_per_s": round((total - first) / seconds),
    }


def _later(client: Client, count: int) -> harness.Figures:
    """Wait until the network has learned from what it had passed over; return the share by then, and the seconds."""
    learned, seconds = harness.learned(client)
    return {"vectors_share_later": round(learned / count, 4), "later_s": round(seconds, 1)}


def ingest(config: Config, count: int = harness.EVENTS) -> harness.Figures:
    """Measure a backlog of so many events in a real Kafka; start one here when no address is given."""
    with folder_for("bench") as place:
        address = config.kafka.address
        own = not address
        if own:
            missing = kafka.missing()
            if missing:
                raise BadConfig(
                    f"{' and '.join(missing)} missing for a real Kafka; install them, give --kafka host:port, or run bench ingest-embedded"
                )
            _say("starting a real Kafka …")
            address = kafka.start(place / "kafka", 0)
        try:
            topic = f"bench-{time.time_ns()}"
            ensure_topic(address, topic, 1, config.kafka.options)
            ensure_topic(address, topic + ".dead", 1, config.kafka.options)
            _say(f"producing {count:,} events …")
            sink = Sink(address, topic, extra=config.kafka.options)
            stream = harness.events(count)
            for key, payload in harness.payloads(stream):
                sink.send(key, payload)
            sink.flush(120)
            sink.close()
            ready = harness.prepared(config, place)
            ready = replace(
                ready,
                kafka=replace(
                    config.kafka,
                    address=address,
                    topic=topic,
                    dead_letter=topic + ".dead",
                    items=topic + ".items",
                ),
            )
            with open(place / "log", "wb") as log, harness.instance(ready, log) as service:
                _say("the instance reads, learns and saves …")
                with Client(service.config.serve) as client:
                    figures: harness.Figures = _followed(client, count)
                    known = harness.info(client)
                    figures["seconds_by_step"] = steps(service.config)
                    _say("the network learns from what it had passed over …")
                    figures |= _later(client, count)
        finally:
            if own:
                kafka.stop(place / "kafka")
        return {
            **figures,
            "unit": "events/s",
            **_about(known, ready, count),
            "broker": "Apache Kafka, real",
            **_peer(stream, figures["events_per_s"]),
            **costs(figures["seconds_by_step"], count, figures["applied_events_per_s"]),
        }


def embedded(config: Config, count: int = harness.EVENTS) -> harness.Figures:
    """Measure so many events through the log of the state folder."""
    with folder_for("bench") as place:
        ready = harness.prepared(config, place)
        ready = replace(ready, kafka=replace(config.kafka, address=""))
        stream = harness.events(count)
        made = list(harness.payloads(stream))
        with open(place / "log", "wb") as log, harness.instance(ready, log) as service:
            with Client(service.config.serve) as client:
                applied = {"count": 0}
                sink = open_sink(service.config.kafka.address, ready.kafka.topic)

                def produce() -> None:
                    for key, payload in made:
                        sink.send(key, payload)
                    sink.flush(60)

                thread = threading.Thread(target=produce, daemon=True)
                _say("producing, reading, learning and saving …")
                begin = time.perf_counter()
                thread.start()
                while applied["count"] < count:
                    applied["count"] = harness.number(harness.info(client), "saved_0")
                    time.sleep(0.01)
                seconds = time.perf_counter() - begin
                thread.join()
                known = harness.info(client)
                spent = steps(service.config)
                later = _later(client, count)
        rate = round(count / seconds)
        return {
            "events": count, "seconds": round(seconds, 2), "events_per_s": rate, "unit": "events/s",
            **_about(known, ready, count), **later, "seconds_by_step": spent, **costs(spent, count, rate), "broker": "the log of the state folder, appended in the measuring process, fsync a group", "measured": "from the first record produced to the last one saved: produced, read, decoded, applied, sampled and learned, saved with fsync a batch", **_peer(stream, rate),
        }  # fmt: skip


STEPS = {
    "ids": "ids",
    "state": "state_and_describe",
    "sweep": "evict",
    "tgn": "hand_over",
    "store": "snapshot",
}
BESIDE = {"save": "write"}  # what another thread does meanwhile


def costs(spent: dict[str, float], count: int, rate: float) -> harness.Figures:
    """Return the microseconds an event costs by step.

    Args:
        spent: Step of `riverwalk_batch_seconds` -> seconds.
        count: Events applied in these.
        rate: Events applied a second, 0 where that was too short to see; what the steps leave of it is polling, decoding and the rest.
    """
    known = {name: 1e6 * spent.get(step, 0.0) / count for step, name in STEPS.items()}
    whole = 1e6 / rate if rate else sum(known.values())
    left = whole - sum(known.values())  # below zero where the backlog was too short to be timed
    beside = {name: round(1e6 * spent.get(step, 0.0) / count, 2) for step, name in BESIDE.items()}
    return {
        "us_per_event": round(whole, 2),
        "us_per_event_by_step": {
            "poll_decode_and_rest": round(left, 2),
            **{name: round(us, 2) for name, us in known.items()},
        },
        "us_per_event_beside": beside,
    }


def _about(known: dict[str, str], config: Config, count: int) -> harness.Figures:
    learned, ranked = (harness.number(known, name) for name in ("learned_events", "ranked_events"))
    return {
        "measured": "from the first save seen to the last: read, decoded, applied, sampled and learned, saved with fsync a batch; shares as of the last save seen, and `later_s` seconds on; us_per_event from the first event seen applied to the last",
        "sync": config.state.sync,
        "users": harness.number(known, "users"),
        "items": harness.number(known, "items"),
        "learned_events": learned,
        "ranked_events": ranked,
        "vectors_share": round(learned / count, 4),
        "ranker_share": round(ranked / count, 4),
        "live_mrr": {
            name: float(known[f"live_mrr_{name}"])
            for name in ("riverwalk", "blend", "own_recency", "popularity")
        },
    }


def _peer(stream: Columns, rate: float) -> harness.Figures:
    """Measure PyTorch Geometric's TGNMemory, its update alone, on the same events; the better of two batch sizes."""
    _say("the same events through PyTorch Geometric's TGNMemory …")
    import torch
    from torch_geometric.nn import TGNMemory
    from torch_geometric.nn.models.tgn import IdentityMessage, LastAggregator

    torch.set_num_threads(2)
    n = min(100_000, len(stream.user))
    users = np.unique(np.array(stream.user[:n]), return_inverse=True)[1]
    items = np.unique(np.array(stream.item[:n]), return_inverse=True)[1] + users.max() + 1
    source, target = torch.from_numpy(users), torch.from_numpy(items)
    t = torch.from_numpy(stream.t[:n] - stream.t[0])
    best: dict[int, float] = {}

    def measure(size: int) -> float:
        message = torch.ones(n, 1)
        memory = TGNMemory(int(items.max()) + 1, 1, 100, 100, IdentityMessage(1, 100, 100), LastAggregator())
        memory.train()
        memory.reset_state()
        count = min(n, 20_000) if size == 200 else n
        begin = time.perf_counter()
        with torch.no_grad():
            for at in range(0, count, size):
                rows = slice(at, at + size)
                memory(torch.unique(torch.cat([source[rows], target[rows]])))  # type: ignore[no-untyped-call]
                memory.update_state(source[rows], target[rows], t[rows], message[rows])
        return count / (time.perf_counter() - begin)

    for size in (200, 1000):
        best[size] = measure(size)
    size = max(best, key=lambda key: best[key])
    best[size] = float(np.median([best[size], *(measure(size) for _ in range(PEER_RUNS - 1))]))
    return {
        "peer": "torch_geometric.nn.TGNMemory, memory update alone, no learning, nothing saved",
        "peer_batch": size,
        "peer_events_per_s": round(best[size]),
        "peer_us_per_event": round(1e6 / best[size], 2),
        "ratio": round(rate / best[size], 3),
    }
