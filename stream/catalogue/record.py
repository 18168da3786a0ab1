"""Decode a record of the items topic: the metadata of one item."""

from __future__ import annotations

import json
from typing import Annotated, Final

import msgspec

from stream.catalogue.syntax import FIELD, moment
from stream.error import BadEvent

MAX_BYTES: Final = 16_384


Value = str | float | bool | list[str]


_Field = str | float | bool | Annotated[list[str], msgspec.Meta(max_length=32)] | None


_Name = Annotated[str, msgspec.Meta(pattern=rf"^{FIELD.pattern}\Z")]


_read = msgspec.json.Decoder(Annotated[dict[_Name, _Field], msgspec.Meta(max_length=64)] | None).decode


def decode(payload: bytes) -> dict[str, Value] | None:
    """The fields in a record, numbers as float; None from an empty one; BadEvent with one of the reasons above."""
    if len(payload) > MAX_BYTES:
        raise BadEvent("size", f"metadata has {len(payload)} bytes, expected at most {MAX_BYTES}")
    try:
        fields = _read(payload or b"null")
        payload.decode()
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise _refusal(payload, str(exc)) from exc
    if fields is None:
        return None
    out: dict[str, Value] = {name: value for name, value in fields.items() if value is not None}
    if "created" in out:
        out["created"] = _created(out["created"])
    return out


def _created(value: Value) -> float:
    try:
        t = moment(value) if isinstance(value, str) else value if type(value) is float else -1
    except (ValueError, OverflowError):
        t = -1
    if not 0 <= t < 8.64e15 or t % 1:
        raise BadEvent(
            "time", f"created is {value!r:.60}, expected ISO 8601 or whole milliseconds since 1970"
        )
    return float(t)


def _refusal(payload: bytes, found: str) -> BadEvent:
    strange = ["a number"] * ("out of range" in found)  # what is not finite
    reason = "size" if "length" in found else "type" if found.startswith("Expected") else "json"
    try:
        payload.decode()
        json.loads(payload, parse_constant=strange.append, parse_int=len)
    except UnicodeDecodeError as exc:
        reason, found = "utf8", f"{exc.reason} at byte {exc.start}"
    except (ValueError, RecursionError) as exc:
        reason, found = "json", str(exc)
    if strange and reason != "utf8":
        reason, found = "nan", f"{strange[0]} is not finite"
    return BadEvent(reason, f"metadata begins {payload[:40]!r}: {found}; expected a JSON object of fields")
