"""An event: somebody did something with an item at a time.  Here the bytes of a record become typed values, once.

A record is a JSON object in UTF-8 of at most 64 KiB:

    {"user": "u1", "item": "i7", "t": 1700000000000, "type": "click", "value": 1.0, "id": "e-42", "source": "/shop"}

A record that asks for a user to be forgotten has the type `forget` and no item:

    {"user": "u1", "type": "forget", "t": 1700000000000}

A `value` below 0 makes any interaction a dislike.  `t` is integer milliseconds since 1970 or ISO 8601 text (without an offset it is UTC).  `type`, `value` and `id`
may be left out; records of one `id` (and `source`, where there is one) are one event.  Unknown fields are ignored, and whole numbers are taken as ids in their decimal form.

A record that is no event has one of these reasons:

    utf8      bytes that are not UTF-8, or a control character in an id
    json      not one JSON object
    missing   no user, item or t
    type      a field of another JSON type than wanted, or an unknown event type
    nan       a value that is not a finite 32-bit float
    size      a record over 64 KiB, or an id of no byte or over 256
    time      a time before 1970, or text that is no ISO 8601 time
    future    a time further ahead of the record's own than is allowed
    schema    a schema that the registry does not have, or that the record does not fit

An event may stand in an envelope (`cloudevent`, `debezium`), JSON also in Confluent's framing; other names, units and types
are read by a mapping (`mapping`).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

import msgspec

from stream.error import BadEvent
from stream.event import debezium
from stream.event.cloudevent import attributes, last, unwrap
from stream.event.field import (
    MAX_ID_BYTES,
    MAX_VALUE,
    expect,
    finite,
    milliseconds,
    named,
    not_before_1970,
    objects,
    short,
)
from stream.event.framing import unframed
from stream.event.message import Headers

KINDS: Final = ("view", "click", "like", "dislike", "purchase", "watch", "impression")
FORGOTTEN: Final = "forget"  # the type of a record that asks for its user to be forgotten
FORGET: Final = len(KINDS)  # ... and its code
DISLIKE: Final = KINDS.index("dislike")
IMPRESSION: Final = KINDS.index("impression")
CODE: Final = {name: code for code, name in enumerate((*KINDS, FORGOTTEN))}
REASONS: Final = ("utf8", "json", "missing", "type", "nan", "size", "time", "future", "schema")
MAX_BYTES: Final = 65_536
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000

_LATEST: Final = 2**62
_SHORT: Final = MAX_ID_BYTES // 4  # so many characters fit whatever they are


class Event(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Units: `t` in milliseconds of event time; `value` is the stream's own (seconds watched, money, stars)."""

    user: str
    item: str
    t: int
    type: str = "view"
    value: float = 1.0
    id: str | None = None
    source: str | None = None


class Wire(msgspec.Struct, gc=False):
    """An event as producers may write it."""

    user: str | int
    item: str | int
    t: Annotated[int, msgspec.Meta(ge=0, le=_LATEST)] | str
    type: Literal["view", "click", "like", "dislike", "purchase", "watch", "impression"] = "view"
    value: Annotated[float, msgspec.Meta(ge=-MAX_VALUE, le=MAX_VALUE)] = 1.0
    id: str | int | None = None
    source: Any = None  # of any type: only text is looked at


_read = msgspec.json.Decoder(Wire).decode
encode = msgspec.json.Encoder().encode


Read = Callable[[bytes, int, Headers], Wire]
"""Reads a record in another form than ours; gets its bytes, when it was written, and its headers."""


