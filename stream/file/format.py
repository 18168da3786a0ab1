"""Rows of the events in a file of any form, in file order.

Text is streamed, never loaded whole.  A bad line goes to `reject` as a BadEvent that names file:line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from stream.error import BadEvent, BadSource
from stream.event.event import CODE, FORGOTTEN, KINDS, decode
from stream.file import parquet
from stream.file.column import ROLES
from stream.file.form import Form
from stream.file.table import rows as table_rows
from stream.file.text import text_lines
from stream.file.unit import COMMA, EARLY_MS, FACTOR, Clock, Times, clock, mistaken

Row = tuple[str, str, int, str, float, str | None]
"""user, item, t in milliseconds, type, value, id."""

Reject = Callable[[BadEvent, str], None]
"""What to do with a bad line: the error and the line itself."""

ALIASES = {
    "view": "pageview page_view pv detail detail_page_view product_view view_item viewed visit browse",
    "click": "clicked clk tap select select_item",
    "like": "liked fav favorite favourite save wishlist add_to_wishlist bookmark share cart addtocart add_to_cart add_to_basket",
    "dislike": "disliked thumbs_down",
    "purchase": "purchased buy bought order ordered transaction checkout sale",
    "watch": "watched play played listen listened",
    "impression": "shown show exposure exposed",
}
"""Other names of each type of event, in lower case; blanks and `-` are as `_`.  To put into a cart is to like."""

_LARGE = 3.4028234663852886e38  # the largest finite 32-bit float
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_KIND = {name: name for name in CODE} | {
    one: name for name, others in ALIASES.items() for one in others.split()
}


def rows(
    path: Path, form: Form, unit: str, now_ms: int, reject: Reject, recent: bool = False
) -> Iterator[Row]:
    """The rows of a file in file order.

    Args:
        unit: Of its times.
        now_ms: The wall clock; later times by more than a day are bad.
        recent: Whether most times are from 1985 on; one of 1970 is then in another unit, and bad.
    """
    if form.name == "npz":
        return _npz(path, unit)
    if form.name == "json":
        return _objects(path, form, unit, now_ms, reject, recent)
    return _table(path, form, clock(unit, now_ms, recent), reject)


def times(path: Path, form: Form) -> Times:
    """The times of a file of text or Parquet, as they are written."""
    found = Times()
    add = found.add
    if form.name == "json":
        key = dict(form.keys).get("t", "t")
        read = msgspec.json.Decoder(
            msgspec.defstruct("Time", [("t", int | float | str, "")], rename={"t": key})
        ).decode
        for line in text_lines(path):
            try:
                add(read(line.encode("utf-8", "surrogateescape")).t)  # type: ignore[attr-defined]
            except (msgspec.DecodeError, UnicodeError):
                continue  # reading the events tells what is wrong
        return found
    at, width = form.layout.t, form.layout.width
    if form.name == "parquet":
        for row in parquet.cells(path, [at]):
            add(row[at])
        return found
    for _, _, cells in _cells(path, form, lambda number, why, line: None):
        if len(cells) == width or (not width and len(cells) > at):
            add(cells[at])
    return found


def _cells(
    path: Path, form: Form, reject: Callable[[int, str, str], None]
) -> Iterator[tuple[int, str, list[str]]]:
    layout = form.layout
    if form.name == "parquet":
        return (
            (number, ",".join(cells), [*cells])
            for number, cells in enumerate(parquet.cells(path, layout.places), 1)
        )
    most = -1 if layout.width else 1 + max(layout.user, layout.item, layout.t)
    found = table_rows(text_lines(path), layout.delimiter, reject, width=layout.width, most=most)
    if form.headed:
        next(found, None)
    return found


def _table(path: Path, form: Form, time: Clock, reject: Reject) -> Iterator[Row]:
    layout = form.layout
    user, item, when, kind, value, key = (
        layout.user,
        layout.item,
        layout.t,
        layout.type,
        layout.value,
        layout.id,
    )
    usual, width, least = layout.kind, layout.width, 1 + max(layout.user, layout.item, layout.t)

    def refuse(number: int, why: str, line: str) -> None:
        reject(BadEvent("missing", f"{path}:{number}: {why}"), line.rstrip("\r\n"))

    for number, line, cells in _cells(path, form, refuse):
        try:
            if len(cells) != width and (width or len(cells) < least):
                raise BadEvent("missing", _narrow(layout.names, width or least, len(cells)))
            name = usual
            if kind is not None and (word := cells[kind].strip()):
                name = _kind(word)
            weight = 1.0
            if value is not None and (word := cells[value].strip()):
                weight = _number(word, "value", layout.delimiter)
            what = "" if name == FORGOTTEN else _id(cells[item].strip(" "), "item")
            row = (
                _id(cells[user].strip(" "), "user"),
                what,
                time(cells[when].strip()),
                name,
                weight,
                None if key is None else cells[key].strip() or None,
            )
        except BadEvent as exc:
            reject(BadEvent(exc.reason, f"{path}:{number}: {exc}"), line.rstrip("\r\n"))
        else:
            yield row


def _narrow(names: tuple[str, ...], width: int, found: int) -> str:
    told = f" ({','.join(names)[:200]})" if names else ""
    return f"expected {width} columns{told}, got {found}"


def known_kind(word: str) -> str:
    """Return the type of ours that a word is another name of; empty where it is none."""
    return _KIND.get(word) or _KIND.get(re.sub(r"[\s-]+", "_", word.strip().lower())) or ""


def _kind(word: str) -> str:
    name = known_kind(word)
    if not name:
        raise BadEvent("type", f"type {word[:40]!r} is not known; {_nearest(word)}")
    return name


def _nearest(word: str) -> str:
    """What to do about a type that is not known."""
    near = get_close_matches(word.lower(), _KIND, 1, 0.75)
    hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(KINDS)};"
    return f"{hint} rename it in the file, or leave types out with --columns type= to have every event a view"


def _objects(path: Path, form: Form, unit: str, now_ms: int, reject: Reject, recent: bool) -> Iterator[Row]:
    usual, factor = not form.keys and unit in ("ms", "iso"), FACTOR.get(unit, 1.0)
    for number, line in enumerate(text_lines(path), 1):
        if line.isspace():
            continue
        data = line.rstrip("\r\n").encode("utf-8", "surrogateescape")
        try:
            event = decode(data if usual else _usual(data, form, factor), now_ms)
        except BadEvent as exc:
            try:
                event = decode(_usual(data, form, factor), now_ms)
            except BadEvent as other:
                bad = other if other.reason == "type" else exc  # it knows other names of types
                reject(BadEvent(bad.reason, f"{path}:{number}: {bad}"), line.rstrip("\r\n"))
                continue
        if recent and event.t < EARLY_MS and (what := mistaken(event.t, now_ms)):
            reject(BadEvent("time", f"{path}:{number}: {what}"), line.rstrip("\r\n"))
            continue
        yield event.user, event.item, event.t, event.type, event.value, event.id


def _usual(data: bytes, form: Form, factor: float) -> bytes:
    """The record of an event whose fields have other names, or whose time is in another unit or a number as text."""
    try:
        fields = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError):
        return data  # reading it as an event tells what is wrong
    names = form.keys or tuple((role, role) for role in ROLES)
    told = {role: fields[name] for role, name in names if name in fields}
    with suppress(KeyError, TypeError, ValueError, OverflowError):  # ISO 8601, or no time
        told["t"] = round(float(told["t"]) * factor)
    if isinstance(kind := told.get("type"), str):
        told["type"] = _kind(kind)
    return msgspec.json.encode(told)


def npz_times(path: Path) -> np.ndarray:
    """The times in an npz file as they are, float64 [n]."""
    with np.load(path, allow_pickle=False) as arrays:
        lacking = {"user", "item", "ts"} - set(arrays.files)
        if lacking:
            raise BadSource(
                f"{path}: no array {', '.join(sorted(lacking))}; expected user, item and ts (seconds)"
            )
        return np.asarray(arrays["ts"], np.float64)


def _npz(path: Path, unit: str) -> Iterator[Row]:
    t = np.round(npz_times(path) * FACTOR.get(unit, 1000.0)).astype(np.int64)
    with np.load(path, allow_pickle=False) as arrays:
        user, item = arrays["user"], arrays["item"]
        user = arrays["user_ids"][user] if "user_ids" in arrays else user
        item = arrays["item_ids"][item] if "item_ids" in arrays else item
        value = arrays["rating"] if "rating" in arrays else np.ones(len(t), np.float32)
    for one in zip(user.tolist(), item.tolist(), t.tolist(), value.tolist(), strict=True):
        yield str(one[0]), str(one[1]), one[2], "view", float(one[3]), None


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


def _number(text: str, what: str, delimiter: str) -> float:
    if delimiter == ";" and COMMA.fullmatch(text):  # Excel's, where a comma is the decimal point
        text = text.replace(",", ".")
    try:
        number = float(text)
    except ValueError as exc:
        raise BadEvent("type", f"the {what} {text[:40]!r} is no number") from exc
    if not -_LARGE <= number <= _LARGE:
        raise BadEvent("nan", f"the {what} is {text}, expected a finite 32-bit number")
    return number
