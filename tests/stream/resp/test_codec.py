"""Frames: what is written is what is read, in pieces of any size, and what is no frame is told apart."""

import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.error import BadFrame
from stream.resp.codec import (
    MAX_ARGS,
    MAX_BULK,
    MAX_FRAME,
    OK,
    Error,
    Parser,
    Reply,
    Text,
    encode,
    split,
)

WORDS = st.lists(st.binary(max_size=40), min_size=1, max_size=6)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
FINITE = st.floats(allow_nan=False)
REPLIES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def frame(words: list[bytes]) -> bytes:
    """A request as clients write it."""
    return encode(list(words))


def read(parser: Parser) -> list[list[bytes]]:
    """Every request that is whole by now."""
    found = []
    while (words := parser.next()) is not None:
        found.append(words)
    return found


def value(data: bytes, at: int = 0) -> tuple[object, int]:
    """A reply as a client understands it, read as slowly and plainly as can be, and where it ends."""
    end = data.index(b"\r\n", at)
    mark, line, after = data[at : at + 1], data[at + 1 : end].decode(), end + 2
    if mark in b"+-":
        return line, after
    if mark == b":":
        return int(line), after
    if mark == b",":
        return float(line), after
    if mark == b"#":
        return line == "t", after
    if mark == b"_" or line == "-1":
        return None, after
    if mark in b"$=":
        stop = after + int(line)
        assert data[stop : stop + 2] == b"\r\n"
        return data[after:stop].decode().removeprefix("txt:" if mark == b"=" else ""), stop + 2
    parts: list[object] = []
    for _ in range(int(line) * (2 if mark == b"%" else 1)):
        part, after = value(data, after)
        parts.append(part)
    return (dict(zip(parts[::2], parts[1::2], strict=True)) if mark == b"%" else parts), after


def in_resp2(reply: Reply) -> object:
    """What is left of a reply in RESP2, which knows no doubles, no booleans and no maps."""
    if isinstance(reply, bool):
        return int(reply)
    if isinstance(reply, float):
        return repr(reply)
    if isinstance(reply, list):
        return [in_resp2(part) for part in reply]
    if isinstance(reply, dict):
        return [in_resp2(part) for pair in reply.items() for part in pair]
    return reply


@given(st.lists(WORDS, max_size=4), st.data())
def test_a_request_written_is_the_request_read_wherever_it_is_cut(
    requests: list[list[bytes]], data: st.DataObject
) -> None:
    stream = b"".join(map(frame, requests))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parser = Parser()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        parser.feed(stream[start:end])
        found += read(parser)

    assert found == requests
    assert parser.held == 0


INLINE = st.lists(st.text("abcXYZ019*$", min_size=1, max_size=9), min_size=1, max_size=4).filter(
    lambda words: words[0][0] != "*"
)


def line(words: list[str], end: str, blanks: int) -> bytes:
    """An inline request, perhaps with empty lines before it."""
    return (end * blanks + " ".join(words) + end).encode()


ANY = st.one_of(
    WORDS.map(lambda words: (words, frame(words))),
    st.tuples(INLINE, st.sampled_from(["\n", "\r\n"]), st.integers(0, 2)).map(
        lambda made: ([word.encode() for word in made[0]], line(*made))
    ),
)


@given(st.lists(ANY, max_size=8), st.data())
def test_requests_of_both_kinds_are_read_in_order_wherever_they_are_cut_and_awaited(
    requests: list[tuple[list[bytes], bytes]], data: st.DataObject
) -> None:
    parser = Parser()
    found = []
    for _, written in requests:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=3)))
        for start, end in zip([0, *cuts], [*cuts, len(written)], strict=True):
            parser.feed(written[start:end])
            if data.draw(st.booleans()):
                found += read(parser)
    found += read(parser)

    assert found == [words for words, _ in requests]
    assert parser.held == 0


def test_a_request_that_comes_byte_by_byte_is_read() -> None:
    parser = Parser()
    found = []
    for byte in b"PING\r\n" + frame([b"ECHO", b"a\r\nb"]) + b"\r\nECHO 'x y'\n":
        parser.feed(bytes([byte]))
        found += read(parser)

    assert found == [[b"PING"], [b"ECHO", b"a\r\nb"], [b"ECHO", b"x y"]]


@given(REPLIES)
def test_a_resp3_reply_written_is_the_reply_read(reply: Reply) -> None:
    data = encode(reply, 3)

    assert value(data) == (reply, len(data))


