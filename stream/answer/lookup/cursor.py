"""Cursors: pages of an answer without overlap, with nothing remembered of anybody.

A cursor holds which items the pages so far had, and a checksum of them and of the user:

    base64url( crc32, 4 bytes | rows, rising, each as its distance from the one before: 7 bits a byte, the lowest first )

The next page is what the user is recommended then without these items, so an item comes once however the list moves in
between.  At most 1 000 items can be paged through, which is a cursor of some 3 KB.  Row numbers live as long as the state
does: after a restore from another state a cursor may leave out other items than those that were shown.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable
from typing import Final

from stream.error import BadRequest

FIRST: Final = "0"  # asks for the first page; as an answer: there is no other page
MOST: Final = 1_000  # items of all pages


def write(user: str, rows: Iterable[int]) -> str:
    """Return the cursor of pages that had these rows; FIRST where there may be no other page."""
    found = sorted(set(rows))
    if not found or len(found) >= MOST:
        return FIRST
    data, last = bytearray(), 0
    for row in found:
        left, last = row - last, row
        while left > 127:
            data.append(left & 127 | 128)
            left >>= 7
        data.append(left)
    return base64.urlsafe_b64encode(_sum(user, data) + data).decode().rstrip("=")


def read(user: str, cursor: str) -> list[int]:
    """Return the rows that the pages so far had.

    Raises:
        BadRequest: It is no cursor, or another user's.
    """
    if cursor == FIRST:
        return []
    try:
        whole = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        whole = b""
    data = whole[4:]
    if len(whole) < 5 or _sum(user, data) != whole[:4]:
        raise BadRequest(
            f"cursor {cursor[:32]!r} is none that was given for this user; wanted {FIRST} for the first page, then the one of the "
            "answer before"
        )
    rows, row, part, shift = [], 0, 0, 0
    for byte in data:
        part |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            row += part
            rows.append(row)
            part, shift = 0, 0
    return rows


def _sum(user: str, data: bytes | bytearray) -> bytes:
    return zlib.crc32(data, zlib.crc32(user.encode())).to_bytes(4, "big")
