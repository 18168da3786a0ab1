"""The figures as a table for people: quality beside cost, the best first, then what the names mean and the verdict."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

Report = dict[str, Any]


def ran(report: Report) -> list[dict[str, Any]]:
    """Return the rows that have figures, the largest MRR first."""
    rows = [row for row in report["rows"] if row["skipped"] is None]
    return sorted(rows, key=lambda row: -row["mrr"])


def heading(report: Report) -> str:
    """Return in one line what was measured, and how."""
    new = ", new items only" if report["new_only"] else ""
    seeds = f" · {report['seeds']} seeds" if report["seeds"] > 1 else ""
    share = f" · {100 * report['share']:.0f} % of the users" if report["share"] < 1 else ""
    return (
        f"{report['data']} · {report['protocol']}{new} · visible {report['visible']}{seeds}{share} · "
        f"{report['judged']:,} events judged"
    )


def size(count: float) -> str:
    """Return bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def table(report: Report) -> Table:
    """Return the figures of each model; the best of each column in bold."""
    made = Table(title=heading(report))
    for name in ("model", "family"):
        made.add_column(name, no_wrap=True)
    for name in ("MRR", "R@10", "R@20", "P@20", "NDCG@20", "hit@20", "train s", "query ms", "kept", "MiB"):
        made.add_column(name, justify="right", no_wrap=True)
    rows = ran(report)
    figures = [_figures(row) for row in rows]
    best = [max(column) for column in zip(*figures, strict=True)]
    for row, own in zip(rows, figures, strict=True):
        shown = [
            f"[bold]{x:.4f}[/bold]" if x == top else f"{x:.4f}" for x, top in zip(own, best, strict=True)
        ]
        if row["seeds"] > 1 and row["mrr_std"]:
            shown[0] += f" ±{row['mrr_std']:.4f}"
        cost = (
            f"{row['train_s']:.1f}",
            f"{row['query_ms']:.3f}",
            size(row["bytes"]),
            f"{row['peak_rss_mib']:.0f}",
        )
        made.add_row(row["model"] + (" ✂" if row["cut"] else ""), row["family"], *shown, *cost)
    return made


def _figures(row: Report) -> list[float]:
    return [
        row["mrr"], row["recall"]["10"], row["recall"]["20"], row["precision"]["20"], row["ndcg"]["20"], row["hit"]["20"],
    ]  # fmt: skip


def show(report: Report) -> None:
    """Print the table, what the names mean, what was left out, and the verdict."""
    console = Console()
    made = table(report)
    console.width = max(console.width, Console(width=1_000).measure(made).maximum)
    console.print(made)
    if any(row["skipped"] is None and row["cut"] for row in report["rows"]):
        console.print("✂ its fit was cut short", style="dim", highlight=False)
    wide = max(map(len, report["legend"]))
    for name, about in report["legend"].items():
        console.print(f"{name:<{wide}}  {about}", style="dim", highlight=False, markup=False)
    for row in report["rows"]:
        if row["skipped"] is not None:
            console.print(
                f"skipped: {row['model']}: {row['skipped']}", style="dim", highlight=False, markup=False
            )
    for name, why in report["left_out"].items():
        console.print(f"left out: {name}: {why}", style="dim", highlight=False, markup=False)
    for sentence in report["verdict"]:
        console.print(f"• {sentence}", highlight=False, markup=False)
