"""What learning and ranking cost inside one process, on one thread: no broker, no disk, no socket."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from deploy.bench import harness
from deploy.config.schema import Config
from deploy.service.ingest import graph_settings, tgn_settings

LEARNED, ITEMS = 30_000, 2_000
RANKED, CATALOGUE = 100_000, 5_000
REQUESTS, CANDIDATES = 3_000, 64


def _numbered(names: list[str]) -> np.ndarray:
    rows: dict[str, int] = {}
    return np.fromiter((rows.setdefault(name, len(rows)) for name in names), np.int32, len(names))


def learn(config: Config) -> harness.Figures:
    """Measure learning: the temporal network by itself, the whole pass of `train`; PyG's TGN recipe as peer."""
    import torch

    from deploy.evaluate.backtest import Backtest, BacktestSettings
    from deploy.evaluate.split import Split
    from state.ranking.sample import empty, look
    from stream.learning.learning import STEP
    from tgn.baseline.pyg_tgn import PygSettings, PygTgn

    torch.set_num_threads(1)
    found = harness.events(LEARNED, users=5_000, items=ITEMS)
    user, item = _numbered(found.user), _numbered(found.item)
    n, users, items = LEARNED, int(user.max()) + 1, int(item.max()) + 1
    every = np.arange(n, dtype=np.int64)
    log = Split(
        user, item, found.t, found.kind, found.value, np.zeros(n, np.int8), np.zeros(n, bool), user,
        every, False, False, users, items,
    )  # fmt: skip
    settings = BacktestSettings(tgn=tgn_settings(config), replay=1)
    Backtest(log._replace(**_head(log, 2 * STEP)), settings).run()  # compiles
    run = Backtest(log, settings)
    begin = time.perf_counter()
    run.run()
    whole = time.perf_counter() - begin

    learner = run.learning.learner
    assert learner is not None
    sample, k = empty(STEP), settings.tgn.history
    seconds = 0.0
    for at in range(n - 40 * STEP, n, STEP):
        rows = slice(at, at + STEP)
        row = (item[rows] + 1).astype(np.int32)
        look(run.world.state, run.scratch, user[rows], row, found.t[rows], True, False, True, sample)
        m = row.shape[0]
        hist, age = sample.hist[:m, :k], sample.age[:m, :k]
        begin = time.perf_counter()
        learner.score(hist, age, user[rows], sample.cand[:m])
        learner.step(hist, age, user[rows], row)
        learner.remember(user[rows], row, found.t[rows], found.kind[rows], found.value[rows])
        seconds += time.perf_counter() - begin

    peer = PygTgn(users, items, PygSettings(seed=0))
    some = slice(0, 6_000)
    begin = time.perf_counter()
    peer.fit(user[some], item[some], found.t[some], 1)
    pyg = 6_000 / (time.perf_counter() - begin)
    alone = 40 * STEP / seconds
    return {
        "events": n,
        "items": items,
        "threads": 1,
        "network_events_per_s": round(alone),
        "whole_pass_events_per_s": round(n / whole),
        "pyg_training_events_per_s": round(pyg),
        "network_to_pyg": round(alone / pyg, 2),
    }


def _head(log: object, n: int) -> dict[str, Any]:
    names = ("users", "items", "t", "kind", "value", "part", "judged", "owners", "groups")
    return {name: getattr(log, name)[:n] for name in names}


def rank(config: Config) -> harness.Figures:
    """Measure one ranking in process: candidates, features, temporal and slow scores, ranker, names; no socket."""
    import torch

    from stream.answer.request import Recommend
    from stream.event.batch import Batch
    from stream.generation.generation import Generation, Limits
    from stream.ingest.writer import Engine
    from stream.learning.learning import Learning

    torch.set_num_threads(1)
    found = harness.events(RANKED, users=20_000, items=CATALOGUE)
    limits = Limits(max_users=50_000, max_items=20_000)
    with harness.folder() as place:
        graph, tgn = graph_settings(config), tgn_settings(config)
        writer = Generation(graph, tgn, limits, live=place)
        engine, learning = Engine(writer), Learning(writer)
        zero = np.zeros(1_024, np.int64)
        for at in range(0, RANKED, 1_024):
            rows = slice(at, at + 1_024)
            n = len(found.user[rows])
            engine.share = 0.2
            engine.learn(
                Batch(
                    found.user[rows], found.item[rows], found.t[rows], found.kind[rows], found.value[rows],
                    zero[:n].astype(np.int32), np.arange(at, at + n), zero[:n], {0: at + n},
                ),
                learning.take,
            )  # fmt: skip
        writer.publish()
        figures: harness.Figures = {"events": RANKED, "items": len(writer.items) - 1, "requests": REQUESTS}
        reader = Engine(Generation(graph, tgn, limits, live=Path(place), number=writer.number, write=False))
        draw = np.random.default_rng(0)
        asked = [Recommend(user=found.user[int(k)], k=20) for k in draw.integers(0, RANKED, REQUESTS)]
        for name, limit in (("candidates_all", 0), (f"candidates_{CANDIDATES}", CANDIDATES)):
            reader.candidates = limit or reader.candidates
            took = np.zeros(REQUESTS)
            for k, request in enumerate(asked):
                begin = time.perf_counter()
                reader.recommend(request)
                took[k] = time.perf_counter() - begin
            p50, p99 = np.percentile(1_000 * took[100:], [50, 99])
            figures |= {f"{name}_p50_ms": round(float(p50), 3), f"{name}_p99_ms": round(float(p99), 3)}
        return figures
