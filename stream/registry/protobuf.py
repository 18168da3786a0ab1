"""Protobuf records as objects: fields by the names of their schema, enums by name, 64-bit numbers as numbers.

    message indexes   n, then n positions: which message of the schema, and which one inside it; a 0 alone is the first
    message           as Protobuf has it

Source: Confluent, "Wire format", section Protobuf.  The schema's text is compiled by protoc, which `grpcio-tools` brings.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from stream.registry.client import Schema

MAIN = "riverwalk_record.proto"


def reader(schema: Schema) -> Callable[[bytes], Any]:
    """Return what reads a record of a schema."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    files = descriptor_pb2.FileDescriptorSet.FromString(_compiled(schema))
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)  # type: ignore[no-untyped-call]
    main = pool.FindFileByName(MAIN)
    messages = [main.message_types_by_name[one.name] for one in files.file[-1].message_type]
    classes: dict[tuple[int, ...], Any] = {}

    def read(payload: bytes) -> Any:
        indexes, at = _indexes(payload)
        if indexes not in classes:
            found = messages[indexes[0]]
            for index in indexes[1:]:
                found = found.nested_types[index]
            classes[indexes] = message_factory.GetMessageClass(found)
        return plain(classes[indexes].FromString(payload[at:]))

    return read


def plain(message: Any) -> dict[str, Any]:
    """Return a message as an object; a field without presence that is at its default is there, too."""
    found: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.has_presence and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        if field.is_repeated:
            mapped = field.message_type is not None and field.message_type.GetOptions().map_entry
            found[field.name] = (
                {str(key): _plain(field, value[key], mapped) for key in value}
                if mapped
                else [_plain(field, one) for one in value]
            )
        else:
            found[field.name] = _plain(field, value)
    return found


def _plain(field: Any, value: Any, mapped: bool = False) -> Any:
    if hasattr(value, "DESCRIPTOR"):
        if value.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
            return value.ToJsonString()
        if value.DESCRIPTOR.full_name.startswith("google.protobuf.") and value.DESCRIPTOR.full_name.endswith(
            "Value"
        ):
            return value.value if hasattr(value, "value") else None
        return plain(value)
    if field.enum_type is not None and not mapped:
        named = field.enum_type.values_by_number.get(value)
        return value if named is None else named.name
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _compiled(schema: Schema) -> bytes:
    """Return the descriptors of a schema and of what it refers to, as protoc writes them."""
    import grpc_tools
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory(prefix="riverwalk-schema-") as name:
        folder = Path(name)
        for reference, text in schema.references:
            path = PurePosixPath(reference)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"it refers to {reference!r}, which is no name of a file")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        (folder / MAIN).write_text(schema.text, encoding="utf-8")
        known = Path(grpc_tools.__file__).parent / "_proto"
        words = [
            f"-I{folder}",
            f"-I{known}",
            "--include_imports",
            f"--descriptor_set_out={folder / 'out'}",
            MAIN,
        ]
        if protoc.main(["protoc", *words]) != 0:
            raise ValueError("protoc does not take it")
        return (folder / "out").read_bytes()


def _indexes(payload: bytes) -> tuple[tuple[int, ...], int]:
    """Return which message it is, and where it begins."""
    count, at = _varint(payload, 0)
    if not 0 <= count <= 32:
        raise ValueError(f"{count} message indexes")
    found = list[int]()
    for _ in range(count):
        index, at = _varint(payload, at)
        found.append(index)
    return tuple(found) or (0,), at


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    """Return a number in zigzag form, and where the next one begins."""
    number = shift = 0
    while True:
        byte = payload[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return (number >> 1) ^ -(number & 1), at
        if shift > 63:
            raise ValueError("a message index of more than 64 bits")
