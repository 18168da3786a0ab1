"""CloudEvents 1.0: an event in an envelope, either around it in the record or in the record's headers.

    structured   {"specversion": "1.0", "id": "42", "source": "/shop", "type": "…", "time": "…", "data": {"user": …, "item": …}}
    binary       headers ce_id, ce_source, ce_time, ce_type beside a record that is the event

`id` with `source` says which event it is, `time` when it happened where the event has no `t`, and `type`, or its part behind
the last dot, what happened where that is one of our types and the event does not say.

Source: CloudEvents 1.0.2, section 3 (attributes), and its Kafka binding, section 3 (content modes).  Not taken: batches,
extensions.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from typing import Any, Final

import msgspec

from stream.event.message import Headers

HEADERS: Final = {"ce_id": "id", "ce_source": "source", "ce_time": "t", "ce_type": "type"}


def enclosed(fields: dict[str, Any]) -> dict[str, Any] | None:
    """Return the object inside an envelope, also one in Base64; None where this is no envelope, or around something else."""
    if fields.get("specversion") is None:
        return None
    data, coded = fields.get("data"), fields.get("data_base64")
    if data is None and isinstance(coded, str):
        try:
            data = msgspec.json.decode(base64.b64decode(coded, validate=True))
        except (binascii.Error, ValueError, msgspec.DecodeError):
            return None
    return data if isinstance(data, dict) else None


def unwrap(fields: dict[str, Any], types: Collection[str]) -> dict[str, Any]:
    """Return the fields of the event inside an envelope; any other object is returned as it is."""
    data = enclosed(fields)
    if data is None:
        return fields
    about: dict[str, Any] = {name: fields[name] for name in ("id", "source") if name in fields}
    if "time" in fields:
        about["t"] = fields["time"]
    kind = last(str(fields.get("type", "")))
    if kind in types:
        about["type"] = kind
    return about | {name: value for name, value in data.items() if name not in ("id", "source")}


def attributes(headers: Headers) -> dict[str, str]:
    """Return what the headers of a record say of the event in it, by field: id, source, t, type."""
    return {
        HEADERS[name]: value.decode(errors="replace")
        for name, value in headers
        if name in HEADERS and value is not None
    }


def last(kind: str) -> str:
    """Return the part of a type behind its last dot."""
    return kind.rpartition(".")[2]
