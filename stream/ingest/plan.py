"""The order taken: which records each batch took of each partition, noted in the store before they are applied.

    key | "order" | 0 | number % KEPT, 4 bytes |       value | number, 8 bytes | crc32 of the topic's name, 4 | (partition, 4; next offset, 8) … |

The order between partitions is what a poll happened to bring.  A restart repeats the batches that were taken and are
not saved, so that what readers saw before a crash is what they see after it; the last KEPT of them let anyone
recompute the state from the topic.  A topic of one partition has one order, and nothing is noted.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from state.storage.store import Store

PREFIX = b"order\0"
KEPT = 1 << 16
HEAD, ENTRY = struct.Struct("<QI"), struct.Struct("<IQ")


class Plan:
    """Notes what each batch takes.

    Args:
        store: Where; None for nowhere.
        topic: The name offsets are kept under.
    """

    def __init__(self, store: Store | None, topic: str) -> None:
        self._store, self._topic = store, zlib.crc32(topic.encode())
        self._number = 0
        self.taken: list[
            dict[int, int]
        ] = []  # partition -> next offset, batch by batch, as the store knew them
        if store is not None:
            found = sorted((*HEAD.unpack_from(data), data) for data in store.records(PREFIX).values())
            self._number = found[-1][0] + 1 if found else 0
            self.taken = [
                dict(ENTRY.iter_unpack(data[HEAD.size :]))
                for _, topic_sum, data in found
                if topic_sum == self._topic
            ]

    def pending(self, offsets: Mapping[int, int]) -> list[dict[int, int]]:
        """Return the batches that were taken and are not in the state.

        Args:
            offsets: Partition -> next offset, of the state.
        """
        return [
            ends
            for ends in self.taken
            if any(end > offsets.get(partition, 0) for partition, end in ends.items())
        ]

    def put(self, ends: Mapping[int, int]) -> None:
        """Note what a batch takes; it outlives this process, and is on the disk with the next save.

        Raises:
            BadStore: It cannot be written.
        """
        if self._store is None:
            return
        value = HEAD.pack(self._number, self._topic) + b"".join(
            ENTRY.pack(*end) for end in sorted(ends.items())
        )
        key = PREFIX + (self._number % KEPT).to_bytes(4, "big")
        self._store.put({key: value})
        self._number += 1
