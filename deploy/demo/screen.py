"""The demo's screen, and its one-line form where the output is no terminal."""

import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from deploy.client.gauge import Reading
from deploy.demo.follow import Pick, Taken

ACCENT = "cyan"
GOOD = "green"
DIM = "bright_black"
BLOCKS = " ▁▂▃▄▅▆▇█"
RANKERS = {
    "riverwalk": "Riverwalk",
    "blend": "  nothing learned",
    "own_recency": "own items, newest",
    "popularity": "popularity",
}


class Snapshot(msgspec.Struct, frozen=True):
    """Everything the picture is drawn from.  Freshness in milliseconds, None before it was measured."""

    source: str
    elapsed_s: float
    sent: int
    total: int
    reading: Reading
    rates: tuple[float, ...] = ()
    fresh_p50: float | None = None
    fresh_p99: float | None = None
    user: str = ""
    taken: tuple[Taken, ...] = ()
    picks: tuple[Pick, ...] = ()
    changes: int = 0


def picture(shot: Snapshot, width: int) -> RenderableType:
    """The whole screen, for this many columns."""
    width = min(width, 120)
    half = width // 2
    middle = Table.grid(padding=0)
    middle.add_column(width=half)
    middle.add_column(width=width - half)
    middle.add_row(
        _panel(_stream(shot, half - 4), "stream", half, 8),
        _panel(_quality(shot, width - half - 4), "live quality", width - half, 8),
    )
    return Group(
        _panel(_progress(shot, width - 4), "riverwalk", width),
        middle,
        _panel(
            _user(shot, width - 4), f"user {shot.user}, recommendations changed {shot.changes:,} times", width
        ),
    )


def line(shot: Snapshot) -> str:
    """The same in one plain line."""
    reading = shot.reading
    parts = [
        f"[{shot.elapsed_s:4.0f} s]",
        f"{shot.sent:,} of {shot.total:,} events,",
        f"{reading.events_per_s:,.0f}/s, lag {reading.number('lag'):,},",
        f"freshness p50 {_ms(shot.fresh_p50)} p99 {_ms(shot.fresh_p99)},",
        f"{reading.number('users'):,} users {reading.number('items'):,} items {reading.number('edges'):,} edges;",
        "MRR " + " ".join(f"{name} {one.mrr:.3f}" for name, one in reading.quality.items()) + ";",
        f"{shot.user}: {', '.join(one.title for one in shot.taken[:1]) or 'nothing yet'}",
        f"-> {', '.join(one.title for one in shot.picks[:3]) or 'nothing yet'}",
    ]
    return " ".join(parts)


def svg(shot: Snapshot) -> str:
    """The picture as an SVG file that loads nothing from elsewhere."""
    console = Console(
        record=True, width=110, force_terminal=True, color_system="truecolor", file=io.StringIO()
    )
    console.print(picture(shot, 110))
    drawn = console.export_svg(title="riverwalk demo")
    drawn = re.sub(r"\s*@font-face \{.*?\}\n", "", drawn, flags=re.DOTALL)
    return drawn.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")


def sparkline(values: Sequence[float], width: int) -> str:
    """The last values as a row of blocks, the highest of them full."""
    shown = list(values)[-width:]
    top = max(shown, default=0.0)
    if top <= 0:
        return ""
    return "".join(BLOCKS[min(8, max(1, round(8 * value / top))) if value > 0 else 0] for value in shown)


def _panel(body: RenderableType, title: str, width: int, height: int | None = None) -> Panel:
    return Panel(
        body,
        title=Text(title, style="bold"),
        title_align="left",
        width=width,
        height=height,
        box=box.ROUNDED,
        border_style=DIM,
        padding=(0, 1),
    )


