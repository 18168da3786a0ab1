"""Pictures: matplotlib, set up the same way for each, and saved reproducibly as SVG or PNG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.config.schema import BadConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, FAINT, GRID = "#1f2933", "#5b6773", "#e3e7eb"
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
)  # Okabe and Ito: told apart by all eyes
KINDS = (".svg", ".png")
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # words stay words
    "svg.hashsalt": "riverwalk",
    "text.parse_math": False,  # a name may hold dollar signs
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "legend.frameon": False,
    "figure.facecolor": "white",
}


def check(path: str) -> None:
    """See that a picture can be drawn and written there, before anything is measured.

    Raises:
        BadConfig: Its kind is not known, the folder is not there, or matplotlib is not installed.
    """
    file = Path(path)
    if file.suffix.lower() not in KINDS:
        raise BadConfig(
            f"--plot {path}: only SVG and PNG are drawn; write {file.with_suffix('.svg').name} or {file.with_suffix('.png').name}"
        )
    if not file.absolute().parent.is_dir():
        raise BadConfig(f"--plot {path}: no folder {file.absolute().parent}; make it first")
    try:
        import matplotlib  # noqa: F401
    except ImportError as exc:
        raise BadConfig(
            f"--plot {path}: matplotlib draws it and is not installed; pip install 'riverwalk[plot]'"
        ) from exc


def new(width: float, height: float) -> Figure:
    """Return an empty picture; sizes are in pixels of an SVG."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams.update(STYLE)  # type: ignore[arg-type]  # names as text
    return Figure(figsize=(width / 96, height / 96), layout="constrained")


def save(figure: Figure, path: str) -> None:
    """Write a picture; the same figures make the same file."""
    kind = Path(path).suffix.lower()
    figure.savefig(path, dpi=192, metadata={"Date": None} if kind == ".svg" else {"Software": None})
