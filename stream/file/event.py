"""Stream the events of a file.

A csv or JSON file is streamed in file order.  Two formats are published in no order of time (MovieLens `u.data`, npz):
they are read whole and sorted by time, earlier lines first among equals.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stream.error import BadEvent, BadSource
from stream.event.event import CODE, FORGOTTEN, Event
from stream.file.format import Reject, Row, format_of, rows

_UNORDERED = ("movielens", "npz")
_ENDINGS = (".csv", ".data", ".base", ".test", ".jsonl", ".npz", ".tsv")
_FIRST = (
    "events.csv.gz",
    "events.csv",
    "u.data",
    "wikipedia.csv.gz",
    "wikipedia.csv",
    "events.npz",
    "events.jsonl",
)


class Columns(NamedTuple):
    """A whole file as columns, sorted by time, file order among equal times."""

    user: list[str]
    item: list[str]
    t: np.ndarray  # int64 [n], milliseconds
    kind: np.ndarray  # int8 [n]
    value: np.ndarray  # float32 [n]


class Replay(Iterator[Event]):
    """Stream the events of one file, in order.  Bad lines are left out, counted by reason, and handed to `on_bad`."""

    def __init__(
        self, path: str | Path, *, format: str | None = None, on_bad: Callable[[BadEvent], None] | None = None
    ) -> None:
        self.path = event_file(path)
        self.format = format_of(self.path, format)
        self.rejected: Counter[str] = Counter()
        self._on_bad = on_bad
        self._rows = ordered(self.path, self.format, self._reject)

    def __next__(self) -> Event:
        user, item, t, kind, value = next(self._rows)
        return Event(user=user, item=item, t=t, type=kind, value=value)

    def _reject(self, bad: BadEvent, line: str) -> None:
        self.rejected[bad.reason] += 1
        if self._on_bad is not None:
            self._on_bad(bad)


def events(
    path: str | Path, *, format: str | None = None, on_bad: Callable[[BadEvent], None] | None = None
) -> Replay:
    """The events of a file or folder, streamed; `.rejected` counts the bad lines by reason."""
    return Replay(path, format=format, on_bad=on_bad)


def columns(path: str | Path, *, format: str | None = None) -> Columns:
    """A whole file as columns, stably sorted by time.

    Raises:
        BadEvent: at the first bad line, named file:line, since a measurement must not leave out events silently.
    """
    path = event_file(path)
    read = [row for row in rows(path, format_of(path, format), _refuse) if row[3] != FORGOTTEN]
    user, item, t, kind, value = zip(*read, strict=True) if read else ((), (), (), (), ())
    times = np.array(t, np.int64)
    order = np.argsort(times, kind="stable")
    return Columns(
        np.array(user, object)[order].tolist(),
        np.array(item, object)[order].tolist(),
        times[order],
        np.fromiter((CODE[name] for name in kind), np.int8, len(kind))[order],
        np.array(value, np.float32)[order],
    )


def event_file(path: str | Path) -> Path:
    """The event file at a path: the file itself, or the one event file of a folder."""
    path = Path(path)
    if path.is_file():
        return path
    if not path.is_dir():
        raise BadSource(f"{path}: no such file or folder; give a file of events or a folder that holds one")
    for name in _FIRST:
        if (path / name).is_file():
            return path / name
    found = [one for one in sorted(path.iterdir()) if one.is_file() and _promising(one.name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.name for one in found) or "nothing that looks like events"
    raise BadSource(f"{path}: expected one event file, got {names}; name the file itself")


def _promising(name: str) -> bool:
    return name.removesuffix(".gz").endswith(_ENDINGS) and not name.startswith("items.")


def _refuse(bad: BadEvent, line: str) -> None:
    raise bad


def ordered(path: Path, format: str, reject: Reject) -> Iterator[Row]:
    """Yield the rows of a file in file order, of an unordered format sorted by time."""
    read = rows(path, format, reject)
    return iter(sorted(read, key=lambda row: row[2])) if format in _UNORDERED else read
