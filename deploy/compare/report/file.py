"""The report of a comparison as files: report.md with pictures, rows.csv, report.json."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import msgspec

from deploy.chart import figure
from deploy.compare.report import picture
from deploy.compare.report.table import heading, ran, size
from deploy.config.schema import BadConfig
from deploy.evaluate.score import TOP
from deploy.evaluate.verdict.legend import FAMILIES

Report = dict[str, Any]
MEASURES = ("recall", "precision", "ndcg", "hit")


def check(folder: str) -> None:
    """See that a report can be written there, before anything is measured.

    Raises:
        BadConfig: The folder cannot be made or written, or matplotlib is not installed.
    """
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / "report.md").touch()
    except OSError as exc:
        raise BadConfig(
            f"--report {folder}: cannot be written ({exc.strerror}); name another folder"
        ) from exc
    try:
        import matplotlib  # noqa: F401
    except ImportError as exc:
        raise BadConfig(
            f"--report {folder}: matplotlib draws its pictures and is not installed; pip install 'riverwalk[plot]'"
        ) from exc


def write(report: Report, folder: str) -> None:
    """Write the report's files into the folder."""
    place = Path(folder)
    drawn = []
    for name, title, make in picture.PICTURES:
        made = make(report)
        (place / f"{name}.png").unlink(missing_ok=True)
        if made is not None:
            figure.save(made, str(place / f"{name}.png"))
            drawn.append((name, title))
    (place / "report.md").write_text(markdown(report, drawn), encoding="utf-8")
    (place / "rows.csv").write_text(table(report), encoding="utf-8")
    (place / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))


def markdown(report: Report, drawn: list[tuple[str, str]]) -> str:
    """Return the report as Markdown: the verdict first, then figures, pictures, and what everything means."""
    parts = " · ".join(f"{part} {begin} – {end}" for part, (begin, end) in report["times"].items())
    lines = [
        "# Which model for this log?", "", heading(report), "", f"{parts}", "", "## Verdict", "",
        *(f"- {one}" for one in report["verdict"]), "", "## Figures", "",
        "| model | MRR | R@10 | R@20 | P@20 | NDCG@20 | hit@20 | train s | query ms | kept | peak MiB | events/s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in ran(report):
        spread = f" ±{row['mrr_std']:.4f}" if row["mrr_std"] else ""
        lines.append(
            f"| {row['model']}{' (fit cut short)' if row['cut'] else ''} | {row['mrr']:.4f}{spread} | {row['recall']['10']:.4f} "
            f"| {row['recall']['20']:.4f} | {row['precision']['20']:.4f} | {row['ndcg']['20']:.4f} | {row['hit']['20']:.4f} "
            f"| {row['train_s']:.1f} | {row['query_ms']:.3f} | {size(row['bytes'])} | {row['peak_rss_mib']:.0f} "
            f"| {row['events_per_s']:,.0f} |"
        )
    skipped = [f"- {row['model']}: {row['skipped']}" for row in report["rows"] if row["skipped"] is not None]
    skipped += [f"- {name}: {why}" for name, why in report["left_out"].items()]
    lines += ["", "Left out:", "", *skipped] if skipped else []
    lines += ["", "## New users and items", "", *_cold(report)]
    for name, title in drawn:
        lines += ["", f"## {title}", "", f"![{title}]({name}.png)"]
    lines += ["", "## Names", "", "| model | family | |", "|---|---|---|"]
    family = {row["model"]: row["family"] for row in report["rows"]}
    lines += [f"| {name} | {FAMILIES[family[name]]} | {about} |" for name, about in report["legend"].items()]
    return "\n".join([*lines, ""])


def _cold(report: Report) -> list[str]:
    lines = [
        "| model | users without training events, by | MRR / R@20 | items without, by | MRR / R@20 |",
        "|---|---|---|---|---|",
    ]
    for row in ran(report):
        cells = []
        for one in (row["cold_users"], row["cold_items"]):
            if one == "cannot":
                cells += ["cannot", "–"]
            else:
                found = (
                    "–"
                    if one["mrr"] is None
                    else f"{one['mrr']:.4f} / {one['recall']['20']:.4f} ({one['n']:,} events)"
                )
                cells += [one["how"], found]
        lines.append(f"| {row['model']} | {' | '.join(cells)} |")
    return lines


def table(report: Report) -> str:
    """Return the rows as CSV, a line a model."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [f"{measure}{k}" for measure in MEASURES for k in TOP]
    costs = (
        "train_s",
        "query_ms",
        "peak_rss_mib",
        "bytes",
        "seeds",
        "mrr_std",
        "seconds",
        "events_per_s",
        "skipped",
    )
    writer.writerow(["model", "family", "part", "mrr", *names, *costs])
    for row in report["rows"]:
        figures = [row[measure][str(k)] for measure in MEASURES for k in TOP]
        writer.writerow(
            [
                row["model"],
                row["family"],
                row["part"],
                row["mrr"],
                *figures,
                *(row.get(name) for name in costs),
            ]
        )
    return out.getvalue()
