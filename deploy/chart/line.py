"""Measures over time as a picture: a panel a measure, a line a thing measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deploy.chart.figure import COLOURS, FAINT, new

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HIGH = 900, 190  # of the picture, of a panel; pixels
DASHES = ("-", "--", ":", "-.")  # lines that lie on each other can be told apart


class Panel(NamedTuple):
    """One measure: values by name, float64 [n] each, one a step of time."""

    title: str
    values: dict[str, np.ndarray]


def draw(title: str, subtitle: str, steps: str, panels: list[Panel]) -> Figure:
    """Return the picture; `steps` says what the values stand beside each other for."""
    figure = new(WIDTH, HIGH * len(panels) + 90)
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for one, panel in zip(axes, panels, strict=True):
        for (name, values), colour, dash in zip(panel.values.items(), COLOURS, DASHES, strict=False):
            one.plot(np.arange(values.shape[0]) + 0.5, values, dash, color=colour, linewidth=2, label=name)
        one.set_title(panel.title)
        one.set_ylim(bottom=0)
        one.grid(axis="y")
        one.yaxis.set_major_formatter(
            lambda value, _: f"{value / 1e6:g} M" if value >= 1e6 else f"{value:,g}"
        )
    axes[-1].set_xlabel(steps)
    axes[-1].set_xlim(left=0)
    handles, names = axes[0].get_legend_handles_labels()
    figure.suptitle(f"{title}\n", x=0.01, ha="left", fontsize=13, fontweight="bold")
    figure.text(0.01, 1 - 34 / (figure.get_figheight() * 96), subtitle, color=FAINT, va="top")
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), handlelength=3)
    return figure
