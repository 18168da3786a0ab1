"""`riverwalk evaluate`: models on one log under one published protocol, the trivial baselines beside them.

Every model runs in a process of its own, Riverwalk's once a seed, and all are judged here from the ranks they leave.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np

from deploy.chart import figure
from deploy.config.schema import BadConfig
from deploy.evaluate import plot
from deploy.evaluate.detail import diversity, recall
from deploy.evaluate.detail import list as answer
from deploy.evaluate.model.engine import COLUMNS
from deploy.evaluate.process import Process, ranks
from deploy.evaluate.protocol import LEARNS, known, located, published, rule, split
from deploy.evaluate.report import show
from deploy.evaluate.runner import CANDIDATES, Done
from deploy.evaluate.score import NUMBER, Run, compare, row
from deploy.evaluate.setting import (
    ABLATIONS,
    KNOWN,
    LEARNINGS,
    MODELS,
    PARTS,
    SEEDED,
    SERVED,
    EvaluationSettings,
    Job,
)
from deploy.evaluate.split import Split
from deploy.evaluate.verdict.evidence import found
from deploy.evaluate.verdict.legend import LIVE, entry, idle
from deploy.evaluate.verdict.verdict import sentences
from deploy.terminal.progress import Bars
from stream.error import BadEvent, BadSource
from stream.file.column import selection
from stream.file.event import columns
from stream.file.feature import BadColumn, read
from tgn.inference.layout import Loss, Negatives
from tgn.metric import ranking

Report = dict[str, Any]
POPULAR = ("popularity", "decayed-popularity")  # what candidates are held against


def evaluate(asked: EvaluationSettings, *, quiet: bool = False) -> Report:
    """Return the report: the data, the protocol, a row a model and part, and comparisons in pairs.

    Args:
        quiet: Without progress bars.

    Raises:
        BadConfig: An unknown model, protocol, rule or file.
    """
    asked = checked(asked)
    named = chosen(asked.models, asked.ablate)
    names, left_out = applicable(named, asked)
    path, name = located(asked.data, asked.columns)
    whole = _splits(path, asked)
    parts = tuple(NUMBER) if asked.part == "both" else (asked.part,)
    until = max(NUMBER[one] for one in parts)
    logs = [log.until(until) for log in whole]
    job = Job(asked, str(path), until=until, lists=asked.details and asked.protocol != "random")
    with Bars(quiet=quiet) as bars:
        ran = _runs(_with_popular(names, asked.details), job, len(logs) > 1, bars)
    runs = [run for run in ran if run.model in names or run.model.removesuffix(LIVE) in names]
    logs *= asked.seeds // len(logs)
    judged = [one for one in parts if _counts(logs, one)]
    if not judged:
        raise BadConfig(f"{path}: no event of the {asked.part} part counts under --protocol {asked.protocol}")
    rows, pairs = _judged(runs, logs, judged)
    if job.lists:
        _diversity(runs, rows, logs[0], diversity.categories(path, _names(path, asked), asked.item_columns))
    more = {"candidates": {one: _candidates(ran, logs, one) for one in judged}} if asked.details else {}
    return {
        "data": name,
        "protocol": asked.protocol,
        "visible": asked.visible,
        "learning": asked.learning,
        "ranked_share": asked.ranked_share,
        "new_only": logs[0].exclude_seen,
        "seeds": asked.seeds,
        "events": counted(whole[0]),
        "times": times(whole[0]),
        "rows": rows,
        "compare": pairs,
        "verdict": sentences(found(runs, logs, judged[-1])),
        "legend": {run.model: entry(run.model).about for run in runs},
        "left_out": left_out,
        **more,
    }


def _with_popular(names: list[str], details: bool) -> list[str]:
    """Return the models to run: with details also the candidates, and what they are held against."""
    return [*names, *(one for one in (CANDIDATES, *POPULAR) if details and one not in names)]


def applicable(names: list[str], asked: EvaluationSettings) -> tuple[list[str], dict[str, str]]:
    """Return the models that can say something under the protocol, and of the others why not.

    Raises:
        BadConfig: None of them can.
    """
    new_only = asked.new_only or asked.protocol in ("chronological", "random")
    left_out = {name: why for name in names if (why := idle(name, asked.protocol, new_only))}
    left = [name for name in names if name not in left_out]
    if not left:
        name, why = next(iter(left_out.items()))
        raise BadConfig(f"--models {name}: {why}; name another model, or take another --protocol")
    return left, left_out


def times(log: Split) -> dict[str, list[str]]:
    """Return when each part begins and ends, in UTC; of a random split, whose parts overlap, the whole."""
    parts = {"all": np.ones(log.t.shape[0], bool)} if log.by_user else {
        name: log.part == k for k, name in enumerate(("train", "validation", "test"))
    }  # fmt: skip
    return {
        name: [
            datetime.fromtimestamp(int(end) / 1000, UTC).isoformat(timespec="seconds")
            for end in (log.t[rows].min(), log.t[rows].max())
        ]
        for name, rows in parts.items()
        if rows.any()
    }


def counted(log: Split) -> dict[str, int]:
    """Return how many events each part has."""
    return {part: int((log.part == k).sum()) for k, part in enumerate(("train", "validation", "test"))}


def checked(asked: EvaluationSettings) -> EvaluationSettings:
    """Return the settings with the protocol's rules where none were given.

    Raises:
        BadConfig: A name nobody knows, or a rule that does not go with the protocol.
    """
    known("--loss", "loss", asked.loss, get_args(Loss))
    known("--negatives", "kind of negatives", asked.negatives, get_args(Negatives))
    known("--part", "part", asked.part, PARTS)
    for option, file in (("--item-columns", asked.item_columns), ("--user-columns", asked.user_columns)):
        _readable(option, file, asked.protocol)
    visible = rule(asked.protocol, asked.visible)
    learning = known("--learning", "rule", asked.learning or LEARNS[asked.protocol], LEARNINGS)
    if asked.new_only and asked.protocol not in ("tgb", "stream"):
        raise BadConfig(f"--new-only: {asked.protocol} ranks only what is new by itself; leave it out")
    if asked.part == "validation" and asked.protocol == "random":
        raise BadConfig("--part validation: random has a training and a test part alone")
    return msgspec.structs.replace(asked, visible=visible, learning=learning)


def _splits(path: Path, asked: EvaluationSettings) -> list[Split]:
    """Return the log with its parts: once, or once a seed where parts are drawn."""
    drawn = range(asked.seeds) if asked.protocol == "random" and published(path) is None else range(1)
    how: dict[str, Any] = {
        "last": asked.last,
        "new_only": asked.new_only,
        "chosen": selection(asked.columns),
    }
    try:
        return [split(path, asked.protocol, str(asked.visible), seed=k, **how) for k in drawn]
    except (BadEvent, BadSource) as exc:
        raise BadConfig(str(exc)) from exc


def _readable(option: str, file: str, protocol: str) -> None:
    """Refuse a file of explicit features before any model has run."""
    if file and protocol == "random":
        raise BadConfig(f"{option}: not with --protocol random, which numbers items anew")
    try:
        if file:
            read(Path(file), COLUMNS)
    except BadColumn as exc:
        raise BadConfig(f"{option}: {exc}") from exc


def chosen(models: str | None, ablate: bool) -> list[str]:
    """Return the models to run, each once."""
    names = [name.strip() for name in models.split(",") if name.strip()] if models else list(MODELS)
    for name in names:
        known("--models", "model", name, KNOWN)
    return list(dict.fromkeys([*names, *(("riverwalk", *ABLATIONS) if ablate else ())]))


def _counts(logs: list[Split], part: str) -> bool:
    return bool((logs[0].judged & (logs[0].part == NUMBER[part])).any())


def _judged(runs: list[Run], logs: list[Split], parts: list[str]) -> tuple[list[Report], list[Report]]:
    """Return the rows and the comparisons."""
    some = logs if logs[0] is not logs[-1] else logs[:1]
    kinds = [log.kinds() | log.bands() for log in some] * (len(logs) // len(some))
    rows = [row(run, logs, kinds, part) for run in runs for part in parts]
    return rows, [pair for part in parts for pair in compare(runs, logs, part, rows)]


def _candidates(runs: list[Run], logs: list[Split], part: str) -> Report:
    """Return how often the true item is among the first candidates, and among as many of the most popular."""
    found: Report = {"limit": recall.LIMIT}
    for run in runs:
        if run.model in (CANDIDATES, *POPULAR):
            chosen = [
                ranks[log.judged & (log.part == NUMBER[part])]
                for log, ranks in zip(logs, run.ranks, strict=True)
            ]
            name = "recall" if run.model == CANDIDATES else run.model.replace("-", "_")
            found[name] = round(ranking.recall(np.concatenate(chosen), recall.LIMIT), 5)
    return found


def _diversity(runs: list[Run], rows: list[Report], log: Split, shares: np.ndarray | None) -> None:
    """Write into the rows how much the lists differ that their models gave."""
    lists = {run.model: run.lists for run in runs if run.lists is not None}
    asked = np.array(list(answer.drawn(log)), np.int64)
    for one in rows:
        if one["model"] in lists:
            own = lists[one["model"]]
            one["diversity"] = diversity.figures(own, asked, log, NUMBER[one["part"]], shares)


def _names(path: Path, asked: EvaluationSettings) -> list[str]:
    return list(dict.fromkeys(columns(path, chosen=selection(asked.columns)).item))


def _runs(names: list[str], job: Job, drawn: bool, bars: Bars) -> list[Run]:
    """Return the runs of the named models, in that order, and after each what its process gave beside it."""
    found: dict[str, tuple[list[np.ndarray], list[Done]]] = {}
    lists: dict[str, np.ndarray] = {}
    seeds = job.asked.seeds
    ran = dict.fromkeys("riverwalk" if name == SERVED else name for name in names)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "ranks.npz")
        for model in ran:
            for seed in range(seeds if drawn or model in SEEDED else 1):
                title = f"{model}, seed {seed}" if seeds > 1 else model
                one = msgspec.structs.replace(job, model=model, out=str(out), seed=seed, drawn=seed * drawn)
                bar = bars.watch(title)
                done = Process(one).run(bar)
                bars.leave(bar)
                take(ranks(out), done, found, lists)
    runs = {
        name: Run(name, own * (seeds // len(own)), done, lists.get(name))
        for name, (own, done) in found.items()
    }
    order = dict.fromkeys(also for name in names for also in (name, name + LIVE) if also in runs)
    return [runs[name] for name in order]


def take(
    ranks: Mapping[str, np.ndarray],
    done: Done,
    found: dict[str, tuple[list[np.ndarray], list[Done]]],
    lists: dict[str, np.ndarray],
) -> None:
    """Add the ranks and lists of one process."""
    for name in ranks:
        if name.endswith(".lists"):
            lists.setdefault(name.removesuffix(".lists"), ranks[name])
        else:
            own = found.setdefault(name, ([], []))
            own[0].append(ranks[name])
            own[1].append(done)


def run(asked: EvaluationSettings, *, picture: str | None = None, as_json: bool = False) -> None:
    """Print the report as a table, or as one JSON object, and draw it where a picture is asked for."""
    if picture is not None:
        figure.check(picture)
    report = evaluate(asked, quiet=as_json)
    if picture is not None:
        figure.save(plot.draw(report), picture)
    if as_json:
        print(msgspec.json.encode(report).decode())
    else:
        show(report, asked.details)