@given(REPLIES)
def test_a_resp2_reply_written_is_the_reply_read(reply: Reply) -> None:
    data = encode(reply, 2)

    assert value(data) == (in_resp2(reply), len(data))


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_are_requests_or_a_bad_frame_and_nothing_else(data: bytes) -> None:
    parser = Parser()
    parser.feed(data)
    found: list[list[bytes]] = []
    with suppress(BadFrame):
        while (words := parser.next()) is not None:
            found.append(words)

    assert all(found)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"*2\r\n$4\r\nPING\r\n:1\r\n", r"expected '\$', got ':'"),
        (b"*x\r\n", "b'x' is no number of words"),
        (b"*1_0\r\n", "b'1_0' is no number of words"),
        (b"*+1\r\n", "is no number of words"),
        (b"*" + b"1" * 40, "a number of words without an end of line"),
        (b"*%d\r\n" % (MAX_ARGS + 1), f"1025 words; at most {MAX_ARGS}"),
        (b"*1\r\n$-1\r\n", "a word of -1 bytes"),
        (b"*1\r\n$%d\r\n" % (MAX_BULK + 1), f"a word of {MAX_BULK + 1} bytes; 0 to {MAX_BULK}"),
        (b"*1\r\n$999999999999999999999999\r\n", "a word of 9{24} bytes"),
        (b"*1\r\n$4\r\nPINGPONG\r\n", "a word of 4 bytes does not end where it should"),
        (b"ECHO 'x\r\n", "quotes that do not close"),
        (b'ECHO "x"y\r\n', "no blank after them"),
        (b"x" * (MAX_BULK + 1), f"an inline request of over {MAX_BULK} bytes"),
        (b"x " * (MAX_ARGS + 1) + b"\r\n", "a request of 1025 words"),
    ],
)
def test_a_broken_frame_says_what_is_wrong(data: bytes, why: str) -> None:
    parser = Parser()
    parser.feed(data)

    with pytest.raises(BadFrame, match=why):
        read(parser)


def test_a_frame_is_refused_before_its_last_words_come() -> None:
    parser = Parser()
    word = b"$%d\r\n%b\r\n" % (MAX_BULK, b"x" * MAX_BULK)
    parser.feed(b"*100\r\n" + word * (MAX_FRAME // MAX_BULK))

    assert parser.next() is None

    parser.feed(b"$1\r\n")
    with pytest.raises(BadFrame, match=f"over {MAX_FRAME} bytes"):
        parser.next()


def test_requests_before_a_broken_one_are_read() -> None:
    parser = Parser()
    parser.feed(frame([b"PING"]) + b"*1\r\n!")

    assert parser.next() == [b"PING"]
    with pytest.raises(BadFrame):
        parser.next()


def test_the_largest_request_is_read_in_linear_time() -> None:
    parser = Parser()
    words = [b"w" * MAX_BULK] * (MAX_FRAME // MAX_BULK)
    data = frame(words)
    found = []
    for at in range(0, len(data), 10):  # a slow scan from the front each time would take minutes
        parser.feed(data[at : at + 10])
        found += read(parser)

    assert found == [words]


def test_empty_requests_are_passed_over() -> None:
    parser = Parser()
    parser.feed(b"\r\n  \r\n*0\r\n*-1\r\nPING\r\n")

    assert read(parser) == [[b"PING"]]


def test_limits_hold_from_the_next_request_on() -> None:
    parser = Parser(max_bulk=4)
    parser.feed(frame([b"AUTH"]) + frame([b"longer"]))

    assert parser.next() == [b"AUTH"]

    parser.max_bulk = 6

    assert parser.next() == [b"longer"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b" a  b\t", [b"a", b"b"]),
        (rb'"a b" "" c', [b"a b", b"", b"c"]),
        (rb'"\n\x41\"\\\q"', [b'\nA"\\q']),
        (rb"'it\'s' '\n'", [b"it's", rb"\n"]),
    ],
)
def test_an_inline_request_is_split_as_redis_does(line: bytes, words: list[bytes]) -> None:
    assert split(line) == words


def test_an_error_is_one_line_whatever_its_message_holds() -> None:
    assert encode(Error("no\r\n+OK\nitem")) == b"-ERR no +OK item\r\n"


def test_status_and_text_have_forms_of_their_own() -> None:
    assert encode(OK) == b"+OK\r\n"
    assert encode(Text("ö"), 2) == b"$2\r\n\xc3\xb6\r\n"
    assert encode(Text("ö"), 3) == b"=6\r\ntxt:\xc3\xb6\r\n"


def test_numbers_that_are_none_are_doubles_too() -> None:
    assert encode([math.inf, -math.inf, math.nan], 3) == b"*3\r\n,inf\r\n,-inf\r\n,nan\r\n"
