"""Avro records as objects of JSON's kinds: times as milliseconds or ISO 8601 text, decimals as numbers, UUIDs as text."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import fastavro

from stream.registry.client import Schema


def reader(schema: Schema) -> Callable[[bytes], Any]:
    """Return what reads a record of a schema."""
    named: dict[str, Any] = {}
    for _, text in schema.references:
        fastavro.parse_schema(json.loads(text), named_schemas=named)
    parsed = fastavro.parse_schema(json.loads(schema.text), named_schemas=named)

    def read(payload: bytes) -> Any:
        rest = io.BytesIO(payload)
        found = plain(fastavro.schemaless_reader(rest, parsed, None))
        if rest.tell() != len(payload):
            raise ValueError(f"{len(payload) - rest.tell()} bytes are left over")
        return found

    return read


def plain(value: Any) -> Any:
    """Return a value of Avro as one of JSON."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
