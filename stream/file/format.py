"""File formats of events, and the parser of one line of each.

    jodie       u,i,ts,label…   or   user_id,item_id,timestamp,state_label,…      times in seconds
    movielens   user <tab> item <tab> rating <tab> timestamp                      seconds; the rating is the value
    csv         a header with user, item and timestamp (seconds) or t (milliseconds), optional type and value
    json        one event a line, as on the topic
    npz         arrays user, item, ts (seconds), optional user_ids, item_ids, rating

Text is streamed, never loaded whole.  A bad line goes to `reject` as a BadEvent that names file:line.
"""

import csv
import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from stream.error import BadEvent, BadSource
from stream.event.event import FORGOTTEN, KINDS, decode

FORMATS = ("jodie", "movielens", "csv", "json", "npz")

Row = tuple[str, str, int, str, float]
"""user, item, t in milliseconds, type, value."""

Reject = Callable[[BadEvent, str], None]
"""What to do with a bad line: the error and the line itself."""

_FAR = 2**62  # a file may hold any time: nothing in it is "future"
_LARGE = 3.4028234663852886e38  # the largest finite 32-bit float
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def format_of(path: Path, wanted: str | None = None) -> str:
    """The format of a file: the one asked for, else detected from its name or its first line."""
    if wanted is not None and wanted not in FORMATS:
        raise BadSource(f"format {wanted!r} is not known; expected one of {', '.join(FORMATS)}")
    if wanted is not None or path.name.endswith(".npz"):
        return wanted or "npz"
    head = next(text_lines(path), "").lstrip("\ufeff").strip()
    if not head:
        raise BadSource(f"{path}: the file is empty; expected events")
    found = _headed(head)
    if found is None:
        raise BadSource(
            f"{path}: unknown format, first line {head[:80]!r}; expected a header user,item,timestamp[,type][,value], "
            "JODIE csv, MovieLens u.data, or JSON lines"
        )
    return found


def _headed(head: str) -> str | None:
    """The format of a file that begins with this line."""
    if head.startswith("{"):
        return "json"
    if head.startswith(("u,i,ts", "user_id,item_id,timestamp,state_label")):
        return "jodie"
    names = [name.strip().lower() for name in head.split(",")]
    if "user" in names and "item" in names:
        return "csv"
    return "movielens" if head.count("\t") == 3 else None


