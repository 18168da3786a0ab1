"""Sealed records: every value carries its checksum, every group of keys its digest.

    value | crc32 of the data, 4 bytes little-endian | data |          key of a digest | "digest" | 0 | group |

A group is what stands before a key's first zero byte.  A few groups are records by key, see `PLAIN`; all others are
rows in blocks, see `group`.  The digest of a plain group is how many records it has, and the sum over them of
mix(checksum of the key, checksum of the value): it is written with every change of it, in the same batch, and compared
with what is read: a record that is missing, or of another age than the rest, does not fit it.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from state.error import BadStore
from state.storage.block import mix
from state.storage.database import MEND, Database

DIGEST = b"digest\0"  # alone: the store is ours, and every group has one
PLAIN = (b"meta", b"offset", b"learned", b"forgotten", b"order")  # groups that are records by key
NUMBERED = (
    b"order",
)  # those of them whose keys end in a number, 4 bytes, which stands for the key in the digest
BYTES = 16  # of the digest of a plain group: count and sum, 8 bytes each, little-endian


def seal(data: bytes) -> bytes:
    """Return a value with its checksum in front."""
    return zlib.crc32(data).to_bytes(4, "little") + data


def group_of(key: bytes) -> bytes:
    """Return the group of a key."""
    return key.partition(b"\0")[0]


def _number(key: bytes) -> int:
    """Return what stands for a key in a digest."""
    return int.from_bytes(key[-4:], "big") if group_of(key) in NUMBERED else zlib.crc32(key)


class Digest:
    """The digest of a plain group, and the checksum of each record in it."""

    def __init__(self) -> None:
        self.sum = 0
        self._records: dict[bytes, int] = {}

    def put(self, key: bytes, crc: int) -> None:
        """Take in what is written of a record; a checksum of 0 removes it."""
        old = self._records.pop(key, 0)
        pair = mix(np.full(2, _number(key), np.uint32), np.array([old, crc], np.uint32)).tolist()
        self.sum = (self.sum + (pair[1] if crc else 0) - (pair[0] if old else 0)) % 2**64
        if crc:
            self._records[key] = crc

    def fill(self, records: dict[bytes, int]) -> None:
        """Take in the checksums of all records of the group."""
        numbers = np.fromiter(map(_number, records), np.uint32, len(records))
        crcs = np.fromiter(records.values(), np.uint32, len(records))
        self.sum, self._records = int(mix(numbers, crcs).sum(dtype=np.uint64)), records

    def to_bytes(self) -> bytes:
        """Return the digest as it is stored."""
        return len(self._records).to_bytes(8, "little") + self.sum.to_bytes(8, "little")


class Ledger:
    """The records of a database, checked as they are read.

    Threads that write records hold `lock`, from the change of a digest until it is written.
    """

    def __init__(self, base: Database) -> None:
        self.base, self.lock = base, threading.RLock()
        self.digests: dict[bytes, Digest] = {}  # of the plain groups that were read or written
        self.mends: dict[bytes, str] = {}  # what to do where a group is damaged, if not the usual

    def unseal(self, key: bytes, value: bytes) -> bytes:
        """Return what a value holds.

        Raises:
            BadStore: Its checksum is wrong.
        """
        data = value[4:]
        if zlib.crc32(data).to_bytes(4, "little") != value[:4]:
            raise BadStore(
                f"{self.base.folder}: the record {key!r} is corrupt (checksum); {self.mend(group_of(key))}"
            )
        return data

    def mend(self, name: bytes) -> str:
        """Return what to do where a group is damaged."""
        return self.mends.get(name, MEND)

    def mismatch(self, name: bytes, found: int, saved: int) -> BadStore:
        """Return the error for a group that does not fit its digest."""
        return BadStore(
            f"{self.base.folder}: the store is damaged ({found:,} records of {name.decode()!r} are "
            f"there, {saved:,} were saved, or some are of another age); {self.mend(name)}"
        )

    def get(self, key: bytes) -> bytes | None:
        """Return what a key holds, None where it is missing."""
        value = self.base.get(key)
        return None if value is None else self.unseal(key, value)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys that begin with `prefix`, and what they hold."""
        for key, value in self.base.scan(prefix):
            yield key, self.unseal(key, value)

    def digest(self, name: bytes, compare: bool = True) -> Digest:
        """Return the digest of a plain group, read where it was not yet.

        Args:
            compare: Whether the one that is kept has to be the same.

        Raises:
            BadStore: The records do not fit it.
        """
        known = self.digests.get(name)
        if known is None:
            records = dict[bytes, int]()
            for key, value in self.base.scan(name + b"\0"):
                self.unseal(key, value)
                records[key] = int.from_bytes(value[:4], "little")
            known = Digest()
            known.fill(records)
            kept = self.get(DIGEST + name) or bytes(BYTES)
            told = known.to_bytes()
            if compare and told != kept:
                raise self.mismatch(name, *(int.from_bytes(one[:8], "little") for one in (told, kept)))
            self.digests[name] = known
        return known

    def begin(self) -> None:
        """Note in an empty database that it is ours."""
        batch = self.base.batch()
        batch.put(DIGEST, seal(b"all"))
        self.base.write(batch, True)

    def put(self, batch: Any, records: Mapping[bytes, bytes | None]) -> None:
        """Add records of plain groups to a batch, None or no bytes for one that goes, and the digests of these groups."""
        groups = dict[bytes, Digest]()
        for key, data in records.items():
            sealed = seal(data) if data else b""
            if sealed:
                batch.put(key, sealed)
            else:
                batch.delete(key)
            name = group_of(key)
            groups[name] = self.digest(name)
            groups[name].put(key, int.from_bytes(sealed[:4], "little"))
        for name, digest in groups.items():
            batch.put(DIGEST + name, seal(digest.to_bytes()))

    def write(self, records: Mapping[bytes, bytes | None], wait: bool) -> None:
        """Write records of plain groups.

        Raises:
            BadStore: They cannot be written; none of them is there.
        """
        with self.lock:
            batch = self.base.batch()
            self.put(batch, records)
            self.commit(batch)
        if wait:
            self.base.sync()

    def commit(self, batch: Any) -> None:
        """Write a batch, without waiting for the disk.

        Raises:
            BadStore: It cannot be written; nothing of it is there.
        """
        try:
            self.base.write(batch, False)
        except BadStore:
            self.digests.clear()  # they hold what was not written; what is there is read again
            raise

    def drop(self, batch: Any, names: Iterable[bytes]) -> None:
        """Add the removal of whole groups to a batch."""
        for name in names:
            batch.delete_range(name + b"\0", name + b"\1")
            batch.delete(DIGEST + name)
            self.digests.pop(name, None)
