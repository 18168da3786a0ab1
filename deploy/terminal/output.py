"""What the command line prints: a table for people, one JSON value for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(value: Sequence[Mapping[str, Any]] | Mapping[str, Any], as_json: bool) -> None:
    """Print rows, or one thing by name, on stdout."""
    if as_json:
        print(json.dumps(value, ensure_ascii=False, default=str))
    elif isinstance(value, Mapping):
        width = max((len(str(name)) for name in value), default=0)
        for name, one in value.items():
            print(f"{name:<{width}}  {_text(one)}")
    else:
        table(value)


def table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows under their column names; numbers stand on the right, and no cell is cut."""
    if not rows:
        print("nothing")
        return
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in rows[0]:
        right = all(isinstance(row.get(name), int | float) for row in rows)
        made.add_column(Text(name), justify="right" if right else "left", no_wrap=True)
    for row in rows:
        made.add_row(*(Text(_text(row.get(name))) for name in rows[0]))
    console = Console(highlight=False)
    console.width = max(console.width, Console(width=1_000_000).measure(made).maximum)
    with console.capture() as drawn:
        console.print(made)
    print("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def complain(message: object) -> None:
    """Print one line on stderr."""
    print(f"riverwalk: {message}", file=sys.stderr)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
