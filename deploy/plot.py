"""The report of `riverwalk evaluate` as a picture: one SVG, drawn without any library.

Above, the MRR of each model as a bar a part, whiskers one standard deviation over seeds to either side; below, the
MRR by kind of event, for Riverwalk's models and the best of the others.
"""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import Any

from deploy.config import BadConfig
from deploy.report import KINDS, heading

Report = dict[str, Any]
WIDTH, LABEL, PLOT = 900, 200, 560  # of the picture, of the names at the left, of the longest bar; pixels
BAR, GAP = 13, 8
GROUP = 190  # height of the bars by kind
INK, FAINT, GRID = "#1f2933", "#6b7785", "#e3e7eb"
OWN, OTHER = "#1f6feb", "#8a94a0"
COLOURS = ("#1f6feb", "#e8710a", "#2a9d5c", "#8250df", "#b8860b", "#d1437c")
SHOWN = len(COLOURS)  # models in the picture by kind
FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"


def check(path: str) -> None:
    """See that a picture can be written there, before anything is measured.

    Raises:
        BadConfig: It is no SVG, or the folder is not there.
    """
    file = Path(path)
    if file.suffix.lower() != ".svg":
        raise BadConfig(
            f"--plot {path}: only SVG is drawn; write {file.with_suffix('.svg').name}, which a browser shows and prints"
        )
    if not file.absolute().parent.is_dir():
        raise BadConfig(f"--plot {path}: no folder {file.absolute().parent}; make it first")


def svg(report: Report) -> str:
    """Return the picture."""
    parts = list(dict.fromkeys(row["part"] for row in report["rows"]))
    last = parts[-1]
    rows = sorted((row for row in report["rows"] if row["part"] == last), key=lambda row: -row["mrr"])
    bars, below = _bars(report, [row["model"] for row in rows], parts, 76)
    kinds, end = _kinds(_chosen(rows), last, below + 50)
    head = [
        _text(24, 32, heading(report), size=17, weight=600),
        _text(24, 52, _subtitle(report, parts), FAINT),
    ]
    body = "\n".join([*head, *bars, *kinds])
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {end}' width='{WIDTH}' height='{end}' {FONT}>\n"
        f"<rect width='{WIDTH}' height='{end}' fill='#ffffff'/>\n{body}\n</svg>\n"
    )


def _subtitle(report: Report, parts: list[str]) -> str:
    counts = ", ".join(f"{part} {report['events'][part]:,} events" for part in ("train", *parts))
    return f"MRR; {counts}" + ("; whiskers: one standard deviation over seeds" if report["seeds"] > 1 else "")


def _bars(report: Report, models: list[str], parts: list[str], top: float) -> tuple[list[str], float]:
    """Return a bar a model and part, and where they end."""
    found = {(row["model"], row["part"]): row for row in report["rows"]}
    most = max(row["mrr"] + row["mrr_std"] for row in report["rows"])
    ticks = [tick for tick in _ticks(most) if tick <= max(most, 1e-9)]
    scale = PLOT / max(most, 1e-9)
    step = len(parts) * BAR + GAP
    end = top + 22 + len(models) * step
    out = []
    for tick in ticks:
        x = LABEL + tick * scale
        out.append(_line(x, top + 16, x, end, GRID))
        out.append(_text(x, top + 8, f"{tick:g}", FAINT, anchor="middle", size=11))
    for k, model in enumerate(models):
        y = top + 24 + k * step
        bold = 600 if model == "riverwalk" else 400
        middle = y + len(parts) * BAR / 2
        out.append(_text(LABEL - 10, middle + 4, model, anchor="end", weight=bold))
        for j, part in enumerate(parts):
            row = found[model, part]
            fill = OWN if model.startswith("riverwalk") else OTHER
            faint = 0.45 if part != parts[-1] else 1.0
            out.append(_rect(LABEL, y + j * BAR, row["mrr"] * scale, BAR - 1.5, fill, faint))
            right = row["mrr"] * scale
            if row["mrr_std"] > 0:
                at, reach = y + j * BAR + (BAR - 1.5) / 2, row["mrr_std"] * scale
                low, right = LABEL + right - reach, right + reach
                out.append(_line(low, at, LABEL + right, at, INK))
                out += [_line(x, at - 3, x, at + 3, INK) for x in (low, LABEL + right)]
            named = f" {part}" if len(parts) > 1 and k == 0 else ""
            out.append(
                _text(LABEL + right + 6, y + (j + 0.5) * BAR + 3, f"{row['mrr']:.4f}{named}", FAINT, size=11)
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
    ticks = _ticks(max((row["by_kind"][name]["mrr"] for row in rows for name in kinds), default=0.0))
    scale = GROUP / ticks[-1]
    left, right = 60, WIDTH - 24
    out = [_text(24, top, f"MRR by kind of event, {part} part", size=14, weight=600)]
    x = 24.0
    for row, colour in zip(rows, COLOURS, strict=False):
        out.append(_rect(x, top + 16, 11, 11, colour))
        out.append(_text(x + 16, top + 26, row["model"], size=12))
        x += 34 + 6.6 * len(row["model"])
    floor = top + 48 + GROUP
    for tick in ticks:
        out.append(_line(left, floor - tick * scale, right, floor - tick * scale, GRID))
        out.append(_text(left - 8, floor - tick * scale + 4, f"{tick:g}", FAINT, anchor="end", size=11))
    width = (right - left) / max(1, len(kinds))
    bar = min(24.0, (width - 24) / len(rows))
    for k, name in enumerate(kinds):
        middle = left + (k + 0.5) * width
        start = middle - bar * len(rows) / 2
        for j, (row, colour) in enumerate(zip(rows, COLOURS, strict=False)):
            height = row["by_kind"][name]["mrr"] * scale
            out.append(_rect(start + j * bar, floor - height, bar - 2, height, colour))
        out.append(_text(middle, floor + 18, KINDS[name], anchor="middle"))
        count = f"{rows[0]['by_kind'][name]['n']:,} events"
        out.append(_text(middle, floor + 33, count, FAINT, anchor="middle", size=11))
    out.append(_line(left, floor, right, floor, FAINT))
    return out, floor + 52


def _ticks(most: float) -> list[float]:
    """Return round numbers from 0 to at least `most`, five or six of them."""
    if most <= 0:
        return [0.0, 1.0]
    rough = most / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * k for k in (1, 2, 2.5, 5, 10) if unit * k >= rough)
    return [round(k * step, 10) for k in range(math.ceil(round(most / step, 9)) + 1)]


def _text(
    x: float,
    y: float,
    words: str,
    fill: str = INK,
    *,
    anchor: str = "start",
    size: int = 12,
    weight: int = 400,
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' fill='{fill}' font-size='{size}' font-weight='{weight}' "
        f"text-anchor='{anchor}'>{escape(words)}</text>"
    )


def _rect(x: float, y: float, width: float, height: float, fill: str, opacity: float = 1.0) -> str:
    return (
        f"<rect x='{x:.1f}' y='{y:.1f}' width='{max(width, 0.0):.1f}' height='{max(height, 0.0):.1f}' rx='1.5' "
        f"fill='{fill}' fill-opacity='{opacity}'/>"
    )


def _line(x: float, y: float, to_x: float, to_y: float, stroke: str) -> str:
    return f"<line x1='{x:.1f}' y1='{y:.1f}' x2='{to_x:.1f}' y2='{to_y:.1f}' stroke='{stroke}'/>"
