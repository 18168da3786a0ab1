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
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, NoReturn

import msgspec

from stream.error import BadEvent
from stream.event.cloudevent import attributes, unwrap
from stream.event.message import Headers

KINDS: Final = ("view", "click", "like", "dislike", "purchase", "watch", "impression")
FORGOTTEN: Final = "forget"  # the type of a record that asks for its user to be forgotten
FORGET: Final = len(KINDS)  # ... and its code
DISLIKE: Final = KINDS.index("dislike")
IMPRESSION: Final = KINDS.index("impression")
CODE: Final = {name: code for code, name in enumerate((*KINDS, FORGOTTEN))}
REASONS: Final = ("utf8", "json", "missing", "type", "nan", "size", "time", "future")
MAX_BYTES: Final = 65_536
MAX_ID_BYTES: Final = 256
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000

_MAX_VALUE: Final = 3.4028234663852886e38  # the largest finite 32-bit float
_LATEST: Final = 2**62
_SHORT: Final = MAX_ID_BYTES // 4  # so many characters fit whatever they are
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Event(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Units: `t` in milliseconds of event time; `value` is the stream's own (seconds watched, money, stars)."""

    user: str
    item: str
    t: int
    type: str = "view"
    value: float = 1.0
    id: str | None = None
    source: str | None = None


class _Wire(msgspec.Struct, gc=False):
    """An event as producers may write it."""

    user: str | int
    item: str | int
    t: Annotated[int, msgspec.Meta(ge=0, le=_LATEST)] | str
    type: Literal["view", "click", "like", "dislike", "purchase", "watch", "impression"] = "view"
    value: Annotated[float, msgspec.Meta(ge=-_MAX_VALUE, le=_MAX_VALUE)] = 1.0
    id: str | int | None = None
    source: Any = None  # of any type: only text is looked at


_read = msgspec.json.Decoder(_Wire).decode
encode = msgspec.json.Encoder().encode


def decode(payload: bytes, now_ms: int, future_ms: int = DAY_MS, headers: Headers = ()) -> Event:
    """Decode the event in a record; one pass: a cut costs calls for every event read.

    Args:
        payload, headers: The record's.
        now_ms: When the record was written, in milliseconds of the broker's clock, or the wall clock.
        future_ms: An event time so much later than that is refused.

    Raises:
        BadEvent: with a reason of the list above.
    """
    if len(payload) > MAX_BYTES:
        raise BadEvent("size", f"record has {len(payload)} bytes, expected at most {MAX_BYTES}")
    about = attributes(headers) if headers else {}
    try:
        wire = _read(payload) if not about else _examine(payload, about)
        if not payload.isascii():
            payload.decode()  # fields that are ignored are text too
    except (msgspec.DecodeError, ValueError, RecursionError):
        wire = _examine(payload)
    user, item, t, event_id = wire.user, wire.item, wire.t, wire.id
    if type(user) is not str or len(user) > _SHORT or not user or not user.isprintable():
        user = _id("user", user)
    if type(item) is not str or len(item) > _SHORT or not item or not item.isprintable():
        item = "" if str(wire.type) == FORGOTTEN else _id("item", item)
    if event_id is not None:
        event_id = _id("id", event_id)
    if type(t) is not int:
        t = _milliseconds(str(t))
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


def _id(field: str, value: str | int) -> str:
    text = value if isinstance(value, str) else str(value)
    size = len(text.encode())
    if not 1 <= size <= MAX_ID_BYTES:
        raise BadEvent("size", f"{field} has {size} bytes, expected 1 to {MAX_ID_BYTES}")
    if _CONTROL.search(text):
        raise BadEvent("utf8", f"{field} {_short(text)} holds a control character")
    return text


def _milliseconds(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 time, rounded down."""
    try:
        stamp = datetime.fromisoformat(text)
        if stamp.tzinfo is None:
            stamp = stamp.replace(tzinfo=UTC)
        t = (stamp - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError) as exc:
        raise BadEvent(
            "time", f"t is {_short(text)}, expected integer milliseconds or ISO 8601 text"
        ) from exc
    return _not_before_1970(t)


def _not_before_1970(t: int) -> int:
    if t < 0:
        raise BadEvent("time", f"t is {t}, expected a time since 1970 (0 or more milliseconds)")
    return t


def _examine(payload: bytes, about: Mapping[str, str] = MappingProxyType({})) -> _Wire:
    """Decode a record that the fast decoder refused, or whose headers say something `about` it, field by field.

    A whole `t` written as a float is taken; everything else is refused with its reason.
    """
    fields = unwrap(_fields(payload), CODE)
    fields = {"t": about.get("t"), **fields, **{name: value for name, value in about.items() if name != "t"}}
    forgets = fields.get("type") == FORGOTTEN
    _require(fields, forgets, payload)
    user, item, t, event_id = fields["user"], fields.get("item") or "", fields["t"], fields.get("id")
    kind = fields.get("type", "view")
    _expect("user", user, str, int)
    _expect("item", item, str, int)
    _expect("t", t, int, float, str)
    _expect("type", kind, str)
    _expect("id", event_id, str, int, type(None))
    if kind not in KINDS and not forgets:
        raise BadEvent("type", f"type is {_short(kind)}, expected one of {', '.join(KINDS)}")
    value = _value(fields.get("value", 1.0))
    return _Wire(user, item, _time(t), kind, value, event_id, fields.get("source"))


def _require(fields: dict[str, Any], forgets: bool, payload: bytes) -> None:
    """Refuse a record without the fields that its type needs, or with one that it may not have."""
    if forgets and fields.get("item"):
        raise BadEvent("type", "a record that forgets a user has no item: all of the user is forgotten")
    for name in ("user", "t") if forgets else ("user", "item", "t"):
        if fields.get(name) is None:
            raise BadEvent("missing", f"record has no {name}; it begins {_short(payload)}")


def _value(value: Any) -> float:
    if value is None:  # what several encoders write for NaN
        raise BadEvent("nan", "value is null, expected a finite number (or leave it out)")
    _expect("value", value, int, float)
    if not -_MAX_VALUE <= value <= _MAX_VALUE:
        raise BadEvent("nan", f"value is {_short(value)}, expected a finite 32-bit float")
    return float(value)


def _time(t: int | float | str) -> int | str:
    """A time as text, or in whole milliseconds since 1970."""
    if isinstance(t, str):
        return t
    if isinstance(t, float) and not t.is_integer():
        raise BadEvent("type", f"t is {t}, expected integer milliseconds or ISO 8601 text")
    return _not_before_1970(int(t))


def _fields(payload: bytes) -> dict[str, Any]:
    """The JSON object in a record, whatever its fields hold."""
    try:
        payload.decode()
    except UnicodeDecodeError as exc:
        raise BadEvent("utf8", f"record is not UTF-8: {exc.reason} at byte {exc.start}") from exc
    try:
        fields = json.loads(payload, parse_constant=_not_a_number, parse_int=_whole)
        msgspec.json.decode(payload, type=msgspec.Raw)  # no byte order mark, no half of a surrogate pair
    except (ValueError, RecursionError, msgspec.DecodeError) as exc:
        raise BadEvent("json", f"record is not JSON: {exc}; it begins {_short(payload)}") from exc
    if not isinstance(fields, dict):
        raise BadEvent("json", f"record is JSON but no object; it begins {_short(payload)}")
    return fields


def _whole(digits: str) -> int:
    if len(digits) > 2 * MAX_ID_BYTES:
        raise BadEvent(
            "size", f"record holds a number of {len(digits)} digits, expected at most {2 * MAX_ID_BYTES}"
        )
    return int(digits)


def _expect(field: str, value: Any, *kinds: type) -> None:
    if isinstance(value, bool) or not isinstance(value, kinds):
        wanted = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
        raise BadEvent("type", f"{field} is {_short(value)} ({type(value).__name__}), expected {wanted}")


def _not_a_number(name: str) -> NoReturn:
    raise BadEvent("nan", f"record holds {name}, which is not JSON; expected finite numbers")


def _short(value: object, limit: int = 60) -> str:
    text = repr(value[: limit * 2] if isinstance(value, str | bytes) else value)
    return text if len(text) <= limit else text[:limit] + "…"
