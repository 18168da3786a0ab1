"""The report of `riverwalk evaluate` as a picture: one SVG, drawn without any library.

Above, the MRR of each model as a bar a part, whiskers one standard deviation over seeds to either side; below, the
MRR by kind of event, for Riverwalk's models and the best of the others.
"""

from __future__ import annotations

from typing import Any

from deploy.chart.svg import (
    COLOURS,
    FAINT,
    GRID,
    INK,
    check,
    line,
    page,
    rect,
    text,
    ticks,
)
from deploy.evaluate.report import KINDS, best_first, heading

__all__ = ["check", "svg"]

Report = dict[str, Any]
WIDTH, LABEL, PLOT = 900, 200, 560  # of the picture, of the names at the left, of the longest bar; pixels
BAR, GAP = 13, 8
GROUP = 190  # height of the bars by kind
OWN, OTHER = "#1f6feb", "#8a94a0"
SHOWN = len(COLOURS)  # models in the picture by kind


def svg(report: Report) -> str:
    """Return the picture."""
    parts = list(dict.fromkeys(row["part"] for row in report["rows"]))
    last = parts[-1]
    rows = best_first(report, last)
    bars, below = _bars(report, [row["model"] for row in rows], parts, 76)
    kinds, end = _kinds(_chosen(rows), last, below + 50)
    head = [
        text(24, 32, heading(report), size=17, weight=600),
        text(24, 52, _subtitle(report, parts), FAINT),
    ]
    return page(WIDTH, end, [*head, *bars, *kinds])


def _subtitle(report: Report, parts: list[str]) -> str:
    counts = ", ".join(f"{part} {report['events'][part]:,} events" for part in ("train", *parts))
    return f"MRR; {counts}" + ("; whiskers: one standard deviation over seeds" if report["seeds"] > 1 else "")


def _bars(report: Report, models: list[str], parts: list[str], top: float) -> tuple[list[str], float]:
    """Return a bar a model and part, and where they end."""
    found = {(row["model"], row["part"]): row for row in report["rows"]}
    most = max(row["mrr"] + row["mrr_std"] for row in report["rows"])
    marks = [tick for tick in ticks(most) if tick <= max(most, 1e-9)]
    scale = PLOT / max(most, 1e-9)
    step = len(parts) * BAR + GAP
    end = top + 22 + len(models) * step
    out = []
    for tick in marks:
        x = LABEL + tick * scale
        out.append(line(x, top + 16, x, end, GRID))
        out.append(text(x, top + 8, f"{tick:g}", FAINT, anchor="middle", size=11))
    for k, model in enumerate(models):
        y = top + 24 + k * step
        bold = 600 if model == "riverwalk" else 400
        middle = y + len(parts) * BAR / 2
        out.append(text(LABEL - 10, middle + 4, model, anchor="end", weight=bold))
        for j, part in enumerate(parts):
            row = found[model, part]
            fill = OWN if model.startswith("riverwalk") else OTHER
            faint = 0.45 if part != parts[-1] else 1.0
            out.append(rect(LABEL, y + j * BAR, row["mrr"] * scale, BAR - 1.5, fill, faint))
            right = row["mrr"] * scale
            if row["mrr_std"] > 0:
                at, reach = y + j * BAR + (BAR - 1.5) / 2, row["mrr_std"] * scale
                low, right = LABEL + right - reach, right + reach
                out.append(line(low, at, LABEL + right, at, INK))
                out += [line(x, at - 3, x, at + 3, INK) for x in (low, LABEL + right)]
            named = f" {part}" if len(parts) > 1 and k == 0 else ""
            out.append(
                text(LABEL + right + 6, y + (j + 0.5) * BAR + 3, f"{row['mrr']:.4f}{named}", FAINT, size=11)
            )
    return out, end


def _chosen(rows: list[Report]) -> list[Report]:
    """Return the rows to show by kind, best first: Riverwalk, its counted features, the blend, then the best."""
    first = [row for row in rows if row["model"] in ("riverwalk", "riverwalk-counted", "blend")]
    others = [row for row in rows if row not in first and row["model"] != "riverwalk-served"]
    own = [row for row in others if row["model"].startswith("riverwalk")]
    trivial = [row for row in others if row not in own]
    kept = [*first, *trivial[: max(1, SHOWN - len(first))], *own][:SHOWN]
    return sorted(kept, key=lambda row: -row["mrr"])


def _kinds(rows: list[Report], part: str, top: float) -> tuple[list[str], float]:
    """Return a group of bars a kind of event, a bar a model, and where they end."""
    kinds = [name for name in KINDS if rows[0]["by_kind"][name]["n"]]
    marks = ticks(max((row["by_kind"][name]["mrr"] for row in rows for name in kinds), default=0.0))
    scale = GROUP / marks[-1]
    left, right = 60, WIDTH - 24
    out = [text(24, top, f"MRR by kind of event, {part} part", size=14, weight=600)]
    x = 24.0
    for row, colour in zip(rows, COLOURS, strict=False):
        out.append(rect(x, top + 16, 11, 11, colour))
        out.append(text(x + 16, top + 26, row["model"], size=12))
        x += 34 + 6.6 * len(row["model"])
    floor = top + 48 + GROUP
    for tick in marks:
        out.append(line(left, floor - tick * scale, right, floor - tick * scale, GRID))
        out.append(text(left - 8, floor - tick * scale + 4, f"{tick:g}", FAINT, anchor="end", size=11))
    width = (right - left) / max(1, len(kinds))
    bar = min(24.0, (width - 24) / len(rows))
    for k, name in enumerate(kinds):
        middle = left + (k + 0.5) * width
        start = middle - bar * len(rows) / 2
        for j, (row, colour) in enumerate(zip(rows, COLOURS, strict=False)):
            height = row["by_kind"][name]["mrr"] * scale
            out.append(rect(start + j * bar, floor - height, bar - 2, height, colour))
        out.append(text(middle, floor + 18, KINDS[name], anchor="middle"))
        count = f"{rows[0]['by_kind'][name]['n']:,} events"
        out.append(text(middle, floor + 33, count, FAINT, anchor="middle", size=11))
    out.append(line(left, floor, right, floor, FAINT))
    return out, floor + 52
