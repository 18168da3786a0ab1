"""One model over one log, in a process of its own so that its memory is its own: `python -m deploy.evaluate.runner`.

Reads a job from stdin, leaves the ranks in the job's file and prints one JSON line.  `deploy.evaluate.process` starts it.
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

from deploy.config.schema import BadConfig
from deploy.evaluate.detail import recall
from deploy.evaluate.detail.list import Lists, best, drawn, table
from deploy.evaluate.model import counted, engine, fitted, side, training
from deploy.evaluate.model.cost import Cost, held, query_ms
from deploy.evaluate.protocol import Named, read
from deploy.evaluate.setting import FITTED, LISTED, PYG, TRUSTING, Job
from deploy.evaluate.split import Split, taken
from deploy.evaluate.verdict.legend import FROZEN
from deploy.machine import compiler, memory, process
from stream.file.column import selection
from tgn.baseline.contract import Baseline
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.pyg_tgn import PygSettings, PygTgn
from tgn.metric import ranking

Progress = Callable[[int], object]
MAKERS = counted.MAKERS
EPOCHS = 20  # passes over the training part that PyG's recipe needs to converge
CANDIDATES = "candidates"  # no model: the place of the true item among the candidates, in the order found
TOLD_S = 0.3  # between two lines of progress


class Done(msgspec.Struct):
    """What one process reports when it has ended: of its model, and of the process, computing time; costs by name."""

    seconds: float
    peak_rss_mib: float
    costs: dict[str, Cost] = {}
    cpu_s: float = 0.0


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


def pyg(log: Split, job: Job, clock: Clock, progress: Progress) -> PygTgn:
    """Return PyG's recipe, trained on the training part, in the clock's seconds; each epoch counts as one pass."""
    import torch

    torch.set_num_threads(1)
    model = PygTgn(log.n_users, log.n_items, PygSettings(seed=job.seed))
    train = (log.part == 0) & taken(log.kind)
    for epoch in range(EPOCHS):  # weights and optimizer go on from one call to the next
        model.fit(log.users[train], log.items[train], log.t[train], 1)
        progress(log.users.shape[0])
        if epoch + 1 < EPOCHS and clock.left() < clock.spent() / (epoch + 1):
            clock.end()
            break
    if job.asked.learning == "frozen":
        model.freeze()
    return model


def ranked(named: Named, job: Job, progress: Progress) -> tuple[dict[str, np.ndarray], dict[str, Cost]]:
    """Return the ranks of the job's model, and of what its run gives beside, and costs; of some also lists, int32 [m, K]."""
    log = named.log
    if job.model == CANDIDATES:
        return {CANDIDATES: recall.places(log, progress=progress)}, {}
    if job.model in FITTED:
        import torch

        torch.set_num_threads(1)
        return fitted.run(named, job, lambda log, model: baseline(log, model, progress), progress)
    lists = drawn(log) if job.lists and job.model in LISTED else None
    if job.model == TRUSTING:
        known = side.of(named, job)
        training.require(job.model, "trust", known)
        return engine.run(log, job, progress, trust=known.trust)
    found, costs = _ranked(log, job, progress, lists)
    return found | ({f"{job.model}.lists": table(lists)} if lists is not None else {}), costs


def _ranked(
    log: Split, job: Job, progress: Progress, lists: Lists | None
) -> tuple[dict[str, np.ndarray], dict[str, Cost]]:
    name = job.model.removesuffix(FROZEN) if job.model.removesuffix(FROZEN) in MAKERS else job.model
    if name in MAKERS:
        model = MAKERS[name](log)
        if name != job.model:
            model = counted.Frozen(model, int(((log.part == 0) & taken(log.kind)).sum()))
        return _timed(log, model, job, progress, lists)
    if job.model == PYG:
        begin, clock = time.process_time(), fitted.allowed(job)
        recipe = pyg(log, job, clock, progress)
        train_s = time.process_time() - begin
        found, costs = _timed(log, recipe, job, progress, None)
        costs[PYG].train_s += train_s
        costs[PYG].cut = clock.cut
        return found, costs
    return engine.run(log, job, progress, lists)


def _timed(
    log: Split, model: Baseline, job: Job, progress: Progress, lists: Lists | None
) -> tuple[dict[str, np.ndarray], dict[str, Cost]]:
    """Return the ranks and the cost of a model that learns as the log goes on; training lasts until the first is judged."""
    begin = time.process_time()
    trained, passed, first = 0.0, 0, int(np.argmax(log.part > 0))

    def note(n: int) -> None:
        nonlocal trained, passed
        passed += n
        if not trained and passed >= first:
            trained = time.process_time() - begin
        progress(n)

    ranks = baseline(log, model, note, lists)
    cost = Cost(train_s=trained, bytes=held(model), cold_users="events", cold_items="events")
    if job.costs:
        cost.query_ms = query_ms(log, model.score)
    return {job.model: ranks}, {job.model: cost}


def fewer(log: Split, most: int) -> Split:
    """Return the log with `most` judged events of a part at most, the same ones whenever they are drawn."""
    judged = log.judged.copy()
    for part in (1, 2):
        rows = np.flatnonzero(judged & (log.part == part))
        if rows.shape[0] > most > 0:
            chosen = np.random.default_rng(part).choice(rows, most, replace=False)
            judged[rows] = False
            judged[chosen] = True
    return log._replace(judged=judged)


def opened(job: Job) -> Named:
    """Return the log of a job, with its parts up to the last that is run."""
    asked = job.asked
    whole = read(
        Path(job.path),
        asked.protocol,
        str(asked.visible),
        last=asked.last,
        seed=job.drawn,
        new_only=asked.new_only,
        chosen=selection(asked.columns),
        share=job.share,
    )
    return whole._replace(log=fewer(whole.log.until(job.until), job.most))


def _passes(log: Split, model: str) -> int:
    return fitted.passes(log) if model in FITTED else EPOCHS + 1 if model == PYG else 1


def main() -> int:
    """Read a job from stdin; progress goes to stderr."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    process.die_with_parent()
    compiler.install()
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    named = opened(job)
    log = named.log
    n = log.users.shape[0] * _passes(log, job.model)
    done, told = 0, 0.0

    def progress(count: int) -> None:
        nonlocal done, told
        done += count
        if time.monotonic() - told > TOLD_S:
            told = time.monotonic()
            print(f"{done} {n}", file=sys.stderr, flush=True)

    begin = time.perf_counter()
    try:
        ranks, costs = ranked(named, job, progress)
    except BadConfig as exc:
        print(exc, file=sys.stderr)
        return 2
    seconds = time.perf_counter() - begin
    for name, one in ranks.items():
        if not name.endswith(".lists"):
            one[~log.judged] = np.nan
    np.savez(job.out, **ranks)  # type: ignore[arg-type]
    print(
        msgspec.json.encode(Done(seconds, memory.peak_mib(), costs, time.process_time())).decode(), flush=True
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
