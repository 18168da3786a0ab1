"""What the command line prints: a table for people, one JSON value for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any


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
    """Print rows under their column names; numbers stand on the right."""
    if not rows:
        print("nothing")
        return
    names = list(rows[0])
    cells = [[_text(row.get(name)) for name in names] for row in rows]
    widths = [max(len(line[i]) for line in [names, *cells]) for i in range(len(names))]
    right = [all(isinstance(row.get(name), int | float) for row in rows) for name in names]
    for line in [names, *cells]:
        parts = (
            text.rjust(width) if on_right else text.ljust(width)
            for text, width, on_right in zip(line, widths, right, strict=True)
        )
        print("  ".join(parts).rstrip())


def complain(message: object) -> None:
    """One line on stderr."""
    print(f"riverwalk: {message}", file=sys.stderr)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
