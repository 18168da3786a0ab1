"""Byte layout of what ingest hands to the learner; little-endian, packed, without padding.

Both lanes are files of shared memory: two pages of a header, then a ring of records of one size.  Record n lies in
slot n % capacity.

    page 0, written by ingest      page 1, written by the learner
    0   u8  magic "rwlane", version     0   u8  next record to read
    8   u8  bytes of a record           8   u8  when it was last looked at, ms of the monotonic clock
    16  u8  capacity
    24  u8  records written
    32  u8  number of this lane, drawn when it was made
    40  u8  crc32 of the topic's name

A record of the lane of events (`event`): an event, or a row that was evicted between two events.

    what u1 | kind i1 | known u1 | 0 u1 | value f4 | user i4 | item i4 | items i4 | partition i4 | offset i8 | t i8
    | hist i4 [K] | age i8 [K]                                              K: the items that the network looks at

A record of the lane of samples (`sample`): an event as the ranker would have seen it.  `event` is the number of the
event in its own lane; the other fields are those of `state.ranking.sample.Sample`, in its order.
"""

from __future__ import annotations

import numpy as np

from state.ranking.sample import Sample, empty

VERSION = 1
MAGIC = int.from_bytes(b"rwlane\0", "little") | VERSION << 56
PAGE = 4096
MAGIC_AT, BYTES_AT, CAPACITY_AT, HEAD_AT, NUMBER_AT, TOPIC_AT = range(6)  # words of page 0
READ_AT, BEAT_AT = 512, 513  # words from the beginning: of page 1

EVENT, ITEM_GONE, USER_GONE, FORGOTTEN = range(4)  # what a record of the lane of events is


def event(history: int) -> np.dtype:
    """Return the record of an event, with so many items of the history."""
    return np.dtype(
        [
            ("what", "u1"),
            ("kind", "i1"),
            ("known", "u1"),
            ("zero", "u1"),
            ("value", "<f4"),
            ("user", "<i4"),
            ("item", "<i4"),
            ("items", "<i4"),
            ("partition", "<i4"),
            ("offset", "<i8"),
            ("t", "<i8"),
            ("hist", "<i4", (history,)),
            ("age", "<i8", (history,)),
        ]
    )


def sample() -> np.dtype:
    """Return the record of a sample."""
    one = empty(1)
    fields = [
        (name, column.dtype.newbyteorder("<"), column.shape[1:])
        for name, column in zip(Sample._fields, one, strict=True)
    ]
    return np.dtype([("event", "<u8"), *fields])