def decode(
    payload: bytes, now_ms: int, future_ms: int = DAY_MS, headers: Headers = (), read: Read | None = None
) -> Event:
    """Decode the event in a record; one pass: a cut costs calls for every event read.

    Args:
        payload, headers: The record's.
        now_ms: When the record was written, in milliseconds of the broker's clock, or the wall clock.
        future_ms: An event time so much later than that is refused.
        read: Reads records in another form.

    Raises:
        BadEvent: with a reason of the list above.
    """
    if len(payload) > MAX_BYTES:
        raise BadEvent("size", f"record has {len(payload)} bytes, expected at most {MAX_BYTES}")
    if read is not None:
        wire = read(payload, now_ms, headers)
    else:
        about = attributes(headers) if headers else {}
        try:
            wire = _read(payload) if not about else _examine(payload, about)
            if not payload.isascii():
                payload.decode()  # fields that are ignored are text too
        except (msgspec.DecodeError, ValueError, RecursionError):
            wire = _examine(payload, about)
    user, item, t, event_id = wire.user, wire.item, wire.t, wire.id
    if type(user) is not str or len(user) > _SHORT or not user or not user.isprintable():
        user = named("user", user)
    if type(item) is not str or len(item) > _SHORT or not item or not item.isprintable():
        item = "" if str(wire.type) == FORGOTTEN else named("item", item)
    if event_id is not None:
        event_id = named("id", event_id)
    if type(t) is not int:
        t = milliseconds(str(t))
    if t > now_ms + future_ms:
        raise BadEvent(
            "future",
            f"t is {t}, {_ahead(t - now_ms)} after the record itself ({now_ms}); at most {_ahead(future_ms)} is taken; "
            f"expected milliseconds since 1970{_unit(t, now_ms)}",
        )
    source = wire.source if type(wire.source) is str else None
    return Event(user, item, t, wire.type, wire.value, event_id, source)


def _unit(t: int, now_ms: int) -> str:
    """What else a time far ahead may be counted in."""
    for divisor, unit in ((1_000, "microseconds"), (1_000_000, "nanoseconds")):
        if abs(t // divisor - now_ms) < 3_650 * DAY_MS:
            return f"; these are {unit}"
    return ""


def _ahead(ms: int) -> str:
    minutes = ms / MINUTE_MS
    return (
        f"{minutes:.0f} minutes"
        if minutes < 60
        else f"{minutes / 60:.0f} hours"
        if minutes < 4_800
        else f"{minutes / 1_440:,.0f} days"
    )


def forget(user: str, t: int) -> bytes:
    """Encode the record that asks for a user to be forgotten, as of `t` in milliseconds."""
    return encode({"user": user, "type": FORGOTTEN, "t": t})


def _examine(payload: bytes, about: Mapping[str, str] = MappingProxyType({})) -> Wire:
    """Decode a record that the fast decoder refused, or whose headers say something `about` it, field by field.

    A whole `t` written as a float is taken; everything else is refused with its reason.
    """
    fields = _event(objects(unframed(payload)))
    told = {"t": about.get("t"), "type": last(about.get("type", ""))}
    if told["type"] not in CODE:
        del told["type"]
    fields = {**told, **fields, **{name: about[name] for name in ("id", "source") if name in about}}
    forgets = fields.get("type") == FORGOTTEN
    _require(fields, forgets, payload)
    user, item, t, event_id = fields["user"], fields.get("item") or "", fields["t"], fields.get("id")
    kind = fields.get("type", "view")
    expect("user", user, str, int)
    expect("item", item, str, int)
    expect("t", t, int, float, str)
    expect("type", kind, str)
    expect("id", event_id, str, int, type(None))
    if kind not in KINDS and not forgets:
        raise BadEvent("type", f"type is {short(kind)}, expected one of {', '.join(KINDS)}")
    value = finite(fields.get("value", 1.0))
    return Wire(user, item, _time(t), kind, value, event_id, fields.get("source"))


def _event(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the event in an object: those inside its envelope, if it has one."""
    change = None if "user" in fields else debezium.change(fields)
    if change is None:
        return unwrap(fields, CODE)
    row = debezium.row(change)
    return row if row.get("t") is not None else {**row, "t": change.get("ts_ms")}


def _require(fields: dict[str, Any], forgets: bool, payload: bytes) -> None:
    """Refuse a record without the fields that its type needs, or with one that it may not have."""
    if forgets and fields.get("item"):
        raise BadEvent("type", "a record that forgets a user has no item: all of the user is forgotten")
    for name in ("user", "t") if forgets else ("user", "item", "t"):
        if fields.get(name) is None:
            raise BadEvent(
                "missing",
                f"record has no {name}; it begins {short(payload)}; "
                "where a field is called otherwise, [event] in the configuration says how",
            )


def _time(t: int | float | str) -> int | str:
    """A time as text, or in whole milliseconds since 1970."""
    if isinstance(t, str):
        return t
    if isinstance(t, float) and not t.is_integer():
        raise BadEvent("type", f"t is {t}, expected integer milliseconds or ISO 8601 text")
    return not_before_1970(int(t))
