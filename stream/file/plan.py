"""How a file of events is read: its form, the unit of its times, whether it is in their order, and what is said of it.

Found by one pass over the times.  A file that is not in the order of its times is sorted as it is read, earlier lines
first among equals: its rows wait in a temporary file, and an index of their times and positions in memory, 24 bytes each.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from tempfile import SpooledTemporaryFile

import msgspec
import numpy as np

from stream.error import BadSource
from stream.file.column import ANY, Selection
from stream.file.form import Form, form_of
from stream.file.format import Reject, Row, npz_times, rows, times
from stream.file.unit import WORD, unit

_SPOOL = 1 << 26  # bytes of rows in memory


class Plan(msgspec.Struct, frozen=True):
    """How one file is read."""

    form: Form
    unit: str
    now_ms: int  # the wall clock when it was looked at
    recent: bool  # whether most times are from 1985 on
    late: int  # lines whose time is before that of an earlier one
    remarks: tuple[str, ...]  # what is said of it, a line each


def plan(path: Path, format: str | None = None, chosen: Selection = ANY) -> Plan:
    """Look at a file of events once; a look at the same file is kept.

    Raises:
        BadSource: It is no file of events, or its times are of no known unit.
    """
    found = path.stat()
    return _plan(path, found.st_size, found.st_mtime_ns, format, chosen)


@lru_cache(maxsize=8)
def _plan(path: Path, size: int, changed_ns: int, format: str | None, chosen: Selection) -> Plan:
    form, now_ms = form_of(path, format, chosen), time.time_ns() // 1_000_000
    if form.name == "npz":
        t = npz_times(path)
        one = chosen.unit or (unit(t, "s", now_ms) if t.size else "s")
        recent = False
        late = int((t < np.maximum.accumulate(t)).sum())
    else:
        found = times(path, form)
        one = form.unit or chosen.unit or found.unit(form.layout.usual, now_ms)
        recent = found.recent(one or "")
        late = found.late(one or "", now_ms)
    if one is None:
        raise BadSource(
            f"{path}: its times are of no known unit: in seconds, milliseconds, microseconds or nanoseconds since 1970 "
            "they are before 1985 or after today; --columns t=NAME:s (or ms, us, iso) says the unit"
        )
    return Plan(form, one, now_ms, recent, late, tuple(_remarks(path.name, form, one, late)))


def ordered(path: Path, how: Plan, reject: Reject) -> Iterator[Row]:
    """The rows of a file in the order of their times, earlier lines first among equals."""
    read = rows(path, how.form, how.unit, how.now_ms, reject, how.recent)
    return _by_time(read) if how.late else read


def _by_time(read: Iterator[Row]) -> Iterator[Row]:
    encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Row).decode
    t, end = array("q"), array("q", [0])
    with SpooledTemporaryFile(max_size=_SPOOL) as spool:
        for row in read:
            data = encode(row)
            spool.write(data)
            t.append(row[2])
            end.append(end[-1] + len(data))
        for k in np.argsort(np.frombuffer(t, np.int64), kind="stable") if t else ():
            spool.seek(end[k])
            yield decode(spool.read(end[k + 1] - end[k]))


def _remarks(name: str, form: Form, unit: str, late: int) -> Iterator[str]:
    yield f"{name}: times are {'timestamps' if form.unit else WORD[unit]}"
    value = form.layout.value
    if form.name in ("csv", "parquet") and value is not None and form.layout.names[value] != "value":
        yield f"{name}: the column {form.layout.names[value]} is the value"
    if form.unread:
        more = f" and {len(form.unread) - 20} more" if len(form.unread) > 20 else ""
        yield f"{name}: columns that are not read: {', '.join(form.unread[:20])}{more}"
    if late:
        yield f"{name}: {late:,} lines are out of order; events are taken in the order of their time"
