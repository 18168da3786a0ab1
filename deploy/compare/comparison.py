"""`riverwalk compare`: every model of the ladder on one log under one protocol, what each costs, and a verdict in words."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from deploy.compare import scheduler
from deploy.compare.cache import Cache, checksum, home
from deploy.compare.opening import PART, Asked, opened
from deploy.compare.plan import ladder, memory, plan
from deploy.compare.plan.pace import Pace
from deploy.compare.plan.plan import Planned
from deploy.compare.report import file as files
from deploy.compare.report import row, table
from deploy.compare.screen import Screen
from deploy.compare.setting import CompareSettings
from deploy.config.schema import BadConfig
from deploy.evaluate import evaluation, process
from deploy.evaluate.protocol import published
from deploy.evaluate.runner import Done
from deploy.evaluate.score import Run
from deploy.evaluate.setting import SEEDED, Job
from deploy.evaluate.verdict import evidence
from deploy.evaluate.verdict.legend import LIVE, entry
from deploy.evaluate.verdict.verdict import sentences

Report = dict[str, Any]
Ended = dict[str, dict[int, tuple[Mapping[str, np.ndarray], Done]]]
"""What each run of a model has left, by its seed."""


class Kept(NamedTuple):
    """What is kept between runs: finished models, and how long they took."""

    cache: Cache
    pace: Pace


def compare(asked: CompareSettings, screen: Screen) -> Report:
    """Return the report.

    Raises:
        BadConfig: What was asked for is wrong, the log cannot be compared on, or every model failed.
    """
    names = ladder.chosen(asked.models, asked.ladder, asked.quick)
    known = opened(asked, names)
    names = [name for name in names if not (asked.models is None and _no_row(known.skipped.get(name, "")))]
    log = known.logs[0]
    cache = Cache(home(), checksum(_read(known)), f"{known.budget_s}")
    pace = Pace(home() / "pace.json")
    drawn = len(known.logs) > 1
    jobs = {name: _jobs(known.job, name, asked.seeds, drawn) for name in names if name not in known.skipped}
    ended: Ended = {
        name: {job.seed: kept for job in some if not asked.anew and (kept := cache.found(job))}
        for name, some in jobs.items()
    }
    left = {name: len(some) - len(ended[name]) for name, some in jobs.items()}
    planned = plan.plan(names, known.size, pace, left, known.skipped, by_user=log.by_user)
    slots = min(scheduler.cores(), max(1, sum(one.left_s > 0 for one in planned)))
    if known.budget_s:
        planned = plan.within(planned, known.budget_s, slots)
    screen.plan(known.data, log, planned, known.budget_s, slots)
    failed = _run(known, jobs, planned, Kept(cache, pace), screen, ended, slots)
    return _report(asked, known, planned, ended, failed)


def _no_row(why: str) -> bool:
    """Tell whether a model of a ladder can say nothing under the protocol, so that it gets no row."""
    return bool(why) and not why.startswith("it needs")


def _read(known: Asked) -> list[Path]:
    """Return the files that figures depend on."""
    path = Path(known.job.path)
    split = published(path) if known.job.asked.protocol == "random" else None
    return [path, *(split or ()), *(file for file in known.files if file is not None)]


def _jobs(job: Job, name: str, seeds: int, drawn: bool) -> list[Job]:
    runs = seeds if drawn or name in SEEDED else 1
    return [msgspec.structs.replace(job, model=name, seed=seed, drawn=seed * drawn) for seed in range(runs)]


def _run(
    known: Asked,
    jobs: dict[str, list[Job]],
    planned: list[Planned],
    kept: Kept,
    screen: Screen,
    ended: Ended,
    slots: int,
) -> dict[str, str]:
    """Run what is left, put what it leaves into `ended`, and return by model why others left nothing."""
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="riverwalk-compare-") as folder:
        tasks = []
        for one in planned:
            for job in jobs.get(one.name, ()) if one.left_s > 0 else ():
                if job.seed in ended[one.name]:
                    continue
                out = str(Path(folder, f"{one.name}-{job.seed}.npz"))
                given = msgspec.structs.replace(job, out=out, seconds=one.limit, wall=known.budget_s > 0)
                tasks.append(scheduler.Task(given, one.seconds.all, one.bytes))

        def end(found: scheduler.Ended) -> None:
            job = found.task.job
            screen.end(found)
            if found.done is None:
                failed[job.model] = found.why
                return
            ranks = process.ranks(Path(job.out))
            Path(job.out).unlink()
            kept.cache.keep(msgspec.structs.replace(job, out="", seconds=0.0, wall=False), ranks, found.done)
            cut = any(cost.cut for cost in found.done.costs.values())
            kept.pace.note(
                job.model, known.size, plan.rows(job.model, known.logs[0].by_user), found.done.cpu_s, cut
            )
            ended[job.model][job.seed] = ranks, found.done
            screen.result(known.logs[job.seed if len(known.logs) > 1 else 0], job, ranks, found.done)

        with screen.running(tasks):
            scheduler.run(
                tasks,
                screen.watch,
                end,
                slots=slots,
                memory=int(memory.SPARE * memory.available()),
                budget_s=known.budget_s,
            )
    return failed


def _report(
    asked: CompareSettings, known: Asked, planned: list[Planned], ended: Ended, failed: dict[str, str]
) -> Report:
    """Return the report of what has ended."""
    seeds = asked.seeds
    logs = known.logs * (seeds // len(known.logs))
    bands = row.bands(logs)
    runs: list[Run] = []
    rows: list[Report] = []
    for one in planned:
        some = [run for _, run in sorted(ended.get(one.name, {}).items())]
        if one.skipped or one.name in failed or not some:
            rows.append(row.none(one.name, PART, one.skipped or failed.get(one.name, "it left no result")))
            continue
        for name in (one.name, one.name + LIVE):
            if name in some[0][0]:
                ranks = [found[name] for found, _ in some]
                runs.append(Run(name, ranks * (seeds // len(ranks)), [done for _, done in some]))
                rows.append(row.row(runs[-1], logs, PART, bands))
    if not runs:
        raise BadConfig("; ".join(f"{one['model']}: {one['skipped']}" for one in rows[:3]))
    log = known.logs[0]
    return {
        "data": known.data,
        "protocol": asked.protocol,
        "visible": known.job.asked.visible,
        "new_only": log.exclude_seen,
        "seeds": seeds,
        "rows": rows,
        "verdict": sentences(evidence.found(runs, logs, PART)),
        "events": evaluation.counted(log),
        "times": evaluation.times(log),
        "judged": int((log.judged & (log.part == 2)).sum()),
        "users": log.n_users,
        "items": log.n_items,
        "share": known.job.share,
        "left_out": {
            name: why for name, why in known.skipped.items() if name not in {one.name for one in planned}
        },
        "legend": {one["model"]: entry(one["model"]).about for one in rows},
    }


def run(asked: CompareSettings, *, as_json: bool = False) -> None:
    """Print the report as a table, or as one JSON object, and write its files where a folder is given."""
    if asked.report:
        files.check(asked.report)
    made = compare(asked, Screen(quiet=as_json))
    if asked.report:
        files.write(made, asked.report)
    if as_json:
        print(msgspec.json.encode(made).decode())
    else:
        table.show(made)
