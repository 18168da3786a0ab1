"""What pictures are drawn with: shapes, colours, round numbers; SVG without any library."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path

from deploy.config.schema import BadConfig

INK, FAINT, GRID = "#1f2933", "#6b7785", "#e3e7eb"
COLOURS = ("#1f6feb", "#e8710a", "#2a9d5c", "#8250df", "#b8860b", "#d1437c")
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


def page(width: float, height: float, shapes: list[str]) -> str:
    """Return the picture."""
    body = "\n".join(shapes)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' {FONT}>\n"
        f"<rect width='{width}' height='{height}' fill='#ffffff'/>\n{body}\n</svg>\n"
    )


def ticks(most: float) -> list[float]:
    """Return round numbers from 0 to at least `most`, five or six of them."""
    if most <= 0:
        return [0.0, 1.0]
    rough = most / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * k for k in (1, 2, 2.5, 5, 10) if unit * k >= rough)
    return [round(k * step, 10) for k in range(math.ceil(round(most / step, 9)) + 1)]


def text(
    x: float,
    y: float,
    words: str,
    fill: str = INK,
    *,
    anchor: str = "start",
    size: int = 12,
    weight: int = 400,
) -> str:
    """Return words at a point; `anchor` says which end of them stands there."""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' fill='{fill}' font-size='{size}' font-weight='{weight}' "
        f"text-anchor='{anchor}'>{escape(words)}</text>"
    )


def rect(x: float, y: float, width: float, height: float, fill: str, opacity: float = 1.0) -> str:
    """Return a filled rectangle."""
    return (
        f"<rect x='{x:.1f}' y='{y:.1f}' width='{max(width, 0.0):.1f}' height='{max(height, 0.0):.1f}' rx='1.5' "
        f"fill='{fill}' fill-opacity='{opacity}'/>"
    )


def line(x: float, y: float, to_x: float, to_y: float, stroke: str) -> str:
    """Return a straight line."""
    return f"<line x1='{x:.1f}' y1='{y:.1f}' x2='{to_x:.1f}' y2='{to_y:.1f}' stroke='{stroke}'/>"


def path(points: list[tuple[float, float]], stroke: str, *, width: float = 2.0, dash: str = "") -> str:
    """Return a line through points."""
    through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashed = f" stroke-dasharray='{dash}'" if dash else ""
    return (
        f"<polyline points='{through}' fill='none' stroke='{stroke}' stroke-width='{width:g}'{dashed} "
        f"stroke-linejoin='round'/>"
    )
