"""Benchmark of fidelity: whether what is served is what is measured.

The same log goes through topic and socket: before the events of a stamp come, their users are asked for, as
`evaluate --protocol stream` judges them.  What the service answers is compared with what the evaluation gives: once for
requests that wait until the event before them is applied (AFTER), and once for requests that do not, whose answers are as
many events behind as are on their way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace

from deploy.bench import harness
from deploy.client.client import Client
from deploy.config.schema import BadConfig, Config
from deploy.evaluate.model import engine
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
PASSES = {"": True, "_without_after": False}  # how the figures end, and whether requests wait


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
        passes = {name: _served(config, log, rate, waits, bars) for name, waits in PASSES.items()}
        step, done = bars.watch("evaluate on the same log"), 0

        def progress(count: int) -> None:
            nonlocal done
            done += count
            step(done, log.users.shape[0])

        asked = EvaluationSettings(
            data=str(path),
            protocol="stream",
            visible="strict",
            learning="online",
            ranked_share=config.learn.ranked_share,
        )
        ranks = engine.run(log, Job(asked, str(path), model="riverwalk"), progress)[0][SERVED]
    test = log.judged & (log.part == TEST)
    measured = np.where(ranks[test] <= K, ranks[test], np.inf)
    figures: harness.Figures = {
        "recall10_evaluate": round(float(np.isfinite(measured).mean()), 5),
        "mrr10_evaluate": round(float((1 / measured).mean()), 5),
    }
    for name, one in passes.items():
        figures |= {f"{key}{name}": value for key, value in _figures(one, test, figures).items()}
    return {
        **figures, "log": path.name, "events": int(log.users.shape[0]), "asked": int(test.sum()), "rate": rate,
        "measured": f"RECOMMEND k={K} over the socket before the events of each stamp of the test part, events through the log of the "
        "state folder at the rate, or as fast as the answers allow; served: AFTER the event before; without_after: at once; "
        "evaluate --protocol stream, learning online, one seed, what the guard would serve",
    }  # fmt: skip


def _figures(served: Served, test: np.ndarray, figures: harness.Figures) -> harness.Figures:
    """Return what one pass gave, beside what `evaluate` did."""
    found = served.places[test]
    recall = round(float(np.isfinite(found).mean()), 5)
    return {
        "recall10_served": recall,
        "mrr10_served": round(float((1 / found).mean()), 5),
        "served_to_evaluate": round(recall / max(1e-9, figures["recall10_evaluate"]), 4),
        "vectors_share": served.vectors_share,
        "ranker_share": served.ranker_share,
        "events_per_s": round(served.places.shape[0] / served.seconds),
        "test_events_per_s": round(int(test.sum()) / served.test_seconds),
        "answers_late": served.late,
    }


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


class Served(NamedTuple):
    """What a service gave.  places: of each event's item in the answer before it, float64 [n], inf where it is not there."""

    places: np.ndarray
    seconds: float
    test_seconds: float
    late: int  # answers that did not see the event before in time
    vectors_share: float
    ranker_share: float


def _served(config: Config, log: Split, rate: int, waits: bool, bars: Bars) -> Served:
    """Feed an instance and ask it; with `waits`, each request is for the state after all events before it."""
    n = log.users.shape[0]
    step = bars.watch(
        f"through the service at {rate:,} events/s{', AFTER the event before' if waits else ''}"
    )
    with folder_for("bench") as place, open(place / "out", "wb") as out:
        ready = harness.prepared(config, place)
        ready = replace(
            ready, kafka=replace(ready.kafka, address=""), answer=replace(ready.answer, explore=0.0)
        )
        with harness.instance(ready, out) as service, Client(service.config.serve) as client:
            places, seconds, test_seconds, late = _fed(service.config, client, log, rate, waits, step)
            harness.wait_for(client, n)
            time.sleep(3.0)
            known = harness.info(client)
    shares = (round(harness.number(known, name) / n, 4) for name in ("learned_events", "ranked_events"))
    return Served(places, seconds, test_seconds, late, *shares)


def _fed(
    config: Config, client: Client, log: Split, rate: int, waits: bool, step: Callable[[int, int], None]
) -> tuple[np.ndarray, float, float, int]:
    """Ask and send, stamp by stamp; return the places, the seconds, those of the test part, and the late answers."""
    n, late = log.users.shape[0], 0
    places = np.full(n, np.inf)
    sink = open_sink(config.kafka.address, config.kafka.topic, partition=0)
    first, began, test_began = 0.0, time.perf_counter(), 0.0
    for begin, end in zip(log.groups.tolist(), [*log.groups[1:].tolist(), n], strict=True):
        if log.part[begin] == TEST:
            test_began = test_began or time.perf_counter()
            after = ("AFTER", f"0:{begin - 1}") if waits else ()
            for i in range(begin, end):
                answer = client.ask("RECOMMEND", f"u{log.users[i]}", K, "INCLUDESEEN", *after)
                items = answer if isinstance(answer, list) else []
                late += not isinstance(answer, list)
                if f"i{log.items[i]}" in items:
                    places[i] = items.index(f"i{log.items[i]}") + 1
        for i in range(begin, end):
            kind, value = KINDS[int(log.kind[i])], float(log.value[i])
            event = Event(f"u{log.users[i]}", f"i{log.items[i]}", int(log.t[i]), type=kind, value=value)
            sink.send(event.user.encode(), encode(event))
        first = max(first, time.perf_counter() - end / rate)  # slower than the rate: never catch up in a rush
        ahead = first + end / rate - time.perf_counter()
        if ahead > 0.002:
            time.sleep(ahead)
        step(end, n)
    sink.flush()
    now = time.perf_counter()
    sink.close()
    return places, now - began, now - test_began, late
