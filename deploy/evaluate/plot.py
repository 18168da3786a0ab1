"""The report of `riverwalk evaluate` as a picture.

Above, the MRR of each model as a bar a part, whiskers one standard deviation over seeds to either side; below, the
MRR by kind of event, for Riverwalk's models and the best of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deploy.chart.figure import COLOURS, FAINT, INK, new
from deploy.evaluate.report import KINDS, best_first, heading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Report = dict[str, Any]
WIDTH, BAR, HEAD, GROUP = (
    900,
    21,
    130,
    300,
)  # of the picture, a model and part, the words, the bars by kind; pixels
OWN, OTHER = COLOURS[0], "#8a94a0"
SHOWN = len(COLOURS)  # models in the picture by kind


def draw(report: Report) -> Figure:
    """Return the picture."""
    parts = list(dict.fromkeys(row["part"] for row in report["rows"]))
    rows = best_first(report, parts[-1])
    bars = len(rows) * len(parts) * BAR + 40
    figure = new(WIDTH, HEAD + bars + GROUP)
    above, below = figure.subplots(2, 1, height_ratios=[bars, GROUP])
    _bars(above, report, [row["model"] for row in rows], parts)
    _kinds(below, _chosen(rows), parts[-1])
    figure.suptitle(f"{heading(report)}\n", x=0.01, ha="left", fontsize=13, fontweight="bold")
    y = 1 - 34 / (figure.get_figheight() * 96)
    figure.text(0.01, y, _subtitle(report, parts), color=FAINT, va="top")
    return figure


def _subtitle(report: Report, parts: list[str]) -> str:
    counts = ", ".join(f"{part} {report['events'][part]:,} events" for part in ("train", *parts))
    return f"MRR; {counts}" + ("; whiskers: one standard deviation over seeds" if report["seeds"] > 1 else "")


def _bars(axes: Axes, report: Report, models: list[str], parts: list[str]) -> None:
    """Draw a bar a model and part, the best model on top."""
    found = {(row["model"], row["part"]): row for row in report["rows"]}
    high = 0.8 / len(parts)
    for j, part in enumerate(parts):
        rows = [found[model, part] for model in models]
        at = np.arange(len(models)) + (j - (len(parts) - 1) / 2) * high
        colours = [OWN if model.startswith("riverwalk") else OTHER for model in models]
        spread = [row["mrr_std"] or np.nan for row in rows]  # no whisker where nothing spreads
        drawn = axes.barh(
            at, [row["mrr"] for row in rows], height=high * 0.9, color=colours,
            alpha=1.0 if part == parts[-1] else 0.45, xerr=None if np.isnan(spread).all() else spread,
            error_kw={"ecolor": INK, "elinewidth": 1, "capsize": 2},
        )  # fmt: skip
        labels = [f"{row['mrr']:.4f}" for row in rows]
        if len(parts) > 1:
            labels[0] += f" {part}"
        axes.bar_label(drawn, labels, padding=4, color=FAINT, fontsize=8.5)
    axes.set_yticks(range(len(models)), models, color=INK)
    axes.margins(x=0.16)
    axes.set_xlim(left=0)
    axes.set_ylim(len(models) - 0.5, -0.5)
    axes.grid(axis="x")
    axes.tick_params(left=False, top=True, labeltop=True, bottom=False, labelbottom=False)


def _chosen(rows: list[Report]) -> list[Report]:
    """Return the rows to show by kind, best first: Riverwalk, its counted features, the blend, then the best."""
    first = [row for row in rows if row["model"] in ("riverwalk", "riverwalk-counted", "blend")]
    others = [row for row in rows if row not in first and row["model"] != "riverwalk-served"]
    own = [row for row in others if row["model"].startswith("riverwalk")]
    trivial = [row for row in others if row not in own]
    kept = [*first, *trivial[: max(1, SHOWN - len(first))], *own][:SHOWN]
    return sorted(kept, key=lambda row: -row["mrr"])


def _kinds(axes: Axes, rows: list[Report], part: str) -> None:
    """Draw a group of bars a kind of event, a bar a model."""
    kinds = [name for name in KINDS if rows[0]["by_kind"][name]["n"]]
    wide = 0.8 / len(rows)
    for j, (row, colour) in enumerate(zip(rows, COLOURS, strict=False)):
        at = np.arange(len(kinds)) + (j - (len(rows) - 1) / 2) * wide
        heights = [row["by_kind"][name]["mrr"] for name in kinds]
        axes.bar(at, heights, width=wide * 0.92, color=colour, label=row["model"])
    counts = [f"{KINDS[name]}\n{rows[0]['by_kind'][name]['n']:,} events" for name in kinds]
    axes.set_xticks(range(len(kinds)), counts, color=INK)
    axes.tick_params(bottom=False)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")
    axes.set_title(f"MRR by kind of event, {part} part", pad=26)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(rows), handlelength=1, columnspacing=1.2)