def _progress(shot: Snapshot, width: int) -> RenderableType:
    head = Table.grid(expand=True)
    head.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    head.add_column(no_wrap=True, justify="right")
    head.add_row(
        Text(shot.source, style=ACCENT), Text(f"  {shot.elapsed_s // 60:02.0f}:{shot.elapsed_s % 60:02.0f}")
    )
    foot = Table.grid(expand=True, padding=(0, 1))
    foot.add_column(width=max(10, width // 3))
    foot.add_column(no_wrap=True)
    foot.add_column(no_wrap=True, justify="right", ratio=1)
    bar = ProgressBar(
        total=max(shot.total, 1), completed=shot.sent, complete_style=ACCENT, finished_style=GOOD, style=DIM
    )
    foot.add_row(
        bar,
        f"{shot.sent:,} of {shot.total:,} events",
        Text(_clock(shot.reading.number("stream_time_ms")), style=DIM),
    )
    return Group(head, foot)


def _stream(shot: Snapshot, width: int) -> RenderableType:
    reading = shot.reading
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style=DIM, width=10)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    rate = Text(f"{reading.events_per_s:,.0f} ", style="bold")
    rate.append(sparkline(shot.rates, width - 13 - len(f"{reading.events_per_s:,.0f}")), style=ACCENT)
    fresh = Text.assemble(
        "p50 ",
        (_ms(shot.fresh_p50), "bold"),
        "  p99 ",
        (_ms(shot.fresh_p99), f"bold {_fresh_style(shot.fresh_p99)}"),
    )
    grid.add_row("events/s", rate)
    grid.add_row("lag", f"{reading.number('lag'):,} events")
    grid.add_row("freshness", fresh)
    grid.add_row("users", f"{reading.number('users'):,}")
    grid.add_row("items", f"{reading.number('items'):,}, {reading.number('edges'):,} edges")
    grid.add_row("tables", f"{reading.table_bytes / 2**20:,.0f} MiB")
    return grid


def _quality(shot: Snapshot, width: int) -> RenderableType:
    """Rankers one below the other: how well each ranked the last events before they were learned from."""
    grid = Table.grid(padding=(0, 1))
    label = min(26, width - 14)
    bars = width - label - 15
    grid.add_column(no_wrap=True, overflow="ellipsis", width=label)
    grid.add_column(justify="right", width=5)
    grid.add_column(justify="right", width=5)
    if bars > 4:
        grid.add_column(width=bars)
    grid.add_row(Text("scored before learned", style=DIM), Text("MRR", style=DIM), Text("R@10", style=DIM))
    quality = shot.reading.quality
    top = max((one.mrr for one in quality.values()), default=0.0) or 1.0
    for name, title in RANKERS.items():
        one = quality.get(name)
        ours = name == "riverwalk"
        style, color = ("bold", GOOD) if ours else ("", "white")
        figures = (one.mrr, one.recall10) if one else (None, None)
        cells: list[RenderableType] = [
            Text(title + (" ◂ serves" if name == shot.reading.serving else ""), style=style),
            *(Text("–" if figure is None else f"{figure:.3f}", style=style) for figure in figures),
        ]
        if bars > 4:
            cells.append(
                ProgressBar(top, figures[0] or 0.0, complete_style=color, finished_style=color, style="black")
            )
        grid.add_row(*cells)
    return grid


def _user(shot: Snapshot, width: int) -> RenderableType:
    left, right = Table.grid(padding=(0, 1)), Table.grid(padding=(0, 1), expand=True)
    narrow = max(20, width // 3)
    left.add_column(no_wrap=True, overflow="ellipsis", width=narrow)
    left.add_row(Text("took last", style=DIM))
    for one in shot.taken:
        left.add_row(one.title)
    if shot.taken:
        left.add_row("")
        left.add_row(Text(_clock(shot.taken[0].t), style=DIM))
    right.add_column(width=2)
    right.add_column(no_wrap=True, overflow="ellipsis", ratio=7)
    right.add_column(no_wrap=True, overflow="ellipsis", ratio=5, style=DIM)
    right.add_row("", Text("recommended now", style=DIM), "because")
    for pick in shot.picks:
        right.add_row(
            _arrow(pick.moved), Text(pick.title, style="" if pick.moved is not None else GOOD), pick.reason
        )
    for _ in range(5 - len(shot.picks)):
        right.add_row("", "", "")
    both = Table.grid(padding=(0, 2), expand=True)
    both.add_column(width=narrow)
    both.add_column(ratio=1)
    both.add_row(left, right)
    return both


def _arrow(moved: int | None) -> Text:
    if moved is None:
        return Text("●", style=GOOD)
    return Text("▲", style=GOOD) if moved > 0 else Text("▼", style="red") if moved < 0 else Text(" ")


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms" if value < 10 else f"{value:,.0f} ms"


def _fresh_style(value: float | None) -> str:
    return "" if value is None else GOOD if value <= 50 else "yellow" if value <= 250 else "red"


def _clock(t: int) -> str:
    try:
        return f"{datetime.fromtimestamp(t / 1000, UTC):%Y-%m-%d %H:%M}" if t > 0 else ""
    except (ValueError, OverflowError, OSError):
        return ""
