"""CloudEvents in both modes are the events inside them."""

import json

import pytest

from stream.event.batch import Record, decode_batch
from stream.event.event import Event, decode

NOW = 1_700_000_000_000


def structured(**more: object) -> bytes:
    envelope = {"specversion": "1.0", "id": "42", "source": "/shop", "type": "com.shop.purchase"}
    return json.dumps({**envelope, **more}).encode()


def test_the_event_in_an_envelope_takes_its_identity_time_and_type_from_it() -> None:
    payload = structured(time="2023-11-14T22:13:20Z", data={"user": "ann", "item": "cup", "value": 2})

    assert decode(payload, NOW) == Event("ann", "cup", NOW, "purchase", 2.0, "42", "/shop")


def test_what_the_event_says_itself_goes_first_but_for_its_identity() -> None:
    payload = structured(
        time="2020-01-01T00:00:00Z", data={"user": "ann", "item": "cup", "t": 5, "type": "like", "id": "7"}
    )

    assert decode(payload, NOW) == Event("ann", "cup", 5, "like", 1.0, "42", "/shop")


def test_a_type_of_another_vocabulary_is_a_view() -> None:
    payload = structured(type="com.shop.checkout.v2", data={"user": "ann", "item": "cup", "t": 5})

    assert decode(payload, NOW).type == "view"


def test_headers_say_which_event_it_is() -> None:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"42"),
        ("ce_source", b"/shop"),
        ("ce_time", b"1970-01-01T00:00:05Z"),
    ]

    event = decode(b'{"user": "ann", "item": "cup"}', NOW, headers=headers)

    assert event == Event("ann", "cup", 5_000, "view", 1.0, "42", "/shop")
    assert decode(b'{"user": "ann", "item": "cup", "t": 7}', NOW, headers=headers).t == 7


@pytest.mark.parametrize("source", [7, None, {"a": 1}, ["x"]])
def test_a_source_that_is_no_text_is_ignored(source: object) -> None:
    payload = json.dumps({"user": "ann", "item": "cup", "t": 5, "source": source}).encode()

    assert decode(payload, NOW) == Event("ann", "cup", 5)


def test_one_identity_is_one_hash_and_others_are_others() -> None:
    shapes = [
        json.dumps({"user": "a", "item": "x", "t": 1, "id": "42", "source": "/shop"}).encode(),
        structured(data={"user": "b", "item": "y", "t": 2}),
        json.dumps({"user": "a", "item": "x", "t": 1, "id": "42"}).encode(),
        json.dumps({"user": "a", "item": "x", "t": 1, "id": 42}).encode(),
        json.dumps({"user": "a", "item": "x", "t": 1}).encode(),
    ]

    batch, rejected = decode_batch([Record(0, i, payload, NOW) for i, payload in enumerate(shapes)], NOW)

    assert not rejected
    assert batch.id is not None
    one, two, three, four, none = map(tuple, batch.id.tolist())
    assert one == two
    assert three == four
    assert len({one, three, none}) == 3
    assert none == (0, 0)


def test_times_of_a_finer_unit_are_named_when_they_are_refused() -> None:
    for t, unit in ((NOW * 1_000, "microseconds"), (NOW * 1_000_000, "nanoseconds")):
        _, rejected = decode_batch([Record(0, 0, b'{"user": "a", "item": "x", "t": %d}' % t, NOW)], NOW)
        assert rejected[0].reason == "future"
        assert unit in rejected[0].message
