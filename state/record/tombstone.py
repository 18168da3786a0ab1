"""Tombstones: when users were forgotten, under salted hashes of their names.

    key    | "forgotten" | 0 | salted hash of the name, 16 bytes |      value  | stream time ms, 8 bytes | number, 8 bytes |

The hash is BLAKE2b with a random salt that lies in the store under the meta name "salt": it tells whether a known
name was forgotten, and no name.  At most `most` are kept, the latest ones.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping

PREFIX = b"forgotten\0"
SALT = b"meta\0salt"
MOST = 100_000


class Tombstones:
    """The stream time, in ms, at which users were forgotten.

    Args:
        salt: As the store knows it, in hexadecimal digits; None draws one with the first tombstone.
        records: Of the store, by key.
        most: Tombstones at most; beyond that the oldest is dropped.
    """

    def __init__(
        self, salt: object = None, records: Mapping[bytes, bytes] | None = None, *, most: int = MOST
    ) -> None:
        found = sorted(
            (int.from_bytes(data[8:], "big"), key[len(PREFIX) :], int.from_bytes(data[:8], "big"))
            for key, data in (records or {}).items()
        )
        self.until = {code: t for _, code, t in found}
        self.next = found[-1][0] + 1 if found else 0
        self.salt, self.most = bytes.fromhex(str(salt or "")), most
        self.unsaved: dict[bytes, bytes | None] = {}  # records that changed since the last save

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.until)

    def _code(self, name: str) -> bytes:
        return hashlib.blake2b(name.encode(), digest_size=16, key=self.salt).digest()

    def get(self, name: str) -> int:
        """Return the stream time at which a user was forgotten, -1 for one who was not."""
        return self.until.get(self._code(name), -1) if self.until else -1

    def put(self, name: str, t: int) -> None:
        """Note that a user was forgotten at stream time `t`, ms."""
        if not self.salt:
            self.salt = os.urandom(16)
            self.unsaved[SALT] = json.dumps(self.salt.hex()).encode()
        code = self._code(name)
        t = max(t, self.until.pop(code, 0))
        self.until[code] = t
        self.unsaved[PREFIX + code] = t.to_bytes(8, "big") + self.next.to_bytes(8, "big")
        self.next += 1
        if len(self.until) > self.most:
            oldest = next(iter(self.until))
            del self.until[oldest]
            self.unsaved[PREFIX + oldest] = None
