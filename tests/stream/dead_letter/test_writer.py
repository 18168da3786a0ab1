"""Dead letters: in their topic as their records were, on disk while it does not take them, and without a user who is forgotten."""

import time
import uuid
from pathlib import Path

import pytest
import structlog

from stream.broker import ensure_topic, log_address
from stream.dead_letter.letter import unpack
from stream.dead_letter.spool import files
from stream.event.batch import Record
from tests.fixture.documentation import free_port
from tests.fixture.letter import Opened, letters, on_disk, wait

REASON, WHY = "utf8", "record is not UTF-8: “ÿ”"


@pytest.fixture(params=["log", pytest.param("kafka", marks=pytest.mark.kafka)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where topics are kept: in a log, or on a real broker."""
    return log_address(tmp_path) if request.param == "log" else request.getfixturevalue("kafka_address")


@pytest.fixture
def topic(address: str) -> str:
    name = f"t-{uuid.uuid4().hex[:12]}"
    ensure_topic(address, name)
    return name


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address where nobody listens, and little patience."""
    monkeypatch.setattr("stream.dead_letter.writer.WAIT_S", 0.4)
    return f"127.0.0.1:{free_port()}"


def test_a_dead_letter_is_its_record_with_headers_that_say_why(
    address: str, topic: str, opened: Opened
) -> None:
    before = int(time.time() * 1000)
    own = [("trace", b"7"), ("riverwalk.reason", b"mine"), ("original.riverwalk.x", b""), ("trace", b"\xff")]
    dead = opened(address, topic)
    dead.put(Record(3, 41, b'{"user":"\xff"', before - 60_000, b"ann", own), REASON, WHY)
    dead.of("shop.items").put(Record(0, 7, b"{", before, b"cup-7"), "json", "no JSON")
    dead.flush()
    found, item = letters(address, topic, 2)

    assert (found.key, found.payload, found.produced_ms) == (b"ann", b'{"user":"\xff"', before - 60_000)
    names = [name for name, _ in found.headers[:4]]
    assert names == ["trace", "original.riverwalk.reason", "original.original.riverwalk.x", "trace"]
    told = {name.removeprefix("riverwalk."): (value or b"").decode() for name, value in found.headers[4:]}
    assert before <= int(told.pop("rejected")) <= before + 60_000
    assert told == {
        "reason": "utf8", "message": WHY, "topic": "shop", "partition": "3", "offset": "41",
        "timestamp": str(before - 60_000),
    }  # fmt: skip
    assert unpack(found).headers == tuple(own)
    assert (item.key, unpack(item).topic, unpack(item).offset) == (b"cup-7", "shop.items", 7)


def test_a_huge_value_is_cut_and_says_so(address: str, topic: str, opened: Opened) -> None:
    dead = opened(address, topic)
    dead.put(Record(0, 0, b"x" * 1_048_576, 0), "size", "too large")
    dead.flush()
    [found] = letters(address, topic, 1)

    assert found.payload == b"x" * 900_000
    assert (unpack(found).size, unpack(found).whole) == (1_048_576, False)


def test_without_a_broker_letters_wait_on_disk_in_private_files_and_are_told_once(
    nobody: str, tmp_path: Path, opened: Opened
) -> None:
    dead = opened(nobody, "shop.dead")
    record = Record(0, 0, b"\xff", 5, b"ann", [("trace", None)], False, True)
    with structlog.testing.capture_logs() as logs:
        began = time.monotonic()
        dead.put(record, REASON, WHY)
        dead.flush()
        first_s = time.monotonic() - began
        began = time.monotonic()
        for k in range(1, 50):
            dead.put(record._replace(offset=k, tombstone=True, payload=b""), REASON, WHY)
            dead.flush()
        later_s = time.monotonic() - began

    kept = on_disk(tmp_path)
    assert [letter.offset for letter in kept] == [*range(50)]
    assert (kept[0].value, kept[0].key, kept[0].headers) == (b"\xff", b"ann", (("trace", None),))
    assert kept[1].value is None
    assert 0.3 < first_s < 3
    assert later_s / 49 < first_s / 3  # only the first waits for the broker
    assert [line["event"] for line in logs] == [
        "a dead letter was not taken; it is kept on disk and sent later"
    ]
    assert (tmp_path / "dead").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files(tmp_path / "dead")} == {0o600}


def test_letters_on_disk_are_sent_once_the_topic_takes_them(tmp_path: Path, opened: Opened) -> None:
    """Here there is no such topic at first; then the letters of an earlier life and of this one are sent."""
    address = log_address(tmp_path)
    ensure_topic(address, "shop")
    first = opened(address, "shop.dead")
    first.put(Record(0, 0, b"\xff", 5, b"ann"), REASON, WHY)
    first.flush()
    first.close()
    assert len(on_disk(tmp_path)) == 1
    second = opened(address, "shop.dead")
    second.put(Record(0, 1, b"\xfe", 6, b"bob"), REASON, WHY)
    second.flush()
    ensure_topic(address, "shop.dead")

    assert {record.payload for record in letters(address, "shop.dead", 2)} == {b"\xff", b"\xfe"}
    wait(lambda: on_disk(tmp_path) == [])
    second.put(Record(0, 2, b"\xfd", 7, b"eve"), REASON, WHY)
    second.flush()
    assert [record.payload for record in letters(address, "shop.dead", 3)][2] == b"\xfd"
    assert on_disk(tmp_path) == []


NAMED = [
    (b"qZ7-xW2_pK9", b"\xff"),
    (b"", b'{"user":"qZ7-xW2_pK9","item":"cup"}'),
    (b"", b'{"user": "qZ7\\u002dxW2_pK9", "item": "cup", "t": "soon"}'),
    (b"", b'{"user":"qZ7-xW2_pK9","item":'),
    (b"", b"qZ7-xW2_pK9;cup;\xff"),
    (b"", "qZ7-xW2_pK9,cup".encode("utf-16-le")),
    (b"", b'{"uid":"qZ7-xW2_pK9"}'),
]
OTHERS = [
    (b"ben", b'{"user":"ben","item":"qZ7-xW2_pK9"}'),
    (b"", b'{"user":"ben","item":"qZ7-xW2_pK9",'),
    (b"", b"qZ7-xW2_pK99;cup;\xff"),
    (b"", b""),
]


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_user_who_is_forgotten_is_erased_from_our_own_log_and_its_places_stay(
    tmp_path: Path, opened: Opened
) -> None:
    address = log_address(tmp_path)
    ensure_topic(address, "shop.dead")
    dead = opened(address, "shop.dead")
    for k, (key, value) in enumerate([*NAMED, *OTHERS]):
        dead.put(Record(0, k, value, 5, key), REASON, f"{value!r}")
    dead.put(Record(0, 11, b"\xff", 5, b"", [("user", b"qZ7-xW2_pK9")]), REASON, WHY)
    dead.of("shop.items").put(Record(0, 0, b"{", 5, b"qZ7-xW2_pK9"), REASON, WHY)
    dead.flush()

    erased = dead.erase(["qZ7-xW2_pK9", "nobody"])

    assert (erased.letters, erased.beyond) == ({"qZ7-xW2_pK9": 8}, "")
    found = [unpack(record) for record in letters(address, "shop.dead", 13)]
    assert [letter.offset for letter in found if letter.erased] == [*range(len(NAMED)), 11]
    assert {(one.key, one.value, one.reason) for one in found[: len(NAMED)]} == {(None, b"", REASON)}
    assert [(letter.key or b"", letter.value) for letter in found[len(NAMED) : -2]] == OTHERS
    assert dead.erase(["qZ7-xW2_pK9"]).letters == {}
    left = everything(tmp_path)
    assert [value for _, value in NAMED if len(value) > 1 and value in left] == []


def test_a_user_who_is_forgotten_is_erased_on_disk_and_the_kafka_topic_is_named(
    nobody: str, tmp_path: Path, opened: Opened
) -> None:
    dead = opened(nobody, "shop.dead")
    for k, (key, value) in enumerate([*NAMED, *OTHERS]):
        dead.put(Record(0, k, value, 5, key), REASON, WHY)
    dead.flush()

    erased = dead.erase(["qZ7-xW2_pK9"])

    assert (erased.letters, erased.beyond) == ({"qZ7-xW2_pK9": len(NAMED)}, "shop.dead")
    assert [letter.value for letter in on_disk(tmp_path) if not letter.erased] == [
        value for _, value in OTHERS
    ]
    assert len(on_disk(tmp_path)) == len(NAMED) + len(OTHERS)
