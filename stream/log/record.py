"""What a row of the log holds: a record, its headers as bytes, and a checksum.

SQLite checks the structure of a file but not its contents, so each row carries a CRC-32 of everything in it:

    crc32(offset "," ms "," bytes of the key ":" key value headers)

Headers, one after the other:

    2 bytes   length of the name, little-endian
    4 bytes   length of the value
    …         name (UTF-8), value
"""

from __future__ import annotations

import struct
from typing import Final
from zlib import crc32

from stream.event.message import Headers

_LENGTHS: Final = struct.Struct("<HI")


def checksum(offset: int, ms: int, key: bytes, value: bytes, headers: bytes) -> int:
    """Return the CRC-32 of a record."""
    return crc32(b"%d,%d,%d:%b%b%b" % (offset, ms, len(key), key, value, headers))


def pack(headers: Headers) -> bytes:
    """Return headers as bytes; one without a value gets an empty one."""
    parts = list[bytes]()
    for name, given in headers:
        text, value = name.encode(), given or b""
        parts += _LENGTHS.pack(len(text), len(value)), text, value
    return b"".join(parts)


def unpack(packed: bytes) -> list[tuple[str, bytes]]:
    """Return headers from bytes."""
    headers, position = list[tuple[str, bytes]](), 0
    while position < len(packed):
        name, value = _LENGTHS.unpack_from(packed, position)
        position += _LENGTHS.size
        middle, end = position + name, position + name + value
        headers.append((packed[position:middle].decode(), packed[middle:end]))
        position = end
    return headers
