"""Stream the events of a file in the order of their times, earlier lines first among equals."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stream.error import BadEvent, BadSource
from stream.event.batch import signed
from stream.event.event import CODE, FORGOTTEN, Event
from stream.file.column import ANY, Selection
from stream.file.format import rows
from stream.file.parquet import ENDINGS
from stream.file.plan import ordered, plan

_ENDINGS = (
    ".csv",
    ".data",
    ".base",
    ".test",
    ".jsonl",
    ".ndjson",
    ".npz",
    ".tsv",
    ".dat",
    ".inter",
    *ENDINGS,
)
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
    """Stream the events of one file in the order of their times.  Bad lines are left out, counted by reason, and handed to `on_bad`.

    Args:
        chosen: Which columns hold what; found by their names when left out.
        sort: Whether a file that is in another order is sorted.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        format: str | None = None,
        chosen: Selection = ANY,
        sort: bool = True,
        on_bad: Callable[[BadEvent], None] | None = None,
    ) -> None:
        self.path = event_file(path)
        how = plan(self.path, format, chosen)
        self.format, self.remarks = how.form.name, how.remarks
        self.rejected: Counter[str] = Counter()
        self._on_bad = on_bad
        self._rows = (
            ordered(self.path, how, self._reject)
            if sort
            else rows(self.path, how.form, how.unit, how.now_ms, self._reject, how.recent)
        )

    def __next__(self) -> Event:
        user, item, t, kind, value, key = next(self._rows)
        return Event(user, item, t, kind, value, key)

    def _reject(self, bad: BadEvent, line: str) -> None:
        self.rejected[bad.reason] += 1
        if self._on_bad is not None:
            self._on_bad(bad)


def events(
    path: str | Path,
    *,
    format: str | None = None,
    chosen: Selection = ANY,
    sort: bool = True,
    on_bad: Callable[[BadEvent], None] | None = None,
) -> Replay:
    """The events of a file or folder, streamed; `.rejected` counts the bad lines by reason."""
    return Replay(path, format=format, chosen=chosen, sort=sort, on_bad=on_bad)


def columns(path: str | Path, *, format: str | None = None, chosen: Selection = ANY) -> Columns:
    """A whole file as columns, stably sorted by time.

    Raises:
        BadEvent: at the first bad line, named file:line, since a measurement must not leave out events silently.
    """
    path = event_file(path)
    how = plan(path, format, chosen)
    found = rows(path, how.form, how.unit, how.now_ms, _refuse, how.recent)
    read = [row for row in found if row[3] != FORGOTTEN]
    user, item, t, kind, value, _ = zip(*read, strict=True) if read else ((),) * 6
    times = np.array(t, np.int64)
    order, amounts = np.argsort(times, kind="stable"), np.array(value, np.float32)
    return Columns(
        np.array(user, object)[order].tolist(),
        np.array(item, object)[order].tolist(),
        times[order],
        signed(np.fromiter((CODE[name] for name in kind), np.int8, len(kind)), amounts)[order],
        amounts[order],
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
