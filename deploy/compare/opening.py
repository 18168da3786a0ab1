"""The log of a comparison, and what is known beside it: read, checked, and cut to what can be judged in time."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from deploy.compare.plan import ladder
from deploy.compare.plan.pace import Size
from deploy.compare.setting import CompareSettings
from deploy.config.schema import BadConfig
from deploy.evaluate import evaluation
from deploy.evaluate.model import side, training
from deploy.evaluate.protocol import Named, located, published, read
from deploy.evaluate.runner import fewer
from deploy.evaluate.setting import FITTED, TRUSTING, EvaluationSettings, Job
from deploy.evaluate.split import Split
from stream.error import BadEvent, BadSource
from stream.event.duration import duration
from stream.file.column import selection

PART = "test"
LEAST_JUDGED, WORK = (
    5_000,
    1_500_000_000,
)  # judged events at least, and scores that are worked out of one model at most
QUICK_S, QUICK_EVENTS, QUICK_JUDGED, QUICK_USERS = 50.0, 20_000, 3_000, 100  # of --quick
# riverwalk learns from what it was judged on, as the service does; riverwalk-frozen does not
ONLINE = "online"


class Asked(NamedTuple):
    """What is compared: the log with its parts, one a seed or one for all, and the job of a model."""

    data: str
    logs: list[Split]
    job: Job
    size: Size
    files: side.Files
    skipped: dict[str, str]
    budget_s: float


def opened(asked: CompareSettings, names: list[str]) -> Asked:
    """Return the log and all that is known beside it, checked."""
    settings = evaluation.checked(
        EvaluationSettings(
            data=asked.log, protocol=asked.protocol, visible=asked.visible, new_only=asked.new_only, seeds=asked.seeds,
            last=asked.last, columns=asked.columns, part=PART, learning="frozen" if asked.protocol == "random" else ONLINE,
        )
    )  # fmt: skip
    budget_s = _seconds(asked.budget) if asked.budget else QUICK_S if asked.quick else 0.0
    path, data = located(asked.log, asked.columns)
    job = Job(
        settings, str(path), until=2, items=asked.items, users=asked.users, trust=asked.trust, costs=True
    )
    try:
        whole = _read_log(job)
        if asked.quick:
            job = msgspec.structs.replace(job, share=_share(whole.log), most=QUICK_JUDGED)
            whole = _read_log(job) if job.share < 1 else whole
        elif WORK // max(1, whole.log.n_items) < int(whole.log.judged.sum()):
            job = msgspec.structs.replace(job, most=max(LEAST_JUDGED, WORK // whole.log.n_items))
        drawn = asked.protocol == "random" and published(path) is None
        more = [
            _read_log(msgspec.structs.replace(job, drawn=k)).log
            for k in range(1, asked.seeds if drawn else 1)
        ]
    except (BadEvent, BadSource) as exc:
        raise BadConfig(str(exc)) from exc
    log = fewer(whole.log, job.most)
    _large_enough(path, log)
    files = side.files(path, asked.items, asked.users, asked.trust)
    beside = side.side(path, files, whole.users, whole.items, sampled=job.share < 1)
    skipped = {
        name: why
        for name in names
        if (why := ladder.idle(name, asked.protocol, log.exclude_seen) or _lack(name, beside))
    }
    if len(skipped) == len(names):
        name, why = next(iter(skipped.items()))
        raise BadConfig(f"--models {name}: {why}; name another model")
    size = Size(
        int(training.fitted_on(log).sum()),
        log.users.shape[0],
        int((log.judged & (log.part == 2)).sum()),
        log.n_users,
        log.n_items,
    )
    logs = [log, *(fewer(one, job.most) for one in more)]
    return Asked(data, logs, job, size, files, skipped, budget_s)


def _read_log(job: Job) -> Named:
    asked = job.asked
    return read(
        Path(job.path), asked.protocol, str(asked.visible), last=asked.last, seed=job.drawn, new_only=asked.new_only,
        chosen=selection(asked.columns), share=job.share,
    )  # fmt: skip


def _share(log: Split) -> float:
    """Return the share of the users that a quick look takes: all of a small log, some hundreds of a large one."""
    share = max(QUICK_EVENTS / log.users.shape[0], QUICK_USERS / log.n_users)
    return 1.0 if share >= 0.8 else share


def _large_enough(path: Path, log: Split) -> None:
    """Refuse a log on which models cannot differ."""
    train = log.part == 0
    users, items = np.unique(log.users[train]).shape[0], np.unique(log.items[train]).shape[0]
    if users < 2:
        raise BadConfig(
            f"{path}: its training part has one user alone; models that learn from others need at least 2"
        )
    if items < 2:
        raise BadConfig(
            f"{path}: its training part has one item alone; there is nothing to rank with fewer than 2"
        )
    if not (log.judged & (log.part == 2)).any():
        raise BadConfig(f"{path}: no event of the test part counts; give more events, or another --protocol")


def _lack(name: str, beside: side.Side) -> str:
    """Return what a fitted model lacks; empty where it has all."""
    if name == TRUSTING:
        return training.needs("trust", beside)
    if name not in FITTED:
        return ""
    try:
        return training.needs(FITTED[name]().needs, beside)
    except ImportError as exc:
        return f"it needs {exc.name or exc}, which is not installed"


def _seconds(budget: str) -> float:
    found = duration(budget if not budget.strip().isdecimal() else f"{budget.strip()}s")
    if found is None or float(found) < 1_000:
        raise BadConfig(
            f"--budget {budget}: no span of time; wanted a second or more, such as 90s, 15m or 1h"
        )
    return float(found) / 1000
