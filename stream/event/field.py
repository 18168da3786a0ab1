"""The fields of a record as JSON has them, and what each may be; what is not is a BadEvent that names the field."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn

import msgspec

from stream.error import BadEvent
from stream.event.framing import seen

MAX_ID_BYTES: Final = 256
MAX_VALUE: Final = 3.4028234663852886e38  # the largest finite 32-bit float

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def objects(payload: bytes) -> dict[str, Any]:
    """Return the JSON object in a record, whatever its fields hold; BadEvent where it is none."""
    try:
        payload.decode()
    except UnicodeDecodeError as exc:
        raise BadEvent(
            "utf8", f"record is not UTF-8: {exc.reason} at byte {exc.start}{seen(payload)}"
        ) from exc
    try:
        fields = json.loads(payload, parse_constant=_not_a_number, parse_int=_whole)
        msgspec.json.decode(payload, type=msgspec.Raw)  # no byte order mark, no half of a surrogate pair
    except (ValueError, RecursionError, msgspec.DecodeError) as exc:
        raise BadEvent(
            "json", f"record is not JSON: {exc}; it begins {short(payload)}{seen(payload)}"
        ) from exc
    if not isinstance(fields, dict):
        raise BadEvent("json", f"record is JSON but no object; it begins {short(payload)}")
    return fields


def named(field: str, value: str | int) -> str:
    """Return an id as text; one that is none is a BadEvent."""
    text = value if isinstance(value, str) else str(value)
    size = len(text.encode())
    if not 1 <= size <= MAX_ID_BYTES:
        raise BadEvent("size", f"{field} has {size} bytes, expected 1 to {MAX_ID_BYTES}")
    if _CONTROL.search(text):
        raise BadEvent("utf8", f"{field} {short(text)} holds a control character")
    return text


def milliseconds(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 time, rounded down."""
    try:
        stamp = datetime.fromisoformat(text)
        if stamp.tzinfo is None:
            stamp = stamp.replace(tzinfo=UTC)
        t = (stamp - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError) as exc:
        raise BadEvent("time", f"t is {short(text)}, expected integer milliseconds or ISO 8601 text") from exc
    return not_before_1970(t)


def not_before_1970(t: int) -> int:
    """Return a time; one before 1970 is a BadEvent."""
    if t < 0:
        raise BadEvent("time", f"t is {t}, expected a time since 1970 (0 or more milliseconds)")
    return t


def finite(value: Any) -> float:
    """Return a value; one that is no finite 32-bit float is a BadEvent."""
    if value is None:  # what several encoders write for NaN
        raise BadEvent("nan", "value is null, expected a finite number (or leave it out)")
    expect("value", value, int, float)
    if not -MAX_VALUE <= value <= MAX_VALUE:
        raise BadEvent("nan", f"value is {short(value)}, expected a finite 32-bit float")
    return float(value)


def _whole(digits: str) -> int:
    if len(digits) > 2 * MAX_ID_BYTES:
        raise BadEvent(
            "size", f"record holds a number of {len(digits)} digits, expected at most {2 * MAX_ID_BYTES}"
        )
    return int(digits)


def expect(field: str, value: Any, *kinds: type) -> None:
    """Refuse a field of another type than one of these."""
    if isinstance(value, bool) or not isinstance(value, kinds):
        wanted = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
        raise BadEvent("type", f"{field} is {short(value)} ({type(value).__name__}), expected {wanted}")


def _not_a_number(name: str) -> NoReturn:
    raise BadEvent("nan", f"record holds {name}, which is not JSON; expected finite numbers")


def short(value: object, limit: int = 60) -> str:
    """Return the beginning of something for a message."""
    text = repr(value[: limit * 2] if isinstance(value, str | bytes) else value)
    return text if len(text) <= limit else text[:limit] + "…"
