"""Benchmark of learning in one process, on one thread: no broker, no disk, no socket."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from deploy.bench import harness
from deploy.config.room import tgn_settings
from deploy.config.schema import Config

LEARNED, ITEMS = 30_000, 2_000


def _numbered(names: list[str]) -> np.ndarray:
    rows: dict[str, int] = {}
    return np.fromiter((rows.setdefault(name, len(rows)) for name in names), np.int32, len(names))


def learn(config: Config) -> harness.Figures:
    """Measure learning: the temporal network by itself, the whole pass of `train`; PyG's TGN recipe as peer."""
    import torch

    from deploy.evaluate.backtest import Backtest, BacktestSettings
    from deploy.evaluate.split import Split
    from state.ranking.sample import Sampling, empty, events, look
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
        look(
            run.world.state, run.scratch, events(user[rows], row, found.t[rows]), Sampling(train=True), sample
        )
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
