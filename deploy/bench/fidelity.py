"""Benchmark of fidelity: whether what is served is what is measured.

The same log goes through topic and socket: before the events of a stamp come, their users are asked for, as
`evaluate --protocol stream` judges them.  What the service answers is compared with what the evaluation gives.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from deploy.bench import harness
from deploy.client.client import Client
from deploy.config.schema import BadConfig, Config
from deploy.evaluate import runner
from deploy.evaluate.protocol import split
from deploy.evaluate.setting import SERVED, EvaluationSettings, Job
from deploy.evaluate.split import Split, taken
from deploy.machine.folder import folder_for
from deploy.terminal.progress import Bars
from stream.broker import open_sink
from stream.event.event import KINDS, Event, encode

RATE = 2_000  # events a second
K = 10
DATA = "ml-100k"  # what is measured when no log is named
TEST = 2


def run(config: Config, data: str = "", rate: int = RATE, events: int = 0) -> harness.Figures:
    """Measure recall of the service on a log's test part beside that of `evaluate` on it.

    Args:
        data: A log; left out, MovieLens 100K of the folder RIVERWALK_DATA.
        rate: Events a second.
        events: So many events of the log at most, 0 for all.

    Raises:
        BadConfig: There is no such log.
    """
    path = Path(data or Path(os.environ.get("RIVERWALK_DATA", "")) / DATA)
    if not path.exists():
        raise BadConfig(
            f"bench fidelity: {path} is not there; name a log with --data, or its folder with RIVERWALK_DATA"
        )
    log = split(path, "stream", None)
    if events:
        log = _head(log, events)
    with Bars() as bars:
        served, seconds, learned = _served(config, log, rate, bars)
        step, done = bars.watch("evaluate on the same log"), 0

        def progress(count: int) -> None:
            nonlocal done
            done += count
            step(done, log.users.shape[0])

        asked = EvaluationSettings(data=str(path), protocol="stream", visible="strict", learning="online")
        ranks = runner.engine(log, Job(asked, str(path), model="riverwalk"), progress)[SERVED]
    test = log.judged & (log.part == TEST)
    measured = np.where(ranks[test] <= K, ranks[test], np.inf)
    figures: dict[str, Any] = {
        "recall10_served": round(float(np.isfinite(served[test]).mean()), 5),
        "recall10_evaluate": round(float(np.isfinite(measured).mean()), 5),
        "mrr10_served": round(float((1 / served[test]).mean()), 5),
        "mrr10_evaluate": round(float((1 / measured).mean()), 5),
    }
    figures["served_to_evaluate"] = round(
        figures["recall10_served"] / max(1e-9, figures["recall10_evaluate"]), 4
    )
    return {
        **figures, **learned, "log": path.name, "events": int(log.users.shape[0]), "asked": int(test.sum()), "rate": rate,
        "events_per_s": round(log.users.shape[0] / seconds),
        "measured": f"RECOMMEND k={K} over the socket before the events of each stamp of the test part, events through the log of the "
        "state folder at the rate; evaluate --protocol stream, learning online, one seed, what the guard would serve",
    }  # fmt: skip


def _head(log: Split, events: int) -> Split:
    """Return the first events of a log, with parts of the same shares."""
    n = min(events, log.users.shape[0])
    part = np.digitize(np.arange(n), [int(0.7 * n), int(0.85 * n)]).astype(np.int8)
    columns: dict[str, Any] = {
        name: column[:n] for name, column in zip(log._fields[:8], log[:8], strict=True)
    }
    columns["judged"] = taken(columns["kind"]) & (part > 0)
    borders = np.flatnonzero(np.diff(part)) + 1
    groups = np.union1d(log.groups[log.groups < n], borders)
    return log._replace(**columns | {"part": part}, groups=groups)


def _served(config: Config, log: Split, rate: int, bars: Bars) -> tuple[np.ndarray, float, dict[str, Any]]:
    """Feed an instance and ask it; return the place of each event's item, float64 [n], inf where it is not answered."""
    n = log.users.shape[0]
    served, step = np.full(n, np.inf), bars.watch(f"through the service at {rate:,} events/s")
    with folder_for("bench") as place, open(place / "out", "wb") as out:
        ready = harness.prepared(config, place)
        ready = replace(
            ready, kafka=replace(ready.kafka, address=""), answer=replace(ready.answer, explore=0.0)
        )
        with harness.instance(ready, out) as service, Client(service.config.serve) as client:
            sink = open_sink(service.config.kafka.address, service.config.kafka.topic, partition=0)
            ends = [*log.groups[1:].tolist(), n]
            began = time.perf_counter()
            for begin, end in zip(log.groups.tolist(), ends, strict=True):
                if log.part[begin] == TEST:
                    for i in range(begin, end):
                        answer = client.ask("RECOMMEND", f"u{log.users[i]}", K, "INCLUDESEEN")
                        items = answer if isinstance(answer, list) else []
                        if f"i{log.items[i]}" in items:
                            served[i] = items.index(f"i{log.items[i]}") + 1
                for i in range(begin, end):
                    kind, value = KINDS[int(log.kind[i])], float(log.value[i])
                    event = Event(
                        f"u{log.users[i]}", f"i{log.items[i]}", int(log.t[i]), type=kind, value=value
                    )
                    sink.send(event.user.encode(), encode(event))
                ahead = end / rate - (time.perf_counter() - began)
                if ahead > 0.002:
                    sink.flush()
                    time.sleep(ahead)
                step(end, n)
            sink.flush()
            seconds = time.perf_counter() - began
            harness.wait_for(client, n)
            time.sleep(3.0)
            known = harness.info(client)
            sink.close()
    shares = {
        "vectors_share": round(harness.number(known, "learned_events") / n, 4),
        "ranker_share": round(harness.number(known, "ranked_events") / n, 4),
    }
    return served, seconds, shares
