"""Digests of what a store holds, so that a load can tell whether it is whole and of one save.

    digest of a group = how many records it has, and the sum over them of mix(key, crc32 of the value), modulo 2**64

The sum does not depend on the order of the records, so a save brings it up to date by the records it writes alone.
It is written in the same batch: a record that is missing, or of another age than the rest, does not fit it.
"""

from __future__ import annotations

import zlib

import numpy as np

BYTES = 16  # of a digest as stored: count and sum, 8 bytes each, little-endian


def mix(key: np.ndarray, crc: np.ndarray) -> np.ndarray:
    """Return a well-spread number of each pair, uint64 [n] (the finalizer of splitmix64).

    Shapes:
        - key, crc: [n], 32 bits each
    """
    z = (key.astype(np.uint64) << np.uint64(32)) | crc.astype(np.uint64)
    z += np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    out: np.ndarray = z ^ (z >> np.uint64(31))
    return out


class Digest:
    """The digest of a group, and the checksum of each record in it, 0 for none.

    Records of tables and names are keyed by row, others by any bytes.
    """

    def __init__(self) -> None:
        self.count, self.sum = 0, 0
        self._rows = np.zeros(0, np.uint32)
        self._others: dict[bytes, int] = {}

    def put_rows(self, rows: np.ndarray, crc: np.ndarray) -> None:
        """Take in what is written of rows.

        Shapes:
            - rows: int [n], each once; crc: uint32 [n], 0 where a row's record is removed
        """
        most = int(rows.max(initial=-1)) + 1
        if most > self._rows.shape[0]:
            grown = np.zeros(max(most, 2 * self._rows.shape[0]), np.uint32)
            grown[: self._rows.shape[0]] = self._rows
            self._rows = grown
        self._change(rows, self._rows[rows], crc)
        self._rows[rows] = crc

    def put(self, key: bytes, crc: int) -> None:
        """Take in what is written of a record that has no row; a checksum of 0 removes it."""
        old = self._others.pop(key, 0)
        self._change(np.array([zlib.crc32(key)]), np.array([old], np.uint32), np.array([crc], np.uint32))
        if crc:
            self._others[key] = crc

    def _change(self, key: np.ndarray, old: np.ndarray, new: np.ndarray) -> None:
        was, now = old != 0, new != 0
        self.count += int(now.sum()) - int(was.sum())
        more = int(mix(key[now], new[now]).sum(dtype=np.uint64))
        less = int(mix(key[was], old[was]).sum(dtype=np.uint64))
        self.sum = (self.sum + more - less) % 2**64

    def to_bytes(self) -> bytes:
        """Return the digest as it is stored."""
        return self.count.to_bytes(8, "little") + self.sum.to_bytes(8, "little")
