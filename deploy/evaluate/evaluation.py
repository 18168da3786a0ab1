"""`riverwalk evaluate`: models on one log under one published protocol, the trivial baselines beside them.

Every model runs in a process of its own, Riverwalk's once a seed, and all are judged here from the ranks they leave.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from deploy.config.schema import BadConfig
from deploy.data.dataset import find
from deploy.evaluate import diversity, plot, recall
from deploy.evaluate import list as answer
from deploy.evaluate.protocol import (
    LEARNINGS,
    LEARNS,
    PARTS,
    known,
    published,
    rule,
    split,
)
from deploy.evaluate.report import show
from deploy.evaluate.runner import (
    ABLATIONS,
    CANDIDATES,
    COLUMNS,
    KNOWN,
    MODELS,
    SEEDED,
    SERVED,
    Done,
    Job,
)
from deploy.evaluate.score import NUMBER, Run, compare, row
from deploy.evaluate.split import Split
from stream.error import BadEvent, BadSource
from stream.file.event import columns
from stream.file.feature import BadColumn, read
from tgn.inference.layout import Loss, Negatives
from tgn.metric import ranking

Report = dict[str, Any]
POPULAR = ("popularity", "decayed-popularity")  # what candidates are held against


def evaluate(
    data: str,
    *,
    protocol: str = "tgb",
    visible: str | None = None,
    models: str | None = None,
    last: float = 0.1,
    learning: str | None = None,
    new_only: bool = False,
    seeds: int = 1,
    ablate: bool = False,
    part: str = "both",
    loss: str = "softmax",
    negatives: str = "mixed",
    item_columns: str = "",
    user_columns: str = "",
    details: bool = False,
    quiet: bool = False,
) -> Report:
    """Return the report: the data, the protocol, a row a model and part, and comparisons in pairs.

    Args:
        models: Names with commas; the usual ones when left out.
        learning: What Riverwalk's weights learn from; the protocol's usual rule when left out.
        new_only: Rank only what the user has not had.
        seeds: How often models run that a seed changes, from seed 0 on.
        ablate: Also run Riverwalk without each of its parts.
        loss, negatives: What the item vectors learn by, and against.
        item_columns, user_columns: Files of explicit features.
        details: Also measure the candidates' recall and the diversity of lists (`candidates`, `diversity`).
        part: Without `test`, nothing after the validation part is read.

    Raises:
        BadConfig: An unknown model, protocol, rule or file.
    """
    names = chosen(models, ablate)
    known("--loss", "loss", loss, get_args(Loss))
    known("--negatives", "kind of negatives", negatives, get_args(Negatives))
    for option, file in (("--item-columns", item_columns), ("--user-columns", user_columns)):
        _readable(option, file, protocol)
    visible = rule(protocol, visible)
    learning = known("--learning", "rule", learning or LEARNS[protocol], LEARNINGS)
    parts = tuple(NUMBER) if known("--part", "part", part, PARTS) == "both" else (part,)
    if new_only and protocol not in ("tgb", "stream"):
        raise BadConfig(f"--new-only: {protocol} ranks only what is new by itself; leave it out")
    if part == "validation" and protocol == "random":
        raise BadConfig("--part validation: random has a training and a test part alone")
    found = find(data, online=False)
    if found.path is None:
        raise BadConfig(f"{data}: no file of events; give one, or a folder that holds one")
    path = found.path
    drawn = range(seeds) if protocol == "random" and published(path) is None else range(1)
    try:
        whole = [split(path, protocol, visible, last=last, seed=k, new_only=new_only) for k in drawn]
    except (BadEvent, BadSource) as exc:
        raise BadConfig(str(exc)) from exc
    until = max(NUMBER[name] for name in parts)
    logs = [log.until(until) for log in whole]
    job = Job(
        str(path), protocol, visible, "", "", last=last, new_only=new_only, learning=learning, until=until,
        loss=loss, negatives=negatives, item_columns=item_columns, user_columns=user_columns,
        lists=details and protocol != "random",
    )  # fmt: skip
    beside = [name for name in (CANDIDATES, *POPULAR) if name not in names] if details else []
    with _bars(quiet) as bars:
        ran = _runs([*names, *beside], job, seeds, len(logs) > 1, bars)
    runs = [run for run in ran if run.model in names]
    logs *= seeds // len(logs)
    judged = [name for name in parts if _counts(logs, name)]
    rows, pairs = _judged(runs, logs, judged)
    more = {"candidates": {name: _candidates(ran, logs, name) for name in judged}} if details else {}
    if job.lists:
        _diversity(runs, rows, logs[0], diversity.categories(path, _names(path), item_columns))
    if not rows:
        raise BadConfig(f"{path}: no event of the {part} part counts under --protocol {protocol}")
    return {
        "data": found.name,
        "protocol": protocol,
        "visible": visible,
        "learning": learning,
        "new_only": logs[0].exclude_seen,
        "seeds": seeds,
        "events": {
            name: int((whole[0].part == k).sum()) for k, name in enumerate(("train", "validation", "test"))
        },
        "rows": rows,
        "compare": pairs,
        **more,
    }


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


def _names(path: Path) -> list[str]:
    return list(dict.fromkeys(columns(path).item))


def _bars(quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True, disable=quiet,
    )  # fmt: skip


def _runs(names: list[str], job: Job, seeds: int, drawn: bool, bars: Progress) -> list[Run]:
    """Return the runs of the named models, in that order."""
    found: dict[str, tuple[list[np.ndarray], list[Done]]] = {name: ([], []) for name in names}
    lists: dict[str, np.ndarray] = {}
    ran = dict.fromkeys("riverwalk" if name == SERVED else name for name in names)
    with tempfile.TemporaryDirectory() as folder:
        for model in ran:
            for seed in range(seeds if drawn or model in SEEDED else 1):
                out = str(Path(folder, "ranks.npz"))
                task = bars.add_task(f"{model}, seed {seed}" if seeds > 1 else model, total=None)
                one = msgspec.structs.replace(
                    job, model=model, out=out, seed=seed, drawn=seed if drawn else 0
                )
                done = _run(one, bars, task)
                bars.remove_task(task)
                with np.load(out, allow_pickle=False) as ranks:
                    for name in ranks.files:
                        if name.endswith(".lists"):
                            lists.setdefault(name.removesuffix(".lists"), ranks[name])
                        elif name in found:
                            found[name][0].append(ranks[name])
                            found[name][1].append(done)
    return [
        Run(name, ranks * (seeds // len(ranks)), done, lists.get(name))
        for name, (ranks, done) in found.items()
    ]


def _run(job: Job, bars: Progress, task: Any) -> Done:
    command = [sys.executable, "-P", "-m", "deploy.evaluate.runner"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        with contextlib.suppress(BrokenPipeError):  # it ended early, and its last words say why
            process.stdin.write(msgspec.json.encode(job) + b"\n")
            process.stdin.close()
        said = ""
        for line in process.stderr:
            words = line.split()
            if len(words) == 2 and words[0].isdigit() and words[1].isdigit():
                bars.update(task, completed=int(words[0]), total=int(words[1]))
            else:
                said = line.decode(errors="replace").strip() or said
        out = process.stdout.read()
    if process.returncode < 0:
        said = f"ended by signal {-process.returncode}; was there enough memory?"
    if process.returncode != 0:
        raise BadConfig(f"{job.model} on {job.path}: {said or f'exit status {process.returncode}'}")
    return msgspec.json.decode(out, type=Done)


def run(
    data: str,
    *,
    as_json: bool = False,
    details: bool = False,
    picture: str | None = None,
    **asked: Any,
) -> None:
    """Print the report as a table, or as one JSON object, and draw it where a picture is asked for."""
    if picture is not None:
        plot.check(picture)
    report = evaluate(data, details=details, quiet=as_json, **asked)
    if picture is not None:
        Path(picture).write_text(plot.svg(report), encoding="utf-8")
    if as_json:
        print(msgspec.json.encode(report).decode())
    else:
        show(report, details)
