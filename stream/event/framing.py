"""Confluent's framing: which schema of a registry a record is written with stands before it.

    byte     0        1 … 4                5 …
             0        schema id, big end   JSON, Avro, or message indexes and Protobuf

JSON is read as it is; the rest needs the registry: see `stream/registry`.
"""

from __future__ import annotations

from typing import Final

MAGIC: Final = b"\0"
HEAD: Final = 5  # bytes before what is framed
_BEGINNINGS: Final = (
    (b"Obj\x01", "an Avro file, not one record"),
    (b"\x1f\x8b", "gzip; compress with the topic's compression.type, not the record"),
    (b"PAR1", "a Parquet file; `riverwalk produce FILE` sends its rows"),
    (b"\x28\xb5\x2f\xfd", "zstd; compress with the topic's compression.type, not the record"),
    (b"<", "XML or HTML"),
    (b"\xef\xbb\xbf", "text that begins with a byte order mark"),
)


def schema_id(payload: bytes) -> int | None:
    """Return the id of the schema a record is framed with; None where it is not framed."""
    return int.from_bytes(payload[1:HEAD], "big") if len(payload) > HEAD and payload[:1] == MAGIC else None


def unframed(payload: bytes) -> bytes:
    """Return the JSON object in a frame; any other record as it is."""
    if payload[:1] == MAGIC and payload[HEAD:].lstrip()[:1] == b"{" and payload.rstrip()[-1:] == b"}":
        return payload[HEAD:]
    return payload


def seen(payload: bytes) -> str:
    """Return what a record seems to be that is no JSON, to be put behind a message; empty where nobody can tell."""
    number = schema_id(payload)
    if number is not None:
        return (
            f"; it looks like Confluent's framing with schema {number}: "
            "set event.registry to the address of the schema registry"
        )
    what = next((what for beginning, what in _BEGINNINGS if payload.startswith(beginning)), "")
    return f"; it looks like {what}" if what else ""
