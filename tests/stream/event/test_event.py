"""What is an event and what is not."""

import math

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream.error import BadEvent
from stream.event.event import (
    DAY_MS,
    KINDS,
    MAX_BYTES,
    REASONS,
    Event,
    decode,
    encode,
)

NOW = 1_700_000_000_000

_id = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=64)
_value = st.floats(width=32, allow_nan=False, allow_infinity=False)
_event = st.builds(Event, _id, _id, st.integers(0, NOW), st.sampled_from(KINDS), _value, st.none() | _id)


def record(**fields: object) -> bytes:
    return msgspec.json.encode({"user": "u", "item": "i", "t": 5} | fields)


@given(_event)
def test_an_event_encoded_and_decoded_is_itself(event):
    assert decode(encode(event), NOW) == event


def test_an_event_of_defaults_is_written_short():
    assert encode(Event("u", "i", 5)) == b'{"user":"u","item":"i","t":5}'


_any = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just([{}])
_names = ("user", "item", "t", "type", "value", "id", "x")
_fields = st.dictionaries(st.sampled_from(_names), _any).map(msgspec.json.encode)


@st.composite
def _damaged(draw):
    """A record with a few bytes changed."""
    payload = bytearray(encode(draw(_event)))
    for _ in range(draw(st.integers(1, 3))):
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    return bytes(payload)


@given(st.binary() | _fields | _damaged())
@example(b"")
@example(b"null")
@example(b"[" * 60_000)
@example(b'{"x":' + b"[" * 60_000)
@example(b'{"user":"\\ud800","item":"i","t":5}')
@example(b'{"user":"u","item":"i","t":' + b"9" * 5000 + b"}")
@example(b'{"user":"u","item":"i","t":5,"value":1' + b"0" * 5000 + b"}")
@example(b'{"user":"u","item":"i","t":1e999}')
@example(b'{"user":"u","item":"i","t":5,"t":"x"}')
def test_any_bytes_are_an_event_or_a_bad_event(payload):
    try:
        event, bad = decode(payload, NOW), None
    except BadEvent as exc:
        event, bad = None, exc
    if bad is not None:
        assert bad.reason in REASONS
        assert len(str(bad)) < 1000
    if event is not None:
        assert 1 <= len(event.user.encode()) <= 256
        assert 0 <= event.t <= NOW + DAY_MS
        assert math.isfinite(event.value)
        assert decode(encode(event), NOW) == event


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"user":"\xff","item":"i","t":5}', "utf8"),
        (b'{"user":"u","item":"i","t":5,"note":"\xff"}', "utf8"),
        (record(user="a\nb"), "utf8"),
        (record(item="\x85"), "utf8"),
        (b"", "json"),
        (b"hello", "json"),
        (b"[1]", "json"),
        (b'{"user":"u","item":"i","t":5', "json"),
        (b'{"user":"u","item":"i","t":5}{}', "json"),
        (b'\xef\xbb\xbf{"user":"u","item":"i","t":5}', "json"),
        (b'{"user":"\\ud800","item":"i","t":5}', "json"),
        (b"[" * 60_000, "json"),
        (b'{"item":"i","t":5}', "missing"),
        (record(item=None), "missing"),
        (b'{"user":"u","item":"i"}', "missing"),
        (record(user=1.5), "type"),
        (record(user=True), "type"),
        (record(item=["i"]), "type"),
        (record(t=True), "type"),
        (record(t=5.5), "type"),
        (record(type="stare"), "type"),
        (record(type=None), "type"),
        (record(value="1"), "type"),
        (record(value=True), "type"),
        (record(id={}), "type"),
        (b'{"user":"u","item":"i","t":5,"value":NaN}', "nan"),
        (b'{"user":"u","item":"i","t":5,"value":-Infinity}', "nan"),
        (b'{"user":"u","item":"i","t":5,"value":1e999}', "nan"),
        (record(value=1e39), "nan"),
        (record(value=None), "nan"),
        (record(note="x" * MAX_BYTES), "size"),
        (record(user=""), "size"),
        (record(item="x" * 257), "size"),
        (record(item="é" * 129), "size"),
        (record(user=10**256), "size"),
        (record(id=""), "size"),
        (b'{"user":"u","item":"i","t":' + b"9" * 5000 + b"}", "size"),
        (record(t=-1), "time"),
        (record(t=-1.0), "time"),
        (record(t="yesterday"), "time"),
        (record(t=""), "time"),
        (record(t="1969-12-31T23:59:59Z"), "time"),
        (record(t="0001-01-01T00:00:00+23:59"), "time"),
        (record(t=NOW + DAY_MS + 1), "future"),
        (record(t=10**30), "future"),
        (record(t="2999-01-01"), "future"),
    ],
)
def test_a_bad_record_has_its_reason(payload, reason):
    with pytest.raises(BadEvent) as caught:
        decode(payload, NOW)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("t", "milliseconds"),
    [
        (0, 0),
        (1_500_000_000_123, 1_500_000_000_123),
        (1_500_000_000_123.0, 1_500_000_000_123),
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T00:00:01.234567", 1234),
        ("1970-01-01 01:00:00+01:00", 0),
        ("1970-01-02", DAY_MS),
        (NOW + DAY_MS, NOW + DAY_MS),
    ],
)
def test_time_is_milliseconds_or_iso_text(t, milliseconds):
    assert decode(record(t=t), NOW).t == milliseconds


@pytest.mark.parametrize("name", ["x" * 256, "é" * 128, "🎬", "a b", "Zürich\u2028", "42"])
def test_an_id_is_any_text_of_256_bytes(name):
    event = decode(record(user=name, item=name, id=name), NOW)

    assert (event.user, event.item, event.id) == (name, name, name)


def test_a_whole_number_is_an_id():
    event = decode(record(user=7, item=-1, id=10**30), NOW)

    assert (event.user, event.item, event.id) == ("7", "-1", str(10**30))


def test_unknown_fields_are_ignored():
    assert decode(record(colour={"deep": [1, 2]}), NOW) == Event("u", "i", 5)


def test_a_message_says_what_came_and_what_was_wanted():
    with pytest.raises(BadEvent, match=r"type is 'stare', expected one of view, click"):
        decode(record(type="stare"), NOW)
