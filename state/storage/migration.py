"""Format 3, in which every row was a record of its own, written anew as format 4.

    key | group | 0 | row, 4 bytes big-endian |       value | crc32, 4 bytes | row, or name |

The blocks are written beside the rows, and one batch makes them count: it removes the rows, and holds the digests and
the new format.  What a crash leaves before it is a store of format 3 with some blocks, which are removed and written
again by the next start.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from state.error import BadStore
from state.storage import crash
from state.storage.block import KEY, NAMES, ROWS, Blocks, Rows, mix, packed
from state.storage.database import Database
from state.storage.group import Groups, end
from state.storage.ledger import BYTES, DIGEST, PLAIN, Ledger, seal

FROM = 3
PIECE = 4 << 20  # bytes written at a time


def migrate(base: Database, ledger: Ledger, groups: Groups, format: int) -> None:
    """Write a store of format 3 anew.

    Raises:
        BadStore: It is damaged, or there is no room for it; it is as it was.
    """
    names = groups.names()
    batch = base.batch()
    for name in names:
        batch.delete_range(name + KEY, name + KEY + b"\xff" * 9)
    base.write(batch, False)
    made = [_written(base, ledger, name) for name in sorted(names)]
    kept = base.get(DIGEST) is not None  # the first stores of format 3 had no digests
    plain = {name: ledger.digest(name, compare=kept) for name in PLAIN}
    batch = base.batch()
    for blocks in made:
        batch.delete_range(blocks.name + b"\0", blocks.name + KEY)  # rows are below "bloc", 1.6 billion
        end(batch, blocks)
    for name, digest in plain.items():
        batch.put(DIGEST + name, seal(digest.to_bytes()))
    batch.put(DIGEST, seal(b"all"))
    ledger.put(batch, {b"meta\0format": json.dumps(format).encode()})
    base.write(batch, True)
    crash.point("migrated")
    base.compact([b""])  # the rows leave the files: they are as many again


def _written(base: Database, ledger: Ledger, name: bytes) -> Blocks:
    """Write the blocks of a group; return them."""
    blocks, batch, size = Blocks(name), base.batch(), 0
    for key, value in blocks.write(_rows(base, ledger, name)):
        batch.put(key, value)
        size += len(value)
        if size > PIECE:
            base.write(batch, False)
            batch, size = base.batch(), 0
    base.write(batch, False)
    crash.point("migrate")
    return blocks


def _rows(base: Database, ledger: Ledger, name: bytes) -> Iterator[Rows]:
    """Yield the rows of a group of format 3, and then compare them with their digest."""
    row, data, count, total = list[int](), list[bytes](), 0, 0
    crcs = list[int]()

    def piece() -> Rows:
        nonlocal count, total
        number = np.array(row, np.int32)
        count += len(row)
        total += int(mix(number, np.array(crcs, np.uint32)).sum(dtype=np.uint64))
        if name.endswith(NAMES):
            found = packed(number, [one.decode() for one in data])
        else:
            if len({*map(len, data)}) > 1:
                raise BadStore(
                    f"{base.folder}: rows of {name.decode()!r} differ in width; {ledger.mend(name)}"
                )
            found = Rows(number, np.frombuffer(b"".join(data), np.uint8).reshape(len(data), -1))
        row.clear()
        data.clear()
        crcs.clear()
        return found

    for key, value in base.scan(name + b"\0"):
        if key.startswith(name + KEY):
            continue
        data.append(ledger.unseal(key, value))
        row.append(int.from_bytes(key[-4:], "big"))
        crcs.append(int.from_bytes(value[:4], "little"))
        if len(row) == ROWS:
            yield piece()
    if row:
        yield piece()
    kept = base.get(DIGEST + name)
    if kept is not None or (count and base.get(DIGEST) is not None):
        found = bytes(BYTES) if kept is None else ledger.unseal(DIGEST + name, kept)
        if found != count.to_bytes(8, "little") + (total % 2**64).to_bytes(8, "little"):
            raise ledger.mismatch(name, count, int.from_bytes(found[:8], "little"))
