"""`riverwalk evaluate`: models on one log under one published protocol, the trivial baselines beside them.

Test and validation events update state, never weights.  Every model runs in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from deploy.config import BadConfig
from deploy.dataset import find
from deploy.judge import MODELS, Job
from deploy.protocol import PROTOCOLS, USUAL, _groups

Report = dict[str, Any]
WIDTH = 108  # columns the table needs


def evaluate(
    data: str,
    *,
    protocol: str = "tgb",
    visible: str | None = None,
    models: str | None = None,
    last: float = 0.1,
    quiet: bool = False,
) -> Report:
    """Return the report: the data, the protocol, and a row a model and part.

    Raises:
        BadConfig: An unknown model, protocol, rule or file.
    """
    chosen = [name.strip() for name in models.split(",") if name.strip()] if models else list(MODELS)
    unknown = [name for name in chosen if name not in MODELS]
    if unknown:
        raise BadConfig(f"--models {unknown[0]}: no such model; known: {', '.join(MODELS)}")
    if protocol not in PROTOCOLS:
        raise BadConfig(f"--protocol {protocol}: no such protocol; wanted {', '.join(PROTOCOLS)}")
    import numpy as np

    visible = visible or USUAL[protocol]
    _groups(np.zeros(1, np.int64), np.zeros(1, np.int8), visible)
    found = find(data, online=False)
    if found.path is None:
        raise BadConfig(f"{data}: no file of events; give one, or a folder that holds one")
    report: Report = {"data": found.name, "protocol": protocol, "visible": visible, "events": {}, "rows": []}
    bars = Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True, disable=quiet,
    )  # fmt: skip
    with bars:
        for model in chosen:
            task = bars.add_task(model, total=None)
            out = _run(Job(str(found.path), protocol, visible, model, last), bars, task)
            report["events"] = out["events"]
            report["rows"] += out["rows"]
            bars.remove_task(task)
    return report


def _run(job: Job, bars: Progress, task: Any) -> Report:
    command = [sys.executable, "-P", "-m", "deploy.judge"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        process.stdin.close()
        said = []
        for line in process.stderr:
            words = line.split()
            if len(words) == 2 and words[0].isdigit() and words[1].isdigit():
                bars.update(task, completed=int(words[0]), total=int(words[1]))
            else:
                said.append(line.decode(errors="replace"))
        out = process.stdout.read()
    if process.returncode != 0:
        why = said[-1].strip() if said else f"exit status {process.returncode}"
        raise BadConfig(f"{job.model} on {job.path}: {why}")
    report: Report = msgspec.json.decode(out)
    return report


def table(report: Report) -> Table:
    """Return the report as a table for people, the best figure of each column and part in bold."""
    events = report["events"]
    title = f"{report['data']} · {report['protocol']} · visible {report['visible']} · {events.get('train', 0):,} / {events.get('validation', 0):,} / {events.get('test', 0):,} events"
    made = Table(title=title)
    for name in ("model", "part"):
        made.add_column(name)
    heads = ("MRR", "R@10", "R@20", "NDCG@10", "NDCG@20")
    for name in (*heads, "seconds", "events/s", "MiB"):
        made.add_column(name, justify="right")

    def figures(row: Report) -> list[float]:
        return [row["mrr"], row["recall"]["10"], row["recall"]["20"], row["ndcg"]["10"], row["ndcg"]["20"]]

    for part in ("validation", "test"):
        rows = sorted((row for row in report["rows"] if row["part"] == part), key=lambda row: -row["mrr"])
        best = [max(column) for column in zip(*(figures(row) for row in rows), strict=True)]
        for row in rows:
            shown = [
                f"[bold]{x:.4f}[/bold]" if x == top else f"{x:.4f}"
                for x, top in zip(figures(row), best, strict=True)
            ]
            made.add_row(
                row["model"],
                part,
                *shown,
                f"{row['seconds']:.1f}",
                f"{row['events_per_s']:,}",
                f"{row['peak_rss_mib']:.0f}",
            )
        made.add_section()
    return made


def run(
    data: str,
    *,
    protocol: str,
    visible: str | None,
    models: str | None,
    last: float = 0.1,
    as_json: bool = False,
) -> None:
    """Print the report."""
    report = evaluate(data, protocol=protocol, visible=visible, models=models, last=last, quiet=as_json)
    if as_json:
        print(msgspec.json.encode(report).decode())
    else:
        Console(width=max(Console().width, WIDTH)).print(table(report))
