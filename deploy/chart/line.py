"""Measures over time as a picture: a panel a measure, a line a thing measured; SVG in the manner of `plot`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deploy.chart.svg import (
    COLOURS,
    FAINT,
    GRID,
    line,
    page,
    path,
    text,
    ticks,
)

WIDTH, LEFT, RIGHT = 900, 84, 876
HIGH, ROOM = 150, 60  # of a panel, and between two; pixels
DASHES = ("", "7 4", "2 3", "9 3 2 3")  # lines that lie on each other can be told apart


class Panel(NamedTuple):
    """One measure: values by name, float64 [n] each, one a step of time."""

    title: str
    values: dict[str, np.ndarray]


def svg(title: str, subtitle: str, steps: str, panels: list[Panel]) -> str:
    """Return the picture; `steps` says what the values stand beside each other for."""
    names = list(panels[0].values)
    shapes = [text(24, 32, title, size=17, weight=600), text(24, 52, subtitle, FAINT)]
    x = 24.0
    for name, colour, dash in zip(names, COLOURS, DASHES, strict=False):
        shapes.append(path([(x, 73), (x + 26, 73)], colour, width=2.5, dash=dash))
        shapes.append(text(x + 33, 77, name))
        x += 62 + 6.6 * len(name)
    top = 118.0
    for panel in panels:
        shapes += _panel(panel, top)
        top += HIGH + ROOM
    n = len(next(iter(panels[0].values.values())))
    floor = top - ROOM
    for tick in ticks(n):
        if tick <= n:
            shapes.append(text(_x(tick, n), floor + 18, f"{tick:g}", FAINT, anchor="middle", size=11))
    shapes.append(text((LEFT + RIGHT) / 2, floor + 38, steps, FAINT, anchor="middle"))
    return page(WIDTH, floor + 56, shapes)


def _panel(panel: Panel, top: float) -> list[str]:
    most = max(float(np.nanmax(values)) for values in panel.values.values())
    marks = ticks(most)
    floor = top + HIGH
    out = [text(24, top - 14, panel.title, size=13, weight=600)]
    for tick in marks:
        y = floor - tick / marks[-1] * HIGH
        out.append(line(LEFT, y, RIGHT, y, GRID if tick else FAINT))
        out.append(
            text(
                LEFT - 8,
                y + 4,
                f"{tick:,g}" if tick < 1e6 else f"{tick / 1e6:g} M",
                FAINT,
                anchor="end",
                size=11,
            )
        )
    for values, colour, dash in zip(panel.values.values(), COLOURS, DASHES, strict=False):
        n = values.shape[0]
        points = [
            (_x(k + 0.5, n), floor - y / marks[-1] * HIGH) for k, y in enumerate(values.tolist()) if y == y
        ]
        out.append(path(points, colour, dash=dash))
    return out


def _x(step: float, n: int) -> float:
    return LEFT + step / n * (RIGHT - LEFT)
