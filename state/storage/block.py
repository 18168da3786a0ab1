"""Blocks: many rows of a group in one value, written once, and where the newest bytes of each row are.

    key    | group | 0 | "block" | number, 8 bytes big-endian |
    value  | crc32, 4 bytes | rows n, 4 bytes | width, 4 bytes | row numbers, int32 [n] | bytes [n, width] |

Numbers only grow and none is used twice: of a row that lies in several blocks the one in the last of them counts, and
the others are stale.  With blocks of two rows, and rows 3 and 5 changed after the first save:

    number |   0    |   1    |   2    |
    rows   | 3   4  | 5   6  | 3   5  |      where: 3 -> 2, 4 -> 0, 5 -> 2, 6 -> 1
             stale    stale

A block of which all rows are stale is removed.  Where there are more than twice the blocks that the rows need, the rows
of the emptiest ones are written anew, at most as many as a save writes, and those blocks removed: so neither the disk
nor the time of a load grows without end, and no save writes more than about twice what changed.

A row of zeros is one of which nothing is known.  It is written only while an older block holds other bytes of it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from struct import Struct
from typing import NamedTuple

import numpy as np

KEY = b"\0block"
BYTES, ROWS = 1 << 16, 1_024  # of rows in a block at most, but for a single row that is larger
SPARE = 16  # blocks more than twice the needed ones before any is written anew
HEAD = Struct("<II")  # rows, width
DIGEST = Struct("<QQQQQ")  # of a group: blocks, their sum, the next number, rows, the highest row plus 1
NAMES = b".id"  # how a group of names ends
SIZE = 2  # bytes of the size of a name, before it
NONE = np.zeros(0, np.int32)
Get = Callable[[bytes], "Rows"]


class Rows(NamedTuple):
    """Some rows of a group, each once.

    Shapes:
        - row: int32 [n]; data: uint8 [n, width]
    """

    row: np.ndarray
    data: np.ndarray


def encode(rows: Rows) -> bytes:
    """Return what the value of a block holds, its checksum left out."""
    head = HEAD.pack(*rows.data.shape)
    return b"".join((head, rows.row.astype("<i4").tobytes(), rows.data.tobytes()))


def decode(data: bytes) -> Rows:
    """Return the rows of a block.

    Raises:
        ValueError: It is none.
    """
    n, width = HEAD.unpack_from(data) if len(data) >= HEAD.size else (0, 0)
    if not n or len(data) != HEAD.size + n * (4 + width):
        raise ValueError(f"a block of {len(data)} bytes says it holds {n} rows of {width}")
    row = np.frombuffer(data, "<i4", n, HEAD.size)
    return Rows(row, np.frombuffer(data, np.uint8, n * width, HEAD.size + 4 * n).reshape(n, width))


def mix(key: np.ndarray, crc: np.ndarray) -> np.ndarray:
    """Return a well-spread number of each pair, uint64 [n] (the finalizer of splitmix64).

    The sum of these over the records of a group does not depend on their order, and tells whether one is missing.

    Shapes:
        - key, crc: [n], 32 bits each
    """
    z = (key.astype(np.uint64) << np.uint64(32)) | crc.astype(np.uint64)
    z += np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    out: np.ndarray = z ^ (z >> np.uint64(31))
    return out


def some(data: np.ndarray) -> np.ndarray:
    """Return which rows of bytes are not all zero, bool [n]."""
    wide = data.shape[1] and data.shape[1] % 8 == 0 and data.flags.c_contiguous
    found: np.ndarray = np.any(data.view(np.uint64) if wide else data, axis=1)
    return found


def per(width: int) -> int:
    """Return how many rows a block holds."""
    return max(1, min(ROWS, BYTES // max(1, width)))


def packed(row: Sequence[int] | np.ndarray, texts: Sequence[str]) -> Rows:
    """Return names as rows: | size, 2 bytes | name | zero ... |, and zero alone for none."""
    data = [text.encode() for text in texts]
    sizes = np.fromiter(map(len, data), np.int64, len(data))
    width = SIZE + int(sizes.max(initial=1))
    out = np.zeros((len(data), width), np.uint8)
    out[:, :SIZE] = sizes.astype("<u2").view(np.uint8).reshape(-1, SIZE)
    out[:, SIZE:][np.arange(width - SIZE) < sizes[:, None]] = np.frombuffer(b"".join(data), np.uint8)
    return Rows(np.asarray(row, np.int32), out)


def unpacked(data: np.ndarray) -> tuple[np.ndarray, bytes]:
    """Return the sizes of names, int64 [n], and all of them together.

    Shapes:
        - data: uint8 [n, width], as `packed` makes it
    """
    sizes = np.ascontiguousarray(data[:, :SIZE]).view("<u2").reshape(-1).astype(np.int64)
    return sizes, data[:, SIZE:][np.arange(data.shape[1] - SIZE) < sizes[:, None]].tobytes()


def texts(data: np.ndarray) -> list[bytes]:
    """Return names one by one."""
    sizes, together = unpacked(data)
    ends = np.cumsum(sizes)
    return [together[begin:end] for begin, end in zip((ends - sizes).tolist(), ends.tolist(), strict=True)]


def padded(parts: list[Rows]) -> Rows:
    """Return the rows of several parts, rising, each as wide as the widest."""
    width = max(part.data.shape[1] for part in parts)
    row = np.concatenate([part.row for part in parts])
    data = np.zeros((row.shape[0], width), np.uint8)
    at = 0
    for part in parts:
        data[at : at + part.row.shape[0], : part.data.shape[1]] = part.data
        at += part.row.shape[0]
    order = np.argsort(row, kind="stable")
    return Rows(row[order], data[order])


class Blocks:
    """The blocks of a group: what each holds, and in which the newest bytes of a row are.

    A block has a slot here, which another one takes when it is removed.  What goes wrong between two calls leaves this
    apart from the disk: whoever meets an error reads it anew.
    """

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.fresh = True  # no digest of it is on the disk
        self.next = self.count = self.top = 0
        self.width = 0  # of the widest rows
        self.place = np.zeros(0, np.int32)  # [rows] slot + 1 of the block with the newest bytes, 0 for none
        self.copies = np.zeros(0, np.int32)  # [rows] blocks it lies in
        self.number = np.full(0, -1, np.int64)  # [slots] -1: free
        self.crc, self.live = np.zeros(0, np.uint32), np.zeros(0, np.int32)  # [slots]
        self.rows: list[np.ndarray] = []  # [slots] int32 [n]
        self.free: list[int] = []
        self.gone: list[bytes] = []  # keys to remove with the next write

    def key(self, number: int) -> bytes:
        """Return the key of a block."""
        return self.name + KEY + number.to_bytes(8, "big")

    def take(self, number: int, crc: int, row: np.ndarray) -> None:
        """Take in a block that is on the disk, or will be, with rows that are the newest ones."""
        if not self.free:
            self._more_slots()
        slot, top = self.free.pop(), int(row.max()) + 1
        if top > self.place.shape[0]:
            self.place, self.copies = (_grown(one, top) for one in (self.place, self.copies))
        self.top, self.count = max(self.top, top), self.count + 1
        self.place[row] = slot + 1
        self.copies[row] += 1
        self.number[slot], self.crc[slot], self.live[slot] = number, crc, row.shape[0]
        self.rows[slot] = row

    def settle(self) -> None:
        """Count the live rows of all blocks, after they were read in the order of their numbers."""
        placed = self.place[: self.top]
        self.live[:] = np.bincount(placed[placed > 0] - 1, minlength=self.live.shape[0])

    def digest(self) -> bytes:
        """Return the digest of the group, as it is stored."""
        slots = self.number >= 0
        total = int(mix(self.number[slots], self.crc[slots]).sum(dtype=np.uint64))
        return DIGEST.pack(self.count, total, self.next, int(self.live[slots].sum()), self.top)

    def write(self, parts: Iterable[Rows]) -> Iterator[tuple[bytes, bytes]]:
        """Yield the records to write for rows that changed, each once in all parts."""
        touched = [NONE]
        for row, data in parts:
            known = np.zeros(row.shape[0], np.int32)
            inside = row < self.copies.shape[0]
            known[inside] = self.copies[row[inside]]
            kept = (known > 0) | some(data)
            if not kept.all():
                row, data, known = row[kept], data[kept], known[kept]
            old = self.place[row[known > 0]] - 1
            old = old[old >= 0]
            np.subtract.at(self.live, old, 1)
            touched.append(np.unique(old))
            yield from self._put(Rows(row, data))
        for slot in np.unique(np.concatenate(touched)).tolist():
            if not self.live[slot] and self.number[slot] >= 0:
                self._drop(slot)

    def compact(self, get: Get, before: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield the records to write where there are too many blocks.

        Args:
            get: Returns the rows of a block by its key.
            before: Blocks from this number on are written in this save, and stay.
        """
        step = per(self.width)
        live = int(self.live.sum())
        if self.count <= 2 * -(-live // step) + SPARE:
            return
        written = int(sum(self.rows[slot].shape[0] for slot in np.flatnonzero(self.number >= before)))
        slots = np.flatnonzero((self.number >= 0) & (self.number < before))
        slots = slots[np.argsort(self.live[slots], kind="stable")]
        fits = np.cumsum(self.live[slots]) <= max(written, step)
        yield from self.renew(slots[fits].tolist(), get)

    def renew(self, slots: list[int], get: Get) -> Iterator[tuple[bytes, bytes]]:
        """Yield the records that hold the live rows of these blocks, which go."""
        parts = []
        for slot in slots:
            row, data = get(self.key(int(self.number[slot])))
            alive = self.place[row] == slot + 1
            parts.append(Rows(row[alive], data[alive]))
        for slot in slots:
            self._drop(slot)
        if not parts:
            return
        found = padded(parts)
        kept = some(found.data) | (self.copies[found.row] > 0)
        self.place[found.row[~kept]] = 0
        yield from self._put(Rows(found.row[kept], found.data[kept]))

    def stale(self, row: np.ndarray | None, most: int) -> list[int]:
        """Return the slots of some blocks that hold stale bytes of these rows, None for any, with `most` bytes at most."""
        wanted = np.ones(self.top, bool)
        if row is not None:
            wanted[:] = False
            wanted[row[row < self.top]] = True
        found, size = list[int](), 0
        for slot in np.flatnonzero(self.number >= 0).tolist():
            rows = self.rows[slot]
            if self.live[slot] < rows.shape[0] and (wanted[rows] & (self.place[rows] != slot + 1)).any():
                found.append(slot)
                size += int(self.live[slot]) * self.width
                if size > most:
                    break
        return found

    def _put(self, rows: Rows) -> Iterator[tuple[bytes, bytes]]:
        self.width = max(self.width, rows.data.shape[1])
        step = per(rows.data.shape[1])
        for begin in range(0, rows.row.shape[0], step):
            piece = Rows(*(part[begin : begin + step] for part in rows))
            data = encode(piece)
            crc = zlib.crc32(data)
            self.take(self.next, crc, piece.row.astype(np.int32))
            yield self.key(self.next), crc.to_bytes(4, "little") + data
            self.next += 1

    def _drop(self, slot: int) -> None:
        self.gone.append(self.key(int(self.number[slot])))
        self.copies[self.rows[slot]] -= 1
        self.number[slot], self.live[slot], self.rows[slot] = -1, 0, NONE
        self.free.append(slot)
        self.count -= 1

    def _more_slots(self) -> None:
        have = self.number.shape[0]
        more = max(64, have)
        self.number = np.concatenate([self.number, np.full(more, -1, np.int64)])
        self.crc, self.live = (_grown(one, have + more, exact=True) for one in (self.crc, self.live))
        self.rows += [NONE] * more
        self.free.extend(range(have + more - 1, have - 1, -1))


def _grown(array: np.ndarray, size: int, exact: bool = False) -> np.ndarray:
    """Return an array with room for more, zero behind what there was."""
    out = np.zeros(size if exact else max(size, 2 * array.shape[0]), array.dtype)
    out[: array.shape[0]] = array
    return out
