"""Delimited text: rows of cells, quotes over lines, and the names in a header.

A quote that opens and never closes costs its own line only: reading goes on with the next one.
"""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator

DELIMITERS = (",", "\t", ";", "|")

_LONGEST = 1 << 24  # characters of a row
_LINES = 1_000  # lines of a row
_TYPED = re.compile(r":(token|float)(_seq)?$")  # RecBole names the type of a column behind its name
_LOOSE = re.compile(r'" +(?=[,;|\t\r\n]|$)')  # blanks behind a closing quote

csv.field_size_limit(_LONGEST)  # of the process; the usual limit of 131,072 is a review's length

Reject = Callable[[int, str, str], None]
"""What to do with a line that is no row: its number, why, and the line."""


def rows(
    lines: Iterator[str], delimiter: str, reject: Reject, *, width: int = 0, most: int = -1
) -> Iterator[tuple[int, str, list[str]]]:
    """The number, the first line and the cells of each row; blank lines are left out.

    Args:
        lines: With their ends.
        width: Cells that a row over several lines must have; 0 for any.
        most: Cells after which a line is cut no further; -1 for none.
    """
    number, back = 0, deque[str]()
    while True:
        line = back.popleft() if back else next(lines, None)
        if line is None:
            return
        number += 1
        if '"' not in line:
            if not line.isspace():
                parts = line.split(delimiter, most)
                parts[-1] = parts[-1].rstrip("\r\n")
                yield number, line, parts
            continue
        cells, taken = cut([line], delimiter), [line]
        if cells is None and line.count('"') % 2:
            taken = _gather(line, lines, back)
            cells = cut(taken, delimiter)
            if cells is not None and width and len(cells) != width:
                cells = None
        if cells is None:
            reject(number, "not CSV: a quote that is not closed, or text behind a closing one", line)
            back.extendleft(reversed(taken[1:]))
            continue
        yield number, line, cells
        number += len(taken) - 1


def _gather(line: str, lines: Iterator[str], back: deque[str]) -> list[str]:
    """The lines of a row, up to the one that closes its last quote."""
    taken, size, is_open = [line], len(line), True
    while is_open and size < _LONGEST and len(taken) < _LINES:
        more = back.popleft() if back else next(lines, None)
        if more is None:
            break
        taken.append(more)
        size += len(more)
        is_open ^= more.count('"') % 2 == 1
    return taken


def cut(taken: list[str], delimiter: str) -> list[str] | None:
    """The cells of one row in these lines; None where the quotes are wrong."""
    for text in (taken, [_LOOSE.sub('"', line) for line in taken]):
        table = csv.reader(text, delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            cells = next(table)
        except (csv.Error, StopIteration):
            continue
        if table.line_num == len(taken):
            return cells
    return None


def header(line: str, delimiter: str) -> list[str]:
    """The names in a header, stripped, in lower case."""
    cells = cut([line], delimiter) or line.rstrip("\r\n").split(delimiter)
    return [_TYPED.sub("", cell.strip().strip("'").strip().lower()) for cell in cells]


def twice(names: list[str]) -> str:
    """The first name that a header has twice; empty where there is none."""
    return next((name for k, name in enumerate(names) if name and name in names[:k]), "")
