"""One model over one log, in a process of its own so that its memory is its own: `python -m deploy.evaluate.runner`.

Reads a job from stdin, leaves the ranks in the job's file and prints one JSON line.  `evaluate` starts it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import structlog

from deploy.evaluate import recall
from deploy.evaluate.list import (
    Lists,
    asker,
    best,
    drawn,
    table,
)
from deploy.evaluate.protocol import split
from deploy.evaluate.setting import LISTED, PYG, SERVED, WITHOUT, Job
from deploy.evaluate.split import Split, taken
from deploy.machine import compiler, memory
from stream.file.column import selection
from stream.file.event import columns
from stream.file.feature import read
from tgn.baseline.contract import Baseline
from tgn.baseline.counted.cooccurrence import Cooccurrence
from tgn.baseline.counted.decayed_popularity import Decayed
from tgn.baseline.counted.ease import Ease
from tgn.baseline.counted.edgebank import EdgeBank
from tgn.baseline.counted.own_recency import LocalGlobal, OwnRecency
from tgn.baseline.counted.popularity import Popularity
from tgn.baseline.counted.transition import Transition
from tgn.baseline.pyg_tgn import PygSettings, PygTgn
from tgn.inference.layout import TgnSettings
from tgn.metric import ranking

COLUMNS = 16  # numbers that a row of explicit features becomes

Progress = Callable[[int], object]
EPOCHS = 20  # passes over the training part that PyG's recipe needs to converge


class Done(msgspec.Struct):
    """What one process reports when it has ended."""

    seconds: float
    peak_rss_mib: float


def _pace_ms(log: Split) -> float:
    """Return the mean time between two events of one item in the training part."""
    train = log.part == 0
    return max(
        1.0, float(np.ptp(log.t[train])) * np.unique(log.items[train]).shape[0] / max(1, int(train.sum()))
    )


def _window_ms(log: Split) -> float:
    """Return the length of the last 15 % of the training part: EdgeBank's window."""
    t = log.t[log.part == 0]
    return float(t.max() - np.quantile(t, 0.85))


MAKERS: dict[str, Callable[[Split], Baseline]] = {
    "popularity": lambda log: Popularity(log.n_items),
    "decayed-popularity": lambda log: Decayed(log.n_items, 5 * _pace_ms(log)),
    "own-recency": lambda log: OwnRecency(log.n_items),
    "local-global": lambda log: LocalGlobal(log.n_items),
    "edgebank": lambda log: EdgeBank(log.n_items),
    "edgebank-tw": lambda log: EdgeBank(log.n_items, _window_ms(log)),
    "co-occurrence": lambda log: Cooccurrence(log.n_items),
    "transitions": lambda log: Transition(log.n_items),
    "ease": lambda log: Ease(log.n_items),
}
CANDIDATES = "candidates"  # no model: the place of the true item among the candidates, in the order found


def baseline(
    log: Split, model: Baseline, progress: Progress = lambda n: None, lists: Lists | None = None
) -> np.ndarray:
    """Return the rank of each judged event, float64 [n]; NaN for the others.

    Args:
        lists: Gets the first items of the events that are its keys.
    """
    lists = lists if lists is not None else {}
    ranks = np.full(log.users.shape[0], np.nan)
    out = np.zeros(log.n_items, bool)  # what does not compete
    known = np.zeros(log.n_items, bool)  # what has had an event
    spans = [(log.items[span.row], span.low.tolist(), span.high.tolist()) for span in log.barred()]
    users, items, t = log.users.tolist(), log.items.tolist(), log.t.tolist()
    judged, had = log.judged.tolist(), taken(log.kind).tolist()
    for begin, end in pairwise([*log.groups.tolist(), log.users.shape[0]]):
        for i in range(begin, end):
            if judged[i]:
                for item, low, high in spans:
                    out[item[low[i] : high[i]]] = True
                score = model.score(users[i], t[i])
                ranks[i] = ranking.rank(score, items[i], out)
                if i in lists:
                    lists[i] = best(np.where(known, score, -np.inf), out)
                for item, low, high in spans:
                    out[item[low[i] : high[i]]] = False
        for i in range(begin, end):
            if had[i]:
                model.learn(users[i], items[i], t[i])
                known[items[i]] = True
        progress(end - begin)
    return ranks


