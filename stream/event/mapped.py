"""Decode records by a mapping: in one pass where they are plain JSON, else field by field.

    in one pass     a decoder made for the mapping's names; it refuses whatever is not as expected,
    field by field  which is then looked at as an object: envelopes, framing, and why it is no event

Records that Riverwalk itself writes to the same topic (`EVENT`, `FORGET`, `riverwalk produce`) are read as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from stream.error import BadEvent, Ignored
from stream.event import cloudevent, debezium
from stream.event.event import DAY_MS, FORGOTTEN, KINDS, Event, Wire, decode
from stream.event.field import MAX_VALUE, expect, finite, milliseconds, not_before_1970, objects, short
from stream.event.flat import ENVELOPES, flat
from stream.event.framing import schema_id, unframed
from stream.event.mapping import IGNORE, ROLES, STAMP, WORDS, Mapping, ours
from stream.event.message import Headers

FACTOR: Final = {"s": (1000, 1), "ms": (1, 1), "us": (1, 1000), "ns": (1, 1_000_000), "iso": (1, 1)}
EARLY_MS: Final = 473_385_600_000  # 1985
OWN: Final = b'{"user":'  # how our own records begin
_DIGITS: Final = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
_ABSENT: Final = object()

Framed = Callable[[bytes], Any]
"""Reads what is framed with a schema as an object of JSON's kinds; BadEvent: the schema does not fit, or is not known."""


