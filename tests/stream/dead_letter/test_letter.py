"""A dead letter is packed into a record and read back, whatever its own headers are called, and cut step by step."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from stream.dead_letter.letter import Letter, erased, pack, rejected, smaller, unpack
from stream.event.batch import Record

NAMES = st.text("ab.", max_size=4) | st.lists(
    st.sampled_from(["original.", "riverwalk.", "riverwalk", "reason"]), max_size=4
).map("".join)
LETTERS = st.builds(
    Letter,
    topic=st.text("shop.-", min_size=1),
    partition=st.integers(0, 9),
    offset=st.integers(0, 2**60),
    timestamp=st.integers(-1, 2**45),
    key=st.none() | st.binary(max_size=5),
    value=st.none() | st.binary(max_size=20),
    headers=st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=5)), max_size=4).map(tuple),
    reason=st.sampled_from(["utf8", "json"]),
    message=st.text(max_size=30),
    rejected=st.integers(0, 2**45),
    size=st.just(0),
    dropped=st.integers(0, 3),
    erased=st.booleans(),
)


def read_back(letter: Letter) -> Letter:
    """What a reader of the dead-letter topic makes of a letter."""
    message = pack(letter)
    key, value = message.key, message.value
    return unpack(Record(0, 5, value or b"", 1, key or b"", message.headers, value is None, key is not None))


@given(LETTERS)
def test_a_letter_is_read_back_as_it_was(letter: Letter) -> None:
    letter = msgspec.structs.replace(letter, size=len(letter.value or b""))

    assert read_back(letter) == letter


def test_a_letter_of_before_has_what_is_known_of_it() -> None:
    old = [("riverwalk.reason", b"json"), ("riverwalk.topic", b"shop"), ("riverwalk.offset", b"\xff")]
    letter = unpack(Record(0, 5, b"{", 7, b"", old))

    assert (letter.topic, letter.partition, letter.offset) == ("shop", -1, -1)
    assert (letter.key, letter.value, letter.rejected, letter.whole) == (None, b"{", 7, True)


def test_a_letter_gets_smaller_until_little_but_its_place_is_left() -> None:
    record = Record(1, 2, b"x" * 3000, 5, b"ann", [("a", b"1"), ("b", b"2")])
    letter = rejected(record, "shop", "json", "m" * 200, 9)

    steps = [(len(one.value or b""), len(one.headers), one.dropped) for one in smaller(letter)]
    last = [*smaller(letter)][-1]

    whole = [3000, 1500, 750, 375]
    assert steps == [*((n, 2, 0) for n in whole), *((n, 0, 2) for n in whole), (0, 0, 2)]
    assert (last.place, last.size, last.key, len(last.message)) == (("shop", 1, 2, 5), 3000, b"ann", 80)
    assert not any(one.whole for one in [*smaller(letter)][1:])


def test_of_an_erased_letter_nothing_but_place_time_and_reason_is_left() -> None:
    record = Record(1, 2, b'{"user":"ann"', 5, b"ann", [("user", b"ann")])
    left = erased(rejected(record, "shop", "json", "it begins ann", 9))

    assert "ann" not in str(pack(left))
    assert (left.place, left.reason, left.rejected, left.whole) == (("shop", 1, 2, 5), "json", 9, False)
