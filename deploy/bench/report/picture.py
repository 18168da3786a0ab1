"""The report as a picture: a panel a question, peers beside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy.bench.report.page import SWEEPS
from deploy.chart.figure import COLOURS, new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 1_200, 660  # pixels


def draw(figures: dict[str, Any]) -> Figure:
    """Return the picture of a report's figures; a panel without any says so."""
    made = new(WIDTH, HEIGHT)
    axes = made.subplots(2, 3)
    for one, (name, title) in zip(axes.ravel(), SWEEPS.items(), strict=False):
        _sweep(one, name, title, figures.get(name) or [])
    _bars(axes[1, 1], "A backlog, events/s", _speeds(figures.get("backlog")))
    _bars(axes[1, 2], "Over the socket, requests/s", _rates(figures.get("readers")))
    known = figures["machine"]
    made.suptitle(
        f"Riverwalk {known['version']}: {known['cpu']}, {known['cores']} cores, load {figures['load_before'][0]} before and {figures['load_after'][0]} after",
        x=0.01, ha="left", fontsize=12,
    )  # fmt: skip
    return made


def _sweep(axes: Axes, name: str, title: str, rows: list[dict[str, Any]]) -> None:
    axes.set_title(title.replace("the length of the user's ", ""))
    if not rows:
        _none(axes)
        return
    sizes = [row[name] for row in rows]
    for what, colour, dash in zip(("p50_us", "p99_us"), COLOURS, ("-", "--"), strict=False):
        axes.plot(
            sizes, [row[what] for row in rows], dash, marker="o", color=colour, label=what.removesuffix("_us")
        )
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{one:,}" for one in sizes])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel(name)
    axes.set_ylabel("µs a request")
    axes.grid(axis="y")
    axes.legend()


def _bars(axes: Axes, title: str, values: dict[str, float]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title)
    if not values:
        _none(axes)
        return
    drawn = axes.barh(list(values), list(values.values()), color=COLOURS[: len(values)])
    axes.bar_label(drawn, [f"{value:,.0f}" for value in values.values()], padding=3)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.3)
    axes.invert_yaxis()


def _none(axes: Axes) -> None:
    axes.text(0.5, 0.5, "not measured", ha="center", transform=axes.transAxes)
    axes.set_axis_off()


def _speeds(found: dict[str, Any] | None) -> dict[str, float]:
    if found is None:
        return {}
    return {"Riverwalk": found["events_per_s"], "PyG TGNMemory": found["peer_events_per_s"]}


def _rates(found: dict[str, Any] | None) -> dict[str, float]:
    """Return requests a second by what answers them."""
    names = {
        "1 reader": "readers_1_per_s",
        "2 readers": "readers_2_per_s",
        "Redis GET": "readers_2_peer_per_s",
    }
    return {name: found[key] for name, key in names.items() if key in found} if found else {}
