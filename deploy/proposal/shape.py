"""What records look like: their form, their envelope, and which values stand at which place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from stream.error import BadEvent, Ignored
from stream.event import cloudevent, debezium
from stream.event.batch import Record
from stream.event.field import objects
from stream.event.framing import schema_id, unframed
from stream.event.mapped import Framed

DEEPEST: Final = 6
PLAIN, CLOUDEVENT, DEBEZIUM = "none", "cloudevents", "debezium"


class Shape:
    """The records of a sample.

    Args:
        framed: Reads what is framed with a schema; None where no registry is named.
    """

    def __init__(self, records: Iterable[Record], framed: Framed | None = None) -> None:
        self.forms: Counter[str] = Counter()  # json, framed, other
        self.envelopes: Counter[str] = Counter()
        self.values: dict[str, list[Any]] = {}  # place -> the values there, one a record at most
        self.count = 0  # records that are objects, and leave a row
        self.unread: list[tuple[Record, str]] = []
        self.timed = 0  # records whose envelope says when
        self.types: list[str] = []  # what envelopes say happened
        for record in records:
            self._see(record, framed)

    @property
    def envelope(self) -> str:
        """The usual envelope."""
        return self.envelopes.most_common(1)[0][0] if self.envelopes else PLAIN

    @property
    def stamped(self) -> bool:
        """Whether the envelope says when it happened."""
        return self.envelope != PLAIN and self.timed > 0.9 * self.envelopes[self.envelope]

    def share(self, place: str) -> float:
        """In which share of the records there is a value at this place."""
        return len(self.values.get(place, ())) / self.count if self.count else 0.0

    def _see(self, record: Record, framed: Framed | None) -> None:
        number = schema_id(record.payload)
        try:
            if number is not None and framed is not None:
                fields = framed(record.payload)
                self.forms["framed"] += 1
            else:
                fields = objects(unframed(record.payload))
                self.forms["json" if number is None else "framed"] += 1
            inner, envelope, timed, kind = _opened(fields, record)
        except Ignored:
            self.forms["ignored"] += 1
            return
        except BadEvent as exc:
            self.forms["other"] += 1
            self.unread.append((record, str(exc)))
            return
        self.count += 1
        self.envelopes[envelope] += 1
        self.timed += timed
        self.types += [kind] if kind else []
        for place, value in _scalars(inner, "", 0):
            self.values.setdefault(place, []).append(value)


def _opened(fields: dict[str, Any], record: Record) -> tuple[dict[str, Any], str, bool, str]:
    """Return the object with the event, what it stands in, whether that says when it happened, and what it says happened."""
    data = cloudevent.enclosed(fields)
    if data is not None:
        return data, CLOUDEVENT, "time" in fields, str(fields.get("type", ""))
    change = debezium.change(fields)
    if change is not None:
        return debezium.row(change), DEBEZIUM, isinstance(change.get("ts_ms"), int), ""
    headers = cloudevent.attributes(record.headers)
    if headers:
        return fields, CLOUDEVENT, "t" in headers, headers.get("type", "")
    return fields, PLAIN, False, ""


def _scalars(fields: dict[str, Any], above: str, depth: int) -> Iterable[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict) and depth < DEEPEST:
            yield from _scalars(value, f"{above}{name}.", depth + 1)
        elif isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            yield above + name, value
        elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and depth < DEEPEST:
            yield from _scalars(value[0], f"{above}{name}.0.", depth + 1)


def shown(value: object) -> str:
    """Return a value as a configuration has it, in short."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 24 else text[:23] + "…"
