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
    note: str = ""  # what the last key did
    paused: bool = False
    listed: str = "user"  # whose list it is; empty for everybody's
    keys: tuple[tuple[str, str], ...] = (("n", "next user"), ("p", "pause"), ("e", "an event"), ("q", "quit"))

    @property
    def known(self) -> bool:
        """Whether any event was applied yet."""
        return self.reading.number("applied_events") > 0


def picture(shot: Snapshot, width: int, keys: bool = False) -> RenderableType:
    """The whole screen, for this many columns.

    Args:
        keys: Whether there is a keyboard.
    """
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
        _panel(_user(shot, width - 4), _whose(shot), width),
        _legend(shot, keys),
    )


def _whose(shot: Snapshot) -> str:
    if not shot.listed:
        return "trending"
    times = "once" if shot.changes == 1 else f"{shot.changes:,} times"
    return f"user {shot.user}, recommendations changed {times}"


def line(shot: Snapshot) -> str:
    """The same in one plain line."""
    reading = shot.reading
    parts = [
        f"[{shot.elapsed_s:4.0f} s]",
        f"{shot.sent:,} of {shot.total:,} events," if shot.total else f"{shot.sent:,} events,",
        f"{reading.events_per_s:,.0f}/s, lag {reading.number('lag'):,},",
        f"freshness p50 {_ms(shot.fresh_p50)} p99 {_ms(shot.fresh_p99)},",
        f"{reading.number('users'):,} users {reading.number('items'):,} items {reading.number('edges'):,} edges;",
        f"MRR {' '.join(f'{name} {one.mrr:.3f}' for name, one in reading.quality.items()) or '–'};",
        f"{shot.user or 'trending'}: {', '.join(one.title for one in shot.taken[:1]) or 'nothing yet'}",
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
    told = f"{shot.sent:,} of {shot.total:,} events" if shot.total else f"{shot.sent:,} events"
    foot.add_row(
        bar if shot.total else Text("running", style=GOOD),
        Text.assemble(told, ("  paused" * shot.paused, "yellow")),
        Text(_clock(shot.reading.number("stream_time_ms")), style=DIM),
    )
    return Group(head, foot)


def _stream(shot: Snapshot, width: int) -> RenderableType:
    reading = shot.reading
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style=DIM, width=10)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    rate = Text(f"{reading.events_per_s:,.0f} " if shot.known else "– ", style="bold")
    rate.append(sparkline(shot.rates, width - 13 - len(f"{reading.events_per_s:,.0f}")), style=ACCENT)
    fresh = Text.assemble(
        "p50 ",
        (_ms(shot.fresh_p50), "bold"),
        "  p99 ",
        (_ms(shot.fresh_p99), f"bold {_fresh_style(shot.fresh_p99)}"),
    )
    grid.add_row("events/s", rate)
    lag = reading.number("lag")
    grid.add_row("lag", f"{lag:,} events" if "lag" in reading.info and lag >= 0 else "–")
    grid.add_row("freshness", fresh)
    counts = [f"{reading.number(name):,}" if shot.known else "–" for name in ("users", "items", "edges")]
    grid.add_row("users", counts[0])
    grid.add_row("items", f"{counts[1]}, {counts[2]} edges" if shot.known else "–")
    grid.add_row("tables", f"{reading.table_bytes / 2**20:,.0f} MiB" if reading.table_bytes else "–")
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
    """What the user took last, in a line, and below it what is recommended now, each with its reason."""
    took = Text("took last  ", style=DIM, no_wrap=True, overflow="ellipsis")
    for k, one in enumerate(shot.taken):
        took.append("  ·  " * (k > 0), style=DIM)
        took.append(one.title, style="default")
    if not shot.taken:
        took.append("–")
    grid = Table.grid(padding=(0, 1), expand=True)
    because = max(24, (width - 3) // 2)
    grid.add_column(width=1)
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    grid.add_column(no_wrap=True, overflow="ellipsis", width=because, style=DIM)
    what = ("recommended now", "because") if shot.listed else ("taken most lately", "")
    grid.add_row("", Text(what[0], style=DIM), what[1])
    for pick in shot.picks:
        title = Text(pick.title, style="" if pick.moved is not None else GOOD)
        grid.add_row(_arrow(pick.moved), title, fitted(pick.reason, because))
    for _ in range(5 - len(shot.picks)):
        grid.add_row("", "–", "")
    return Group(took, grid) if shot.listed else grid


def fitted(reason: tuple[str, str, str], width: int) -> str:
    """A reason in so many columns: what is cut is the title in it, not when it was."""
    before, title, after = reason
    room = max(4, width - len(before) - len(after))
    return before + (title if len(title) <= room else title[: room - 1].rstrip() + "…") + after


def _legend(shot: Snapshot, keys: bool) -> Text:
    """What the marks mean and which keys do something, or what the last one did."""
    if shot.note:
        return Text(f"  {shot.note}", style=ACCENT, no_wrap=True, overflow="ellipsis")
    line = Text("  ", no_wrap=True, overflow="ellipsis")
    marks = (("▲", GOOD, "rose"), ("▼", "red", "fell"), ("●", GOOD, "new on the list"))
    for mark, style, meaning in marks if shot.listed else ():
        line.append(mark, style=style)
        line.append(f" {meaning}  ", style=DIM)
    for key, meaning in shot.keys if keys else ():
        line.append(f" {key}", style="bold")
        line.append(f" {meaning} ", style=DIM)
    return line


def _arrow(moved: int | None) -> Text:
    if moved is None:
        return Text("●", style=GOOD)
    return Text("▲", style=GOOD) if moved > 0 else Text("▼", style="red") if moved < 0 else Text(" ")


def _ms(value: float | None) -> str:
    return (
        "–"
        if value is None
        else f"{value:.1f} ms"
        if value < 10
        else f"{value:,.0f} ms"
        if value < 1000
        else f"{value / 1000:.1f} s"
    )


def _fresh_style(value: float | None) -> str:
    return "" if value is None else GOOD if value <= 50 else "yellow" if value <= 250 else "red"


def _clock(t: int) -> str:
    try:
        return f"{datetime.fromtimestamp(t / 1000, UTC):%Y-%m-%d %H:%M}" if t > 0 else ""
    except (ValueError, OverflowError, OSError):
        return ""
