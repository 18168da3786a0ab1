"""One model over one log, in a process of its own so that its memory is its own: `python -m deploy.judge …`.

Prints one JSON line per model with the ranks' worth by part.  `evaluate` starts it.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import structlog

from deploy.protocol import Split, split
from tgn import measure
from tgn.baselines.contract import Baseline
from tgn.baselines.decay import Decayed
from tgn.baselines.edgebank import EdgeBank
from tgn.baselines.own import LocalGlobal, OwnRecency
from tgn.baselines.popularity import Popularity

Progress = Callable[[int], object]


class Job(msgspec.Struct):
    """What one process is asked for."""

    path: str
    protocol: str
    visible: str
    model: str
    last: float = 0.1
    seed: int = 0


def _pace_ms(log: Split) -> float:
    """Return the mean time between two events of one item in the training part."""
    train = log.part == 0
    return max(
        1.0,
        float(log.t[train].max() - log.t[train].min())
        * len(set(log.items[train].tolist()))
        / max(1, train.sum()),
    )


def _window_ms(log: Split) -> float:
    """Return the length of the last 15 % of the training part: EdgeBank's window."""
    t = log.t[log.part == 0]
    return float(t.max() - np.quantile(t, 0.85))


BASELINES: dict[str, Callable[[Split], Baseline]] = {
    "popularity": lambda log: Popularity(log.n_items),
    "decayed-popularity": lambda log: Decayed(log.n_items, 5 * _pace_ms(log)),
    "own-recency": lambda log: OwnRecency(log.n_items),
    "local-global": lambda log: LocalGlobal(log.n_items),
    "edgebank": lambda log: EdgeBank(log.n_items),
    "edgebank-tw": lambda log: EdgeBank(log.n_items, _window_ms(log)),
}
ENGINES = ("riverwalk", "riverwalk-counted", "blend")
MODELS = (*ENGINES, *BASELINES)


def baseline(log: Split, model: Baseline, progress: Progress = lambda n: None) -> np.ndarray:
    """Return the rank of each judged event, float64 [n]; NaN for the others."""
    n = log.users.shape[0]
    ranks = np.full(n, np.nan)
    barred = np.zeros(log.n_items, bool)
    had: dict[int, set[int]] = {}
    stamp: dict[tuple[int, int], set[int]] = {}
    if log.same_stamp:
        for i in np.flatnonzero(log.judged).tolist():
            stamp.setdefault((int(log.users[i]), int(log.t[i])), set()).add(int(log.items[i]))
    ends = np.append(log.groups[1:], n)
    users, items, t = log.users.tolist(), log.items.tolist(), log.t.tolist()
    begin = 0
    for end in ends.tolist():
        for i in range(begin, end):
            if log.judged[i]:
                out = list(had.get(users[i], ())) if log.exclude_seen else list(stamp[users[i], t[i]])
                barred[out] = True
                ranks[i] = measure.rank(np.asarray(model.score(users[i], t[i])), items[i], barred)
                barred[out] = False
        for i in range(begin, end):
            if log.kind[i] != 6:
                model.learn(users[i], items[i], t[i])
                if log.exclude_seen:
                    had.setdefault(users[i], set()).add(items[i])
        progress(end - begin)
        begin = end
    return ranks


def engine(log: Split, model: str, seed: int, progress: Progress) -> np.ndarray:
    """Return the ranks of the engine itself: all of it, without the temporal part, or the fixed blend."""
    import torch

    from stream.backtest import Backtest, BacktestSettings

    torch.set_num_threads(1)
    settings = BacktestSettings(temporal=model == "riverwalk", seed=seed)
    if model == "blend":
        settings = BacktestSettings(temporal=False, learn_until=-1)
    judged = Backtest(log, settings).run(progress)
    return judged.blend if model == "blend" else judged.riverwalk


def main() -> int:
    """Read a job from stdin, write rows to stdout and progress to stderr."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    log = split(Path(job.path), job.protocol, job.visible or None, last=job.last, seed=job.seed)
    n = log.users.shape[0]
    done, told = 0, 0.0

    def progress(count: int) -> None:
        nonlocal done, told
        done += count
        if time.monotonic() - told > 0.3:
            told = time.monotonic()
            print(f"{done} {n}", file=sys.stderr, flush=True)

    begin = time.perf_counter()
    ranks = (
        baseline(log, BASELINES[job.model](log), progress)
        if job.model in BASELINES
        else engine(log, job.model, job.seed, progress)
    )
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = []
    for number, part in ((1, "validation"), (2, "test")):
        chosen = ranks[log.judged & (log.part == number)]
        if not chosen.shape[0]:
            continue
        rows.append(
            {
                "model": job.model,
                "part": part,
                "mrr": round(measure.mrr(chosen), 5),
                "recall": {str(k): round(measure.recall(chosen, k), 5) for k in (10, 20)},
                "ndcg": {str(k): round(measure.ndcg(chosen, k), 5) for k in (10, 20)},
                "seconds": round(seconds, 2),
                "events_per_s": round(n / seconds),
                "peak_rss_mib": round(peak, 1),
            }
        )
    counts = {name: int((log.part == k).sum()) for k, name in enumerate(("train", "validation", "test"))}
    print(msgspec.json.encode({"events": counts, "rows": rows}).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
