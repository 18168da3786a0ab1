"""Riverwalk itself over a log: all of it, without some of its parts, or the fixed blend."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from deploy.evaluate.detail.list import Lists, asker
from deploy.evaluate.model.cost import Cost, requests
from deploy.evaluate.setting import FROZEN, SERVED, WITHOUT, Job
from deploy.evaluate.split import Split
from state.graph.trust import table
from stream.file.column import selection
from stream.file.event import columns
from stream.file.feature import read
from tgn.inference.layout import TgnSettings

COLUMNS = 16  # numbers that a row of explicit features becomes
EVENT_BYTES = 600  # of the seen list and the history that an event may take

Ranks = dict[str, np.ndarray]
Progress = Callable[[int], object]


def explicit(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Return the explicit features of the log's items and users, float32 [n, COLUMNS] each."""
    found = columns(Path(job.path), chosen=selection(job.asked.columns))
    out = []
    for path, names in ((job.asked.item_columns, found.item), (job.asked.user_columns, found.user)):
        rows = read(Path(path), COLUMNS) if path else {}
        none = np.zeros(COLUMNS, np.float32)
        out.append(np.array([rows.get(name, none) for name in dict.fromkeys(names)], np.float32))
    return out[0], out[1]


def run(
    log: Split, job: Job, progress: Progress, lists: Lists | None = None, trust: np.ndarray | None = None
) -> tuple[Ranks, dict[str, Cost]]:
    """Return the ranks of one of Riverwalk's own models, and what it costs.

    Args:
        trust: Who trusts (row 0) whom (row 1), int32 [2, e]; what the latter took joins the candidates of the former.
        lists: Gets what would have been answered, where the whole of Riverwalk runs.
    """
    import torch

    from deploy.evaluate.backtest import Backtest, BacktestSettings

    torch.set_num_threads(1)
    name, seed, asked = job.model, job.seed, job.asked
    until = -1 if name == "blend" else 2 if asked.learning == "online" and name != FROZEN else 0
    without = ("memory", "slow") if name == "blend" else WITHOUT[name]
    width = COLUMNS if asked.explicit and name != "blend" else 0
    tgn = TgnSettings(loss=asked.loss, negatives=asked.negatives, columns=width)  # type: ignore[arg-type]
    if name == "blend":
        tgn = TgnSettings()
    settings = BacktestSettings(
        tgn=tgn, without=without, learn_until=until, ranked=asked.ranked_share, seed=seed
    )
    backtest = Backtest(log, settings, explicit(job) if width else None)
    if trust is not None:
        world = backtest.generation.world
        at, whom = table(trust, log.n_users)
        world.state = world.state._replace(trust_at=at, trusted=whom)
    begin, trained = time.process_time(), float("nan")
    ask = asker(backtest, log, lists) if lists is not None else None

    def before(first: int, last: int) -> None:
        nonlocal trained
        if trained != trained and log.part[first] > 0:
            trained = time.process_time() - begin
        if ask is not None:
            ask(first, last)

    judged = backtest.run(progress, before)
    found = {name: judged.blend if name == "blend" else judged.riverwalk}
    if name == "riverwalk":
        found[SERVED] = judged.served
    cost = Cost(
        train_s=trained if trained == trained else 0.0,
        bytes=_bytes(backtest, log),
        cold_users="events",
        cold_items="events",
    )
    if job.costs:
        cost.query_ms = _query_ms(backtest, log)
    return found, {one: msgspec.structs.replace(cost) for one in found}


def _query_ms(backtest: object, log: Split) -> float:
    """Return the milliseconds of a request to the engine as of the end of the log: the first 20 items, rules and all."""
    rows = requests(log)
    lists: Lists = {int(row): [] for row in rows}
    ask = asker(backtest, log, lists)  # type: ignore[arg-type]
    if not rows.shape[0]:
        return 0.0
    ask(int(rows[0]), int(rows[0]) + 1)  # kernels are loaded by the first
    begin = time.perf_counter()
    for row in rows.tolist():
        ask(row, row + 1)
    return 1000 * (time.perf_counter() - begin) / rows.shape[0]


def _bytes(backtest: object, log: Split) -> int:
    """Return the bytes of the rows in use: what is counted and learned of each user and item, and histories."""
    from stream.generation import room

    generation = backtest.generation  # type: ignore[attr-defined]
    user, item = (
        sum(table.row_bytes for table in room.tables(generation, kind)) + room.learned_bytes(generation, kind)
        for kind in ("user", "item")
    )
    world, known = generation.world, generation.world.state.world[0]
    return int(
        log.n_users * user
        + log.n_items * item
        + int(known["blocks"]) * world.seen.row_bytes
        + int(known["overflows"]) * world.history.row_bytes
    )


def memory(n_users: int, n_items: int, n_events: int) -> int:
    """Return an upper estimate of the bytes that a run of the engine takes beside the program itself."""
    return 8_000 * n_users + 16_000 * n_items + EVENT_BYTES * n_events + 200_000_000
