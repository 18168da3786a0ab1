"""The pictures of a comparison: quality against cost, by events a user has, by age of the item, learning curves, layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from deploy.chart.figure import COLOURS, FAINT, INK, new
from deploy.compare.report.table import heading, ran
from deploy.evaluate.verdict.legend import COUNT, FACTOR, FAMILIES, GRAPH, ITEM, OWN, TEMPORAL, WALK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Report = dict[str, Any]
WIDTH, HIGH = 960, 560
COLOUR = {
    OWN: COLOURS[0],
    GRAPH: COLOURS[1],
    ITEM: COLOURS[2],
    FACTOR: COLOURS[3],
    WALK: COLOURS[4],
    TEMPORAL: COLOURS[5],
    COUNT: "#8a94a0",
}
DASHES = ("-", "--", ":", "-.")
LINES = 8  # of curves, that a picture holds
LABEL_PX, LETTER_PX = 12, 5.6  # height of a name, width of a letter
PLACES = (
    (8, 0),
    (8, 9),
    (8, -9),
    (-8, 0),
    (-8, 9),
    (-8, -9),
    (8, 18),
    (8, -18),
)  # of a name, from its point; pixels


def _empty(report: Report, title: str, high: int = HIGH) -> tuple[Figure, Axes]:
    figure = new(WIDTH, high)
    axes = figure.subplots()
    figure.suptitle(f"{title}\n", x=0.01, ha="left", fontsize=13, fontweight="bold")
    figure.text(0.01, 1 - 34 / (figure.get_figheight() * 96), heading(report), color=FAINT, va="top")
    axes.grid(axis="y")
    return figure, axes


def quality(report: Report) -> Figure | None:
    """Draw MRR against the computing time of a run, fit and judging together; up and left is better."""
    rows = ran(report)
    figure, axes = _empty(report, "Quality against cost", 720)
    for family, about in FAMILIES.items():
        own = [row for row in rows if row["family"] == family]
        if own:
            seconds, mrr = [max(0.01, row["seconds"]) for row in own], [row["mrr"] for row in own]
            live = [row["model"].endswith("-live") for row in own]
            axes.scatter(
                seconds,
                mrr,
                s=46,
                color=COLOUR[family],
                label=about,
                zorder=3,
                edgecolors=[INK if one else "white" for one in live],
            )
    axes.set_xscale("log")
    axes.set_xlabel("seconds of computing, fit and judging (dark rim: live history)")
    axes.set_ylabel("MRR")
    axes.set_ylim(0, 1.08 * max(row["mrr"] for row in rows))
    axes.margins(x=0.14)
    for ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        ticks(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "125" else "")
    _names(figure, axes, rows)
    figure.legend(loc="outside lower center", ncols=3, handlelength=1, columnspacing=1.4)
    return figure


def _names(figure: Figure, axes: Axes, rows: list[Report]) -> None:
    """Write names beside the points, the leading ones first; a name without room near its point is left out."""
    figure.draw_without_rendering()
    at = {row["model"]: axes.transData.transform((max(0.01, row["seconds"]), row["mrr"])) for row in rows}
    taken = [(x - 5, x + 5, y) for x, y in at.values()]
    for row in sorted(rows, key=lambda row: (row not in _front(rows), -row["mrr"])):
        x, y = at[row["model"]]
        wide = LETTER_PX * len(row["model"])
        for dx, dy in PLACES:
            left = x + dx if dx > 0 else x + dx - wide
            if not any(
                low < left + wide and left < high and abs(y + dy - other) < LABEL_PX
                for low, high, other in taken
            ):
                taken.append((left, left + wide, y + dy))
                axes.annotate(
                    row["model"], (max(0.01, row["seconds"]), row["mrr"]), textcoords="offset points",
                    xytext=((left - x) * 72 / figure.dpi, dy * 72 / figure.dpi), fontsize=8, color=INK, va="center",
                )  # fmt: skip
                break


def _front(rows: list[Report]) -> list[Report]:
    """Return the best row of each family, and those that no quicker one beats."""
    best = {row["family"]: row for row in sorted(rows, key=lambda row: row["mrr"])}
    quick = [
        row for row in rows if not any(o["mrr"] > row["mrr"] and o["seconds"] <= row["seconds"] for o in rows)
    ]
    return [row for row in rows if row in quick or row in best.values() or row["family"] == OWN]


def _leaders(report: Report) -> list[Report]:
    """Return the best row of each family, the best first."""
    found: dict[str, Report] = {}
    for row in ran(report):
        found.setdefault(row["family"], row)
    return list(found.values())


def _by_band(report: Report, field: str, title: str, what: str) -> Figure | None:
    rows = _leaders(report)
    bands = list(dict.fromkeys(name for row in rows for name in row[field]))
    if len(bands) < 2:
        return None
    figure, axes = _empty(report, title)
    for row, dash in zip(rows, DASHES * len(rows), strict=False):
        heights = [row[field].get(name, {"mrr": float("nan")})["mrr"] for name in bands]
        axes.plot(
            range(len(bands)),
            heights,
            dash,
            marker="o",
            color=COLOUR[row["family"]],
            label=row["model"],
            linewidth=2,
        )
    counts = [next(row[field][name]["n"] for row in rows if name in row[field]) for name in bands]
    axes.set_xticks(
        range(len(bands)), [f"{name}\n{n:,} events" for name, n in zip(bands, counts, strict=True)], color=INK
    )
    axes.set_xlabel(what)
    axes.set_ylabel("MRR")
    axes.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", ncols=4, handlelength=3)
    return figure


def events(report: Report) -> Figure | None:
    """Draw MRR by the events a user has had, for the best model of each family."""
    return _by_band(
        report, "by_events", "By events a user has", "events of the user before the one that is judged"
    )


def age(report: Report) -> Figure | None:
    """Draw MRR by the age of the item, for the best model of each family."""
    return _by_band(
        report, "by_age", "By age of the item", "since the first event of the item that was taken"
    )


def _fitted(report: Report, field: str) -> list[Report]:
    """Return the rows of models with a curve or layers, once each."""
    return [row for row in ran(report) if row[field] and not row["model"].endswith("-live")][:LINES]


def _colours(count: int) -> list[tuple[str, str]]:
    return [(COLOURS[k % len(COLOURS)], DASHES[k // len(COLOURS) % len(DASHES)]) for k in range(count)]


def curves(report: Report) -> Figure | None:
    """Draw recall of held events against the seconds of a fit."""
    rows = [row for row in _fitted(report, "curve") if any(point[3] is not None for point in row["curve"])]
    if not rows:
        return None
    figure, axes = _empty(report, "Learning curves")
    for row, (colour, dash) in zip(rows, _colours(len(rows)), strict=True):
        points = [(seconds, recall) for _, seconds, _, recall in row["curve"] if recall is not None]
        axes.plot(
            *zip(*points, strict=True),
            dash,
            color=colour,
            label=row["model"],
            linewidth=1.8,
            marker="." if len(points) < 3 else "",
        )
    axes.set_xlabel("seconds of the fit")
    axes.set_ylabel("recall@20 of events held out of training")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    figure.legend(loc="outside lower center", ncols=4, handlelength=3)
    return figure


def layers(report: Report) -> Figure | None:
    """Draw how alike node vectors are after each layer: at 1 all are the same, which is over-smoothing."""
    rows = [row for row in _fitted(report, "smoothness") if len(row["smoothness"]) > 1]
    if not rows:
        return None
    figure, axes = _empty(report, "Over-smoothing by layer")
    deepest = max(len(row["smoothness"]) for row in rows)
    for row, (colour, dash) in zip(rows, _colours(len(rows)), strict=True):
        axes.plot(
            range(len(row["smoothness"])),
            row["smoothness"],
            dash,
            marker="o",
            color=colour,
            label=row["model"],
            linewidth=1.8,
        )
    axes.set_xticks(range(deepest))
    axes.set_xlabel("layer, 0 before any")
    axes.set_ylabel("mean cosine of two nodes' vectors")
    figure.legend(loc="outside lower center", ncols=4, handlelength=3)
    return figure


PICTURES: tuple[tuple[str, str, Callable[[Report], Figure | None]], ...] = (
    ("quality", "Quality against cost", quality),
    ("events", "By events a user has", events),
    ("age", "By age of the item", age),
    ("curves", "Learning curves", curves),
    ("layers", "Over-smoothing by layer", layers),
)
