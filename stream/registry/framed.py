"""Records in Confluent's framing as objects: JSON as it is, Avro and Protobuf by their schema in a registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

from stream.error import BadEvent, BadSource
from stream.event.field import objects, short
from stream.event.framing import HEAD, schema_id
from stream.registry.client import Client, Schema

Reader = Callable[[bytes], Any]
NEEDS: Final = {"AVRO": ("fastavro",), "PROTOBUF": ("google.protobuf", "grpc_tools")}


class Framed:
    """Reads framed records.

    Args:
        client: Of the registry.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._readers: dict[int, Reader] = {}

    def __call__(self, payload: bytes) -> Any:
        """Return the object in a framed record.

        Raises:
            BadEvent: The schema is not known, or the record does not fit it.
            Away: The registry does not answer now.
            BadSource: It refuses us, or the extra `registry` is not installed.
        """
        number = schema_id(payload)
        assert number is not None
        reader = self._readers.get(number)
        if reader is None:
            reader = self._readers[number] = _reader(self._client.schema(number), number)
        try:
            return reader(payload[HEAD:])
        except BadEvent:
            raise
        except Exception as exc:  # of many kinds, by the library
            raise BadEvent(
                "schema",
                f"record does not fit its schema {number}: {short(str(exc) or type(exc).__name__, 120)}",
            ) from exc


def _reader(schema: Schema, number: int) -> Reader:
    """Return what reads records of a schema."""
    if schema.kind == "JSON":
        return objects
    if schema.kind not in NEEDS:
        raise BadEvent(
            "schema", f"schema {number} is of type {short(schema.kind)}, expected JSON, AVRO or PROTOBUF"
        )
    for module in NEEDS[schema.kind]:
        if find_spec(module.partition(".")[0]) is None:
            raise BadSource(
                f"schema {number} is {schema.kind}, which the extra registry reads: pip install 'riverwalk[registry]'"
            )
    try:
        if schema.kind == "AVRO":
            from stream.registry.avro import reader as avro

            return avro(schema)
        from stream.registry.protobuf import reader as protobuf

        return protobuf(schema)
    except BadEvent:
        raise
    except Exception as exc:  # of many kinds, by the library
        raise BadEvent("schema", f"schema {number} cannot be read: {short(str(exc), 160)}") from exc


def described(schema: Schema) -> str:
    """Return what a schema is called, for people."""
    try:
        told = json.loads(schema.text)
    except ValueError:
        return schema.kind
    name = told.get("name") or told.get("title") if isinstance(told, dict) else None
    return f"{schema.kind} {name}" if name else schema.kind
