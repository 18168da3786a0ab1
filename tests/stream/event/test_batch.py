"""Records become columns."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.error import BadEvent
from stream.event.batch import Record, decode_batch
from stream.event.event import KINDS, Event, decode, encode

NOW = 1_700_000_000_000


def test_columns_hold_the_events_in_order():
    events = [Event("a", "x", 1, "click", 2.5), Event("b", "y", 3), Event("a", "é", 2, "impression", 0.0)]
    records = [Record(i % 2, 10 + i, encode(event), 100 + i) for i, event in enumerate(events)]

    batch, rejected = decode_batch(records, NOW)

    assert not rejected
    assert batch.size == 3
    assert batch.user == ["a", "b", "a"]
    assert batch.item == ["x", "y", "é"]
    assert batch.t.tolist() == [1, 3, 2]
    assert [KINDS[kind] for kind in batch.kind] == ["click", "view", "impression"]
    assert batch.value.tolist() == [2.5, 1.0, 0.0]
    assert batch.partition.tolist() == [0, 1, 0]
    assert batch.offset.tolist() == [10, 11, 12]
    assert batch.produced.tolist() == [100, 101, 102]
    assert batch.ends == {0: 13, 1: 12}


def test_an_interaction_with_a_value_below_0_is_a_dislike():
    values = {"view": -0.5, "purchase": -20.0, "like": 0.0, "impression": -1.0, "dislike": 3.0}
    records = [
        Record(0, i, encode(Event("a", "x", 1, kind, value)), 100)
        for i, (kind, value) in enumerate(values.items())
    ]

    batch, _ = decode_batch(records, NOW)

    assert [KINDS[kind] for kind in batch.kind] == ["dislike", "dislike", "like", "impression", "dislike"]
    assert batch.value.tolist() == list(values.values())


def test_columns_have_the_types_that_tables_take():
    batch, _ = decode_batch([], NOW)

    assert batch.size == 0
    assert [column.dtype for column in batch[2:8]] == [
        np.int64, np.int8, np.float32, np.int32, np.int64, np.int64,
    ]  # fmt: skip


def test_a_bad_record_leaves_its_neighbours_and_its_offset_is_covered():
    records = [
        Record(0, 0, encode(Event("a", "x", 1)), 0),
        Record(0, 1, b"broken", 0),
        Record(0, 2, encode(Event("b", "y", 2)), 0),
        Record(0, 3, b'{"user":"c","item":"z","t":-1}', 0),
    ]

    batch, rejected = decode_batch(records, NOW)

    assert batch.user == ["a", "b"]
    assert batch.offset.tolist() == [0, 2]
    assert batch.ends == {0: 4}
    assert [(item.record, item.reason) for item in rejected] == [(records[1], "json"), (records[3], "time")]


@given(
    st.lists(st.sampled_from([encode(Event("a", "x", 1)), b"", b"{}", encode(Event("b", "y", 9, "like"))]))
)
def test_a_batch_is_its_records_decoded_one_by_one(payloads):
    records = [Record(0, offset, payload, 0) for offset, payload in enumerate(payloads)]
    wanted = []
    for payload in payloads:
        try:
            wanted.append(decode(payload, NOW))
        except BadEvent:
            continue

    batch, rejected = decode_batch(records, NOW)

    assert batch.size + len(rejected) == len(records)
    assert list(zip(batch.user, batch.item, batch.t, strict=True)) == [(e.user, e.item, e.t) for e in wanted]