class _Own(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A record of ours, and nothing else."""

    user: str
    t: int
    item: str = ""
    type: str = "view"
    value: float = 1.0
    id: str | None = None
    source: str | None = None


_plain = msgspec.json.Decoder(dict[str, Any]).decode
_own = msgspec.json.Decoder(_Own).decode


class Mapped:
    """Decodes records as a mapping says.

    Args:
        framed: Reads what is framed with a schema; None where no registry is named.
    """

    def __init__(self, mapping: Mapping, framed: Framed | None = None) -> None:
        self._mapping, self._framed = mapping, framed
        self._paths = {role: path.split(".") if path else [] for role, path in mapping.paths.items()}
        self._stamped = mapping.t == STAMP
        left = (IGNORE, FORGOTTEN)
        self._kinds: dict[str | None, Any] = {kind: kind for kind in KINDS}
        self._kinds |= {theirs: kind for theirs, kind in mapping.kinds.items() if kind not in left}
        for theirs, kind in mapping.kinds.items():
            if kind in left:
                self._kinds.pop(theirs, None)
        self._weights: dict[Any, float] = mapping.weights
        self._unit = FACTOR[mapping.time_unit]
        self._foreign = not mapping.usual
        places = () if self._stamped else ENVELOPES.get(mapping.envelope, ())
        self._fast = [read for place in places if (read := flat(mapping, place)) is not None]

    def __call__(self, payload: bytes, now_ms: int, future_ms: int = DAY_MS, headers: Headers = ()) -> Event:
        """Decode the event in a record; see `stream.event.event.decode`."""
        try:
            if (
                not self._mapping.usual
                and payload.startswith(OWN)
                and self._is_own(payload, now_ms + future_ms)
            ):
                return decode(payload, now_ms, future_ms, headers)
            return decode(payload, now_ms, future_ms, headers, self._read)
        except Ignored:
            raise
        except BadEvent as exc:
            raise BadEvent(exc.reason, self._told(str(exc))) from exc

    def _read(self, payload: bytes, written_ms: int, headers: Headers) -> Wire:
        """Read a record in one pass; whatever is not as expected, field by field."""
        for place in range(0 if headers else len(self._fast)):
            try:
                user, item, t, kind, value, event_id, source = self._fast[place](payload)
                if not payload.isascii():
                    payload.decode()
                t = t * self._unit[0] // self._unit[1] if type(t) is int and t >= 0 else self._time(t)
                known = self._kinds[self._mapping.missing_type if kind is None else kind]
                if value is None:
                    value = self._weights.get(kind, 1.0)
                elif not -MAX_VALUE <= value <= MAX_VALUE:
                    break
                if place:  # the next record is likely to be like this one
                    self._fast.insert(0, self._fast.pop(place))
                return Wire(user, item, t, known, value, event_id, source)
            except (ValueError, KeyError, RecursionError, BadEvent):
                continue  # looked at again, to say what it is
        return self._examine(payload, written_ms, headers)

    def _examine(self, payload: bytes, written_ms: int, headers: Headers) -> Wire:
        """Read a record field by field."""
        fields = self._object(payload)
        inner, about = self._opened(fields)
        about |= {name: text for name, text in cloudevent.attributes(headers).items() if text}
        found = {role: self._find(role, inner, fields) for role in ROLES}
        kind: Any = self._kind(found["type"], about)
        for role in ("id", "source"):
            told = about.get(role) if found[role] is _ABSENT or self._paths[role] == [role] else None
            found[role] = found[role] if told is None else told
        t = written_ms if self._stamped else self._when(found["t"], about)
        for role in ("user", "item") if kind != FORGOTTEN else ("user",):
            if found[role] is _ABSENT or found[role] is None:
                raise BadEvent("missing", f"record has no {role}; its fields are {_names(inner)}")
            expect(role, found[role], str, int)
        item = "" if kind == FORGOTTEN else found["item"]
        event_id = None if found["id"] is _ABSENT else found["id"]
        expect("id", event_id, str, int, type(None))
        value = self._value(found["value"], found["type"], about)
        return Wire(found["user"], item, t, kind, value, event_id, found["source"])

    def _object(self, payload: bytes) -> dict[str, Any]:
        """Return the object in a record, framed or not."""
        if self._framed is not None and schema_id(payload) is not None:
            fields = self._framed(payload)
            if not isinstance(fields, dict):
                raise BadEvent("json", f"record is {short(fields)}, expected an object with fields")
            return fields
        if not payload and self._mapping.envelope in ("auto", "debezium"):
            raise Ignored("a tombstone, which follows a deleted row")
        plain = unframed(payload)
        try:
            return _plain(plain)
        except (ValueError, RecursionError):
            return objects(plain)

    def _opened(self, fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the object that holds the event, and what its envelope says of it."""
        envelope = self._mapping.envelope
        if envelope in ("auto", "cloudevents"):
            data = cloudevent.enclosed(fields)
            if data is not None:
                return data, {
                    role: fields[name]
                    for role, name in (("id", "id"), ("source", "source"), ("t", "time"), ("type", "type"))
                    if name in fields
                }
        if envelope in ("auto", "debezium"):
            change = debezium.change(fields)
            if change is not None:
                row = debezium.row(change)
                return row, {"ms": change["ts_ms"]} if isinstance(change.get("ts_ms"), int) else {}
        if envelope == "debezium":
            raise BadEvent(
                "missing", f"record is no Debezium change with op and after; its fields are {_names(fields)}"
            )
        return fields, {}

    def _find(self, role: str, inner: dict[str, Any], whole: dict[str, Any]) -> Any:
        """Return the field of a role, looked for in the event, and a name with dots then in the whole record."""
        path = self._paths[role]
        found = _at(inner, path) if path else _ABSENT
        outside = found is _ABSENT and len(path) > 1 and whole is not inner
        return _at(whole, path) if outside else found

    def _kind(self, found: Any, about: dict[str, Any]) -> str:
        """Return what happened in our words."""
        enveloped = found is _ABSENT or found is None
        told = about.get("type") if enveloped else found
        if told is None:
            kind = self._mapping.missing_type
            if not kind:
                raise BadEvent("missing", "record has no type")
        else:
            expect("type", told, str, int)
            word = str(told)
            kind = ours(self._mapping, word) or (
                ours(self._mapping, cloudevent.last(word)) if enveloped else ""
            )
            if not kind and enveloped and not self._mapping.kinds:
                kind = self._mapping.missing_type
        if kind == IGNORE:
            raise Ignored(f"a record of type {short(told)}")
        if not kind:
            known = ", ".join(dict.fromkeys([*self._mapping.kinds, *KINDS]))
            raise BadEvent(
                "type", f"type is {short(told)}, expected one of {known}; name it under [event.kinds]"
            )
        return kind

    def _when(self, found: Any, about: dict[str, Any]) -> int:
        """Return when it happened, in milliseconds."""
        if found is _ABSENT or found is None:
            if "ms" in about:
                return not_before_1970(about["ms"])
            found = about.get("t")
            if found is None:
                raise BadEvent("missing", "record has no t")
        return self._time(found)

    def _time(self, t: Any) -> int:
        """Return a time in the mapping's unit, or as ISO 8601 text, in milliseconds."""
        unit = self._mapping.time_unit
        if isinstance(t, datetime):
            t = t.isoformat()
        if isinstance(t, str) and unit != "iso" and _DIGITS.fullmatch(t):
            t = float(t) if "." in t else int(t[:40])
        if isinstance(t, str):
            return milliseconds(t)
        if isinstance(t, bool) or not isinstance(t, int | float) or unit == "iso":
            raise BadEvent(
                "type",
                f"t is {short(t)}, expected {WORDS.get(unit, '')}{' or ' * (unit in WORDS)}ISO 8601 text",
            )
        if isinstance(t, float) and not math.isfinite(t):
            raise BadEvent("time", f"t is {t}, expected {WORDS[unit]}")
        return not_before_1970(math.floor(t * self._unit[0]) // self._unit[1])

    def _value(self, found: Any, kind: Any, about: dict[str, Any]) -> float:
        """Return the value of an event; where it has none, what its type weighs."""
        if found is _ABSENT or found is None:
            told = about.get("type") if kind is _ABSENT or kind is None else kind
            return self._weights.get(str(told), 1.0)
        if isinstance(found, str) and _DIGITS.fullmatch(found):
            found = float(found)
        return finite(found)

    def _is_own(self, payload: bytes, latest_ms: int) -> bool:
        """Whether a record is one of ours among others: exactly our fields, and a time that is one in milliseconds."""
        try:
            return EARLY_MS <= _own(payload).t <= latest_ms
        except (msgspec.DecodeError, ValueError):
            return False

    def _told(self, message: str) -> str:
        """Return a message about a field with the name it has in the record."""
        for role, parts in self._paths.items():
            name = ".".join(parts)
            if name not in (role, "") and re.search(rf"(^|no ){role}\b", message):
                return re.sub(
                    rf"(^|no ){role}\b",
                    rf"\g<1>{role} ([event] {role} = {json_text(name)})",
                    message,
                    count=1,
                )
        return message


def json_text(text: str) -> str:
    """Return a text in quotes, as a configuration has it."""
    return msgspec.json.encode(text).decode()


def _at(fields: Any, path: list[str]) -> Any:
    """Return what stands at a path, whose dots may be part of a name."""
    if not path:
        return fields
    if isinstance(fields, list) and path[0].isdigit() and int(path[0]) < len(fields):
        return _at(fields[int(path[0])], path[1:])
    if not isinstance(fields, dict):
        return _ABSENT
    if len(path) > 1 and ".".join(path) in fields:
        return fields[".".join(path)]
    return _at(fields[path[0]], path[1:]) if path[0] in fields else _ABSENT


def _names(fields: dict[str, Any]) -> str:
    shown = ", ".join(map(str, list(fields)[:12]))
    return short(shown, 160).strip("'") or "none"
