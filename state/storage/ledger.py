"""Sealed records: every value carries its checksum, every group of keys its digest.

    value | crc32 of the data, 4 bytes little-endian | data |          key of a digest | "digest" | 0 | group |

A group is what stands before a key's first zero byte.  Its digest is written with every change of it, in the same
batch, and compared with what is read of it, see `digest`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from state.error import BadStore
from state.storage.database import MEND, Database
from state.storage.digest import BYTES, Digest

DIGEST = b"digest\0"  # alone: from here on every group has one
NAMED = (b"meta", b"offset", b"learned", b"forgotten")  # groups whose keys end in no row
ROW = 4  # bytes of a row at the end of a key, big-endian


def seal(data: bytes) -> bytes:
    """Return a value with its checksum in front."""
    return zlib.crc32(data).to_bytes(4, "little") + data


class Ledger:
    """The records of a database, checked as they are read."""

    def __init__(self, base: Database) -> None:
        self.base = base
        self.digests: dict[bytes, Digest] = {}  # of the groups that were read or written
        self.mends: dict[bytes, str] = {}  # what to do where a group is damaged, if not the usual

    def unseal(self, key: bytes, value: bytes) -> bytes:
        """Return what a value holds.

        Raises:
            BadStore: Its checksum is wrong.
        """
        data = value[4:]
        if zlib.crc32(data).to_bytes(4, "little") != value[:4]:
            mend = self._mend(key.partition(b"\0")[0])
            raise BadStore(f"{self.base.folder}: the row {key!r} is corrupt (checksum); {mend}")
        return data

    def get(self, key: bytes) -> bytes | None:
        """Return what a key holds, None where it is missing."""
        value = self.base.get(key)
        return None if value is None else self.unseal(key, value)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys that begin with `prefix`, and what they hold."""
        for key, value in self.base.scan(prefix):
            yield key, self.unseal(key, value)

    def group(self, name: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the records of a whole group, and then compare them with their digest.

        Raises:
            BadStore: They do not fit it.
        """
        digest, rows, crcs = Digest(), list[int](), list[int]()
        for key, value in self.base.scan(name + b"\0"):
            data = self.unseal(key, value)
            if name in NAMED:
                digest.put(key, int.from_bytes(value[:4], "little"))
            else:
                rows.append(int.from_bytes(key[-ROW:], "big"))
                crcs.append(int.from_bytes(value[:4], "little"))
            yield key, data
        digest.put_rows(np.array(rows, np.int64), np.array(crcs, np.uint32))
        kept = self.base.get(DIGEST + name)
        if kept is not None or (digest.count and self.base.get(DIGEST) is not None):
            found = bytes(BYTES) if kept is None else self.unseal(DIGEST + name, kept)
            if found != digest.to_bytes():
                raise BadStore(
                    f"{self.base.folder}: the store is damaged ({digest.count:,} records of {name.decode()!r} are "
                    f"there, {int.from_bytes(found[:8], 'little'):,} were saved, or some are of another age); {self._mend(name)}"
                )
        self.digests[name] = digest

    def check(self) -> None:
        """Compare every group of the state that was not read yet with its digest; write digests where none were kept.

        Learned groups, which `mends` names, are compared when their tables are loaded.

        Raises:
            BadStore: A group does not fit its digest.
        """
        kept = [key[len(DIGEST) :] for key, _ in self.base.scan(DIGEST)]
        for name in {*kept, *self.base.groups()} - self.mends.keys() - {b"", DIGEST[:-1]}:
            self._digest(name)
        if self.base.get(DIGEST) is None:
            for name in self.mends:
                with suppress(BadStore):  # reported when its table is loaded
                    self._digest(name)
            self.begin(self.digests)

    def begin(self, names: Iterable[bytes] = ()) -> None:
        """Keep digests from here on, also of these groups, which were read."""
        batch = self.base.batch()
        self._put_digests(batch, names)
        batch.put(DIGEST, seal(b"all"))
        self.base.write(batch, True)

    def put_rows(self, batch: Any, name: bytes, rows: np.ndarray, data: np.ndarray) -> None:
        """Add rows to a batch, a row of zeros as none, and the digest of their group.

        Shapes:
            - rows: int [n], each once; data: uint8 [n, bytes of a row]
        """
        put, crc, width = batch.put, zlib.crc32, data.shape[1]
        prefix, empty = name + b"\0", bytes(width)
        keys, values = rows.astype(">u4").tobytes(), data.tobytes()
        crcs = np.zeros(rows.shape[0], np.uint32)
        for i in range(rows.shape[0]):
            row = values[i * width : i * width + width]
            if row == empty:
                batch.delete(prefix + keys[ROW * i : ROW * i + ROW])
            else:
                crcs[i] = found = crc(row)
                put(prefix + keys[ROW * i : ROW * i + ROW], found.to_bytes(4, "little") + row)
        self._digest(name).put_rows(rows, crcs)
        self._put_digests(batch, [name])

    def put(self, batch: Any, records: Mapping[bytes, bytes | None]) -> None:
        """Add records by key to a batch, None or no bytes for one that goes, and the digests of their groups."""
        groups: dict[bytes, dict[bytes, int]] = {}
        for key, data in records.items():
            sealed = seal(data) if data else b""
            if sealed:
                batch.put(key, sealed)
            else:
                batch.delete(key)
            groups.setdefault(key[: key.index(b"\0")], {})[key] = int.from_bytes(sealed[:4], "little")
        for name, crcs in groups.items():
            digest = self._digest(name)
            if name in NAMED:
                for key, crc in crcs.items():
                    digest.put(key, crc)
            else:
                rows = [int.from_bytes(key[-ROW:], "big") for key in crcs]
                digest.put_rows(np.array(rows, np.int64), np.array([*crcs.values()], np.uint32))
        self._put_digests(batch, groups)

    def drop(self, batch: Any, name: bytes) -> None:
        """Add the removal of a whole group to a batch."""
        batch.delete_range(name + b"\0", name + b"\1")
        batch.delete(DIGEST + name)
        self.digests.pop(name, None)

    def write(self, batch: Any, wait: bool) -> None:
        """Write a batch.

        Raises:
            BadStore: It cannot be written; nothing of it is there.
        """
        try:
            self.base.write(batch, wait)
        except BadStore:
            self.digests.clear()  # they hold what was not written; what is there is read again
            raise

    def _mend(self, name: bytes) -> str:
        return self.mends.get(name, MEND)

    def _digest(self, name: bytes) -> Digest:
        if name not in self.digests:
            for _ in self.group(name):
                pass
        return self.digests[name]

    def _put_digests(self, batch: Any, names: Iterable[bytes]) -> None:
        for name in names:
            batch.put(DIGEST + name, seal(self.digests[name].to_bytes()))