def pyg(log: Split, seed: int, learning: str) -> PygTgn:
    """Return PyG's recipe, trained on the training part."""
    import torch

    torch.set_num_threads(1)
    model = PygTgn(log.n_users, log.n_items, PygSettings(seed=seed))
    train = (log.part == 0) & taken(log.kind)
    model.fit(log.users[train], log.items[train], log.t[train], EPOCHS)
    if learning == "frozen":
        model.freeze()
    return model


def explicit(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Return the explicit features of the log's items and users, float32 [n, COLUMNS] each."""
    found = columns(Path(job.path), chosen=selection(job.asked.columns))
    out = []
    for path, names in ((job.asked.item_columns, found.item), (job.asked.user_columns, found.user)):
        rows = read(Path(path), COLUMNS) if path else {}
        none = np.zeros(COLUMNS, np.float32)
        out.append(np.array([rows.get(name, none) for name in dict.fromkeys(names)], np.float32))
    return out[0], out[1]


def engine(log: Split, job: Job, progress: Progress, lists: Lists | None = None) -> dict[str, np.ndarray]:
    """Return the ranks of Riverwalk itself: all of it, without some of its parts, or the fixed blend.

    Args:
        lists: Gets what would have been answered, where the whole of Riverwalk runs.
    """
    import torch

    from deploy.evaluate.backtest import Backtest, BacktestSettings

    torch.set_num_threads(1)
    name, seed = job.model, job.seed
    if name == "blend":
        settings = BacktestSettings(without=("memory", "slow"), learn_until=-1, seed=seed)
        return {"blend": Backtest(log, settings).run(progress).blend}
    asked = job.asked
    width = COLUMNS if asked.explicit else 0
    tgn = TgnSettings(loss=asked.loss, negatives=asked.negatives, columns=width)  # type: ignore[arg-type]
    until = 2 if asked.learning == "online" else 0
    settings = BacktestSettings(tgn=tgn, without=WITHOUT[name], learn_until=until, seed=seed)
    run = Backtest(log, settings, explicit(job) if asked.explicit else None)
    judged = run.run(progress, asker(run, log, lists) if lists is not None else None)
    return {name: judged.riverwalk} | ({SERVED: judged.served} if name == "riverwalk" else {})


def ranked(log: Split, job: Job, progress: Progress) -> dict[str, np.ndarray]:
    """Return the ranks of the job's model, and of what its run gives beside; of some also lists, int32 [m, K]."""
    if job.model == CANDIDATES:
        return {CANDIDATES: recall.places(log, progress=progress)}
    lists = drawn(log) if job.lists and job.model in LISTED else None
    found = _ranked(log, job, progress, lists)
    return found | ({f"{job.model}.lists": table(lists)} if lists is not None else {})


def _ranked(log: Split, job: Job, progress: Progress, lists: Lists | None) -> dict[str, np.ndarray]:
    if job.model in MAKERS:
        return {job.model: baseline(log, MAKERS[job.model](log), progress, lists)}
    if job.model == PYG:
        return {PYG: baseline(log, pyg(log, job.seed, str(job.asked.learning)), progress)}
    return engine(log, job, progress, lists)


def main() -> int:
    """Read a job from stdin; progress goes to stderr."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    compiler.install()
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    asked = job.asked
    whole = split(
        Path(job.path),
        asked.protocol,
        str(asked.visible),
        last=asked.last,
        seed=job.drawn,
        new_only=asked.new_only,
        chosen=selection(asked.columns),
    )
    log = whole.until(job.until)
    n = log.users.shape[0]
    done, told = 0, 0.0

    def progress(count: int) -> None:
        nonlocal done, told
        done += count
        if time.monotonic() - told > 0.3:
            told = time.monotonic()
            print(f"{done} {n}", file=sys.stderr, flush=True)

    begin = time.perf_counter()
    ranks = ranked(log, job, progress)
    seconds = time.perf_counter() - begin
    for name, one in ranks.items():
        if not name.endswith(".lists"):
            one[~log.judged] = np.nan
    np.savez(job.out, **ranks)  # type: ignore[arg-type]
    print(msgspec.json.encode(Done(seconds, memory.peak_mib())).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