def rows(path: Path, format: str, reject: Reject) -> Iterator[Row]:
    """The rows of a file in file order."""
    if format == "npz":
        yield from _npz(path)
        return
    lines = text_lines(path)
    headed = format in ("jodie", "csv")
    header = next(lines, "").lstrip("\ufeff") if headed else ""
    read = _csv(path, header) if format == "csv" else _READERS[format]
    for number, line in enumerate(lines, 2 if headed else 1):
        if line.isspace():
            continue
        try:
            row = read(line)
        except BadEvent as exc:
            reject(BadEvent(exc.reason, f"{path}:{number}: {exc}"), line.rstrip("\r\n"))
        else:
            yield row


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a file in UTF-8, gz when its name says so; bytes that are not UTF-8 stay apart as surrogates.

    Raises:
        BadSource: The gz file is damaged.
    """
    try:
        with _opened(path) as file:
            yield from file
    except (EOFError, gzip.BadGzipFile) as exc:
        raise BadSource(f"{path}: the gz file is damaged or ends early ({exc}); fetch it again") from exc


def _opened(path: Path) -> IO[str]:
    # surrogateescape keeps bad bytes apart until the id check names them
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8", errors="surrogateescape", newline="")
    return path.open(encoding="utf-8", errors="surrogateescape", newline="")


def _json(line: str) -> Row:
    event = decode(line.rstrip("\r\n").encode("utf-8", "surrogateescape"), _FAR)
    return event.user, event.item, event.t, event.type, event.value


def _movielens(line: str) -> Row:
    parts = line.rstrip("\r\n").split("\t")
    if len(parts) != 4:
        raise BadEvent(
            "missing", f"expected user, item, rating and timestamp with tabs, got {len(parts)} columns"
        )
    return (
        _id(parts[0], "user"),
        _id(parts[1], "item"),
        _seconds(parts[3]),
        "watch",
        _number(parts[2], "rating"),
    )


def _jodie(line: str) -> Row:
    parts = line.split(",", 3)
    if len(parts) < 3:
        raise BadEvent("missing", f"expected user, item and time in seconds, got {len(parts)} columns")
    return _id(parts[0], "user"), _id(parts[1], "item"), _seconds(parts[2].rstrip()), "view", 1.0


_READERS: dict[str, Callable[[str], Row]] = {"json": _json, "movielens": _movielens, "jodie": _jodie}


def _csv(path: Path, header: str) -> Callable[[str], Row]:
    """A reader of lines under this header."""
    names = [name.strip().lower() for name in header.split(",")]
    position, clock = _positions(path, header, names)
    user, item, when = position["user"], position["item"], position[clock]
    kind, value, width = position.get("type"), position.get("value"), len(names)
    time = _CLOCKS[clock]

    def read(line: str) -> Row:
        parts = next(csv.reader([line])) if '"' in line else line.rstrip("\r\n").split(",")
        if len(parts) != width:
            raise BadEvent("missing", f"expected {width} columns ({','.join(names)}), got {len(parts)}")
        name = (parts[kind] or "view") if kind is not None else "view"
        if name not in KINDS and name != FORGOTTEN:
            raise BadEvent("type", f"type {name!r} is not known; expected one of {', '.join(KINDS)}")
        weight = _number(parts[value] or "1", "value") if value is not None else 1.0
        what = "" if name == FORGOTTEN else _id(parts[item], "item")
        return _id(parts[user], "user"), what, time(parts[when]), name, weight

    return read


def _positions(path: Path, header: str, names: list[str]) -> tuple[dict[str, int], str]:
    """The position of each column, and which of them is the time."""
    position = {name: n for n, name in enumerate(names)}
    clock = "t" if "t" in position else "timestamp"
    for name in ("user", "item", clock):
        if name not in position:
            raise BadSource(
                f"{path}:1: no column {name!r} in the header {header.strip()!r}; "
                "expected user,item,timestamp (seconds) or user,item,t (milliseconds)"
            )
    return position, clock


def _npz(path: Path) -> Iterator[Row]:
    with np.load(path, allow_pickle=False) as arrays:
        lacking = {"user", "item", "ts"} - set(arrays.files)
        if lacking:
            raise BadSource(
                f"{path}: no array {', '.join(sorted(lacking))}; expected user, item and ts (seconds)"
            )
        user, item, ts = arrays["user"], arrays["item"], arrays["ts"]
        user = arrays["user_ids"][user] if "user_ids" in arrays else user
        item = arrays["item_ids"][item] if "item_ids" in arrays else item
        value = arrays["rating"] if "rating" in arrays else np.ones(len(ts), np.float32)
    t = np.round(ts.astype(np.float64) * 1000).astype(np.int64)
    for one in zip(user.tolist(), item.tolist(), t.tolist(), value.tolist(), strict=True):
        yield str(one[0]), str(one[1]), one[2], "view", float(one[3])


def _id(text: str, what: str) -> str:
    if 0 < len(text) <= 256 and text.isascii() and text.isprintable():
        return text
    if not text:
        raise BadEvent("missing", f"the {what} is empty")
    if _CONTROL.search(text):
        raise BadEvent("utf8", f"the {what} {text[:40]!r} holds control characters or is not UTF-8")
    if len(text.encode("utf-8")) > 256:
        raise BadEvent("size", f"the {what} is longer than 256 bytes: {text[:40]!r}…")
    return text


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError as exc:
        raise BadEvent("type", f"the {what} {text[:40]!r} is no number") from exc
    if not -_LARGE <= number <= _LARGE:
        raise BadEvent("nan", f"the {what} is {text}, expected a finite 32-bit number")
    return number


def _seconds(text: str) -> int:
    return _time(_number(text, "timestamp") * 1000)


def _milliseconds(text: str) -> int:
    return _time(int(text) if text.isdecimal() and len(text) < 20 else _number(text, "t"))


_CLOCKS: dict[str, Callable[[str], int]] = {"t": _milliseconds, "timestamp": _seconds}


def _time(t: float) -> int:
    if not 0 <= t < _FAR:
        raise BadEvent("time", f"the time {t / 1000:.0f} s is not possible; expected seconds since 1970")
    return round(t)
