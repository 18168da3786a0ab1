"""Dead letters on a real broker, with its limits: cut, sent alone, or without their time, and tombstones as they are."""

import uuid
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from stream.broker import ensure_topic
from stream.dead_letter.letter import unpack
from stream.event.batch import Record
from tests.fixture.letter import Opened, letters, on_disk, wait

pytestmark = pytest.mark.kafka


def limited(address: str, **settings: str) -> str:
    """A topic with settings of its own, their dots written as __."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": address, "log_level": 2})
    config = {key.replace("__", "."): value for key, value in settings.items()}
    admin.create_topics([NewTopic(name, 1, config=config)])[name].result(20)
    return name


def test_a_tombstone_and_a_record_without_a_key_stay_what_they_are(
    kafka_address: str, opened: Opened
) -> None:
    origin, topic = (f"t-{uuid.uuid4().hex[:12]}" for _ in range(2))
    client = Producer({"bootstrap.servers": kafka_address, "log_level": 2})
    for name in (origin, topic):
        ensure_topic(kafka_address, name)
    sent = [(b"bob", None), (None, b"x"), (b"", b""), (b"ann", b"")]
    for key, value in sent:
        client.produce(origin, value, key, headers=[("none", None)])
    client.flush(20)
    dead = opened(kafka_address, topic)
    for record in letters(kafka_address, origin, 4):
        dead.put(record, "json", "no JSON")
    dead.flush()
    found = [unpack(record) for record in letters(kafka_address, topic, 4)]

    assert [(letter.key, letter.value) for letter in found] == sent
    assert found[0].headers == (("none", None),)


def test_what_a_topic_finds_too_large_is_cut_until_it_fits(
    kafka_address: str, tmp_path: Path, opened: Opened
) -> None:
    """Small ones that were refused only because they were sent together arrive whole."""
    topic = limited(kafka_address, max__message__bytes="10000")
    dead = opened(kafka_address, topic)
    noise = b"".join(uuid.uuid4().bytes for _ in range(4_000))  # which no compression makes smaller
    for k in range(50):
        dead.put(Record(0, k, noise[40 * k :][:600], 0, b"small"), "json", "no JSON")
    dead.put(Record(0, 50, noise, 0, b"large", [("trace", b"7")]), "json", "no JSON")
    dead.put(Record(0, 51, b"short", 0, b"headers", [("trace", noise)]), "json", "no JSON")
    dead.put(Record(0, 52, noise * 20, 0, b"client", [("trace", noise * 20)]), "json", "no JSON")
    dead.flush()
    found = {letter.offset: letter for letter in map(unpack, letters(kafka_address, topic, 53))}
    wait(lambda: on_disk(tmp_path) == [])

    assert [found[k].value for k in range(50)] == [noise[40 * k :][:600] for k in range(50)]
    large, headers, client = found[50], found[51], found[52]
    assert large.size == len(noise)
    assert large.headers == (("trace", b"7"),)
    assert 2_000 < len(large.value or b"") < 10_000
    assert noise.startswith(large.value or b"?")
    assert (headers.value, headers.dropped, headers.whole) == (b"short", 1, False)
    assert (client.size, client.dropped) == (len(noise) * 20, 1)


def test_a_time_the_topic_does_not_take_is_told_in_the_headers_alone(
    kafka_address: str, opened: Opened
) -> None:
    name = limited(kafka_address, message__timestamp__before__max__ms="1000")
    dead = opened(kafka_address, name)
    dead.put(Record(0, 0, b"x", 1_000_000_000_000, b"ann"), "json", "no JSON")
    dead.flush()
    [found] = letters(kafka_address, name, 1)

    assert found.produced_ms > 1_700_000_000_000
    assert unpack(found).timestamp == 1_000_000_000_000


def test_a_letter_the_topic_never_takes_stays_on_disk_and_holds_nothing_up(
    kafka_address: str, tmp_path: Path, opened: Opened
) -> None:
    """A compacted topic takes no record without a key; a damaged file is left alone."""
    topic = f"t-{uuid.uuid4().hex[:12]}"
    ensure_topic(kafka_address, topic, compact=True)
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead" / f"{topic}-7.jsonl").write_text("{}\n")
    dead = opened(kafka_address, topic)
    for k in range(3):
        dead.put(Record(0, 2 * k, b"x", 0), "json", "no JSON")
        dead.put(Record(0, 2 * k + 1, b"%d" % k, 0, b"k%d" % k), "json", "no JSON")
        dead.flush()
        # It is there before the next one: sent again, it could come after it
        letters(kafka_address, topic, k + 1)

    assert [record.payload for record in letters(kafka_address, topic, 3)] == [b"0", b"1", b"2"]
    (tmp_path / "dead" / f"{topic}-7.jsonl").unlink()
    wait(lambda: [letter.offset for letter in on_disk(tmp_path)] == [0, 2, 4])
