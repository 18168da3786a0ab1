"""`riverwalk dlq` on a log, beside nobody, and beside a running instance."""

import base64
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner, Result

from deploy.client.client import Client
from deploy.config.schema import BadConfig, Serve
from deploy.main import app
from stream.broker import Sink, ensure_topic, log_address, open_dead_letter, open_sink, open_source
from stream.error import BadSource
from stream.event.batch import Record
from tests.fixture.broker.topic import read
from tests.fixture.documentation import Instance, free_port

GOOD = b'{"user":"ann","item":"cup","t":1700000000000}'


def dlq(folder: Path, *words: str) -> Result:
    """A finished command; what an operator can mend is raised."""
    topic = () if "--set" in words else ("--topic", "shop")
    done = CliRunner().invoke(app, ["dlq", *words, "--state", str(folder), *topic])
    if isinstance(done.exception, BadConfig | BadSource):
        raise done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def listed(folder: Path, *words: str) -> list[dict[str, Any]]:
    return json.loads(dlq(folder, "list", "--json", *words).stdout)


def replayed(folder: Path, *words: str) -> dict[str, Any]:
    return json.loads(dlq(folder, "replay", "--json", *words).stdout)


def reject(
    folder: Path, *rejected: tuple[Record, str], topics: tuple[str, ...] = ("shop", "shop.items", "shop.dead")
) -> None:
    """Reject records of the topic `shop`, or of its items where the reason begins with `item `."""
    for topic in topics:
        ensure_topic(log_address(folder), topic, compact=topic == "shop.items")
    dead = open_dead_letter(log_address(folder), "shop.dead", origin="shop", folder=folder / "dead")
    for record, reason in rejected:
        (dead.of("shop.items") if reason.startswith("item ") else dead).put(
            record, reason.removeprefix("item "), f"no event: {record.payload!r:.20}"
        )
    dead.flush()
    dead.close()


def records(folder: Path, topic: str, count: int) -> list[Record]:
    source = open_source(log_address(folder), topic, {})
    assert sum(source.highs().values()) == count
    found = read(source, count)  # type: ignore[arg-type]
    source.close()
    return found


def test_letters_are_listed_with_control_characters_escaped_and_header_values_hidden(tmp_path: Path) -> None:
    own = [("authorization", b"hunter2")]
    reject(
        tmp_path,
        (Record(0, 4, b"\x1b[2Jred\xff\n", 1_700_000_000_000, b"an\x07n", own), "utf8"),
        (Record(0, 7, b"{", 5, b"cup-7"), "item json"),
    )

    shown = dlq(tmp_path, "list").stdout
    first, second = listed(tmp_path)

    assert "shop 0:4" in shown
    assert r"an\x07n" in shown
    assert r"\x1b[2Jred\xff\n" in shown
    assert not set(shown) & set("\x1b\x07")
    assert "hunter2" not in shown + json.dumps([first, second])
    assert (first["topic"], first["partition"], first["offset"]) == ("shop", 0, 4)
    assert (first["timestamp_ms"], first["reason"], first["headers"]) == (
        1_700_000_000_000,
        "utf8",
        ["authorization"],
    )
    assert base64.b64decode(first["value_base64"]) == b"\x1b[2Jred\xff\n"
    assert (second["topic"], second["key"], second["state"]) == ("shop.items", "cup-7", [])


def test_letters_are_chosen_by_reason_by_time_and_by_number(tmp_path: Path) -> None:
    reject(tmp_path, *((Record(0, k, b"%d" % k, 5), ("json", "time", "nan")[k % 3]) for k in range(9)))

    assert [one["offset"] for one in listed(tmp_path, "--reason", "nan", "--reason", "time")] == [
        1,
        2,
        4,
        5,
        7,
        8,
    ]
    newest = dlq(tmp_path, "list", "--json", "--limit", "2")
    assert [one["offset"] for one in json.loads(newest.stdout)] == [7, 8]
    assert "the newest 2 of 9; --limit 9 shows all" in newest.stderr
    assert len(listed(tmp_path, "--since", "1h")) == 9
    assert listed(tmp_path, "--since", "2999-01-01") == []
    assert dlq(tmp_path, "list", "--since", str(10**17)).stdout == "nothing\n"
    with pytest.raises(BadConfig, match="--reason jsn: no such reason; known: utf8, json"):
        dlq(tmp_path, "list", "--reason", "jsn")
    with pytest.raises(BadConfig, match="--since soon: no time; wanted a duration such as 90s"):
        dlq(tmp_path, "list", "--since", "soon")


def test_a_letter_that_a_crash_wrote_twice_is_listed_and_replayed_once(tmp_path: Path) -> None:
    for _ in range(2):
        reject(tmp_path, (Record(0, 4, GOOD, 5, b"ann"), "future"))

    assert len(listed(tmp_path)) == 1
    assert replayed(tmp_path)["replayed"] == 1
    assert [record.payload for record in records(tmp_path, "shop", 1)] == [GOOD]


def test_a_replay_publishes_records_as_they_were_and_each_once(tmp_path: Path) -> None:
    own = [("trace", b"7"), ("riverwalk.reason", b"mine")]
    reject(
        tmp_path,
        (Record(0, 4, GOOD, 1_700_000_000_500, b"ann", own), "json"),
        (Record(0, 5, b"nonsense", 1_700_000_000_600, b"bob"), "json"),
        (Record(0, 7, b'{"price":4}', 1_700_000_000_700, b"cup-7"), "item type"),
        (Record(0, 6, GOOD, 1_700_000_000_800, b"eve"), "future"),
    )
    dry = replayed(tmp_path, "--dry-run")
    before = int(time.time() * 1000)
    first = replayed(tmp_path)
    second = replayed(tmp_path)

    assert (dry["would_be_replayed"], first["replayed"], first["not_replayed"]) == (4, 4, 0)
    assert [one["place"] for one in first["letters"]["refused_again"]] == ["shop 0:5"]
    assert "json: record is not JSON" in first["letters"]["refused_again"][0]["why"]
    assert (second["replayed"], second["replayed_before"]) == (0, 4)
    events = records(tmp_path, "shop", 3)
    assert [(one.key, one.payload, one.headers) for one in events] == [
        (b"ann", GOOD, own),
        (b"bob", b"nonsense", ()),
        (b"eve", GOOD, ()),
    ]
    assert [one.produced_ms for one in events[:2]] == [1_700_000_000_500, 1_700_000_000_600]
    assert events[2].produced_ms >= before  # its own time is why it was rejected
    [item] = records(tmp_path, "shop.items", 1)
    assert (item.key, item.payload, item.produced_ms) == (b"cup-7", b'{"price":4}', 1_700_000_000_700)
    assert {tuple(one["state"]) for one in listed(tmp_path)} == {("replayed",)}
    assert replayed(tmp_path, "--again", "--reason", "type")["replayed"] == 1
    assert (tmp_path / "dead" / "replayed.jsonl").stat().st_mode & 0o777 == 0o600


def test_what_is_rejected_again_after_a_replay_counts_as_replayed(tmp_path: Path) -> None:
    reject(tmp_path, (Record(0, 5, b"nonsense", 6, b"bob"), "json"))
    assert replayed(tmp_path)["replayed"] == 1
    [again] = records(tmp_path, "shop", 1)
    reject(tmp_path, (again, "json"))

    assert [one["state"] for one in listed(tmp_path)] == [["replayed"], ["replayed"]]
    assert (replayed(tmp_path)["replayed"], len(records(tmp_path, "shop", 1))) == (0, 1)


def test_what_is_not_whole_or_of_another_topic_is_named_and_left(tmp_path: Path) -> None:
    reject(tmp_path, (Record(0, 1, b"x" * 1_000_000, 5), "size"), (Record(0, 2, GOOD, 5, b"ann"), "time"))
    dead = open_dead_letter(log_address(tmp_path), "shop.dead", origin="clicks", folder=tmp_path / "dead")
    dead.erase(["ann"])
    dead.put(Record(0, 3, GOOD, 5, b"ann"), "time", "late")
    dead.flush()
    dead.close()

    told = replayed(tmp_path)

    assert (told["replayed"], told["not_replayed"]) == (0, 3)
    assert [one["why"].partition(":")[0] for one in told["letters"]["not_replayed"]] == [
        "it was cut",
        "it was erased",
        "it is of another topic than shop and shop.items; name its topic with --topic",
    ]
    assert [one["state"] for one in listed(tmp_path)] == [["cut"], ["erased"], []]


def test_letters_on_disk_are_listed_and_replayed_and_a_topic_that_is_gone_is_told(tmp_path: Path) -> None:
    reject(tmp_path, (Record(0, 1, GOOD, 5, b"ann"), "time"), topics=("shop",))

    done = dlq(tmp_path, "list", "--json")
    again = dlq(tmp_path, "replay")

    assert [one["state"] for one in json.loads(done.stdout)] == [["on disk"]]
    assert done.exit_code == 1
    assert "topic shop.dead cannot be read (there is none)" in done.stderr
    assert (again.exit_code, "replayed         1" in again.stdout) == (1, True)
    assert [record.payload for record in records(tmp_path, "shop", 1)] == [GOOD]


def test_one_replay_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one, begun while the first publishes, is refused."""
    reject(tmp_path, (Record(0, 1, GOOD, 5, b"ann"), "time"))
    refusals: list[str] = []

    def opened(*words: Any, **more: Any) -> Sink:
        with pytest.raises(BadSource, match="another replay is under way") as refusal:
            dlq(tmp_path, "replay")
        refusals.append(str(refusal.value))
        return open_sink(*words, **more)

    monkeypatch.setattr("deploy.dlq.replay.open_sink", opened)

    assert replayed(tmp_path)["replayed"] == 1
    assert len(refusals) == 1


@pytest.mark.kafka
def test_on_a_broker_a_tombstone_goes_back_into_its_partition(kafka_address: str, tmp_path: Path) -> None:
    topic = f"t-{uuid.uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": kafka_address, "log_level": 2})
    admin.create_topics([NewTopic(topic, 3)])[topic].result(20)
    client = Producer({"bootstrap.servers": kafka_address, "log_level": 2})
    client.produce(topic, None, b"ann", 2, timestamp=1_700_000_000_000, headers=[("none", None)])
    client.flush(20)
    dead = open_dead_letter(kafka_address, f"{topic}.dead", origin=topic, folder=tmp_path / "dead")
    ensure_topic(kafka_address, f"{topic}.dead")
    source = open_source(kafka_address, topic, {})
    [record] = read(source, 1)  # type: ignore[arg-type]
    dead.put(record, "json", "no JSON")
    dead.flush()
    dead.close()

    told = json.loads(
        dlq(tmp_path, "replay", "--json", "--kafka", kafka_address, "--set", f"kafka.topic={topic}").stdout
    )

    [again] = read(source, 1)  # type: ignore[arg-type]
    source.close()
    assert told["replayed"] == 1
    assert again == record._replace(offset=1, headers=[("none", None)])
    assert (again.partition, again.tombstone, again.produced_ms) == (2, True, 1_700_000_000_000)


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.mark.slow
def test_beside_a_running_instance_letters_are_replayed_and_a_forgotten_user_is_erased(
    tmp_path: Path,
) -> None:
    instance = Instance(tmp_path, ["serve", "--topic", "shop"], "serve: ready")
    folder = tmp_path / "riverwalk-state"
    try:
        sink = open_sink(log_address(folder), "shop")
        for value in (b'{"user":"ann","item":"cup","t":"soon"}', b"ann \xff", b'{"user":"bob"'):
            sink.send(b"", value)
        sink.flush()
        sink.close()
        until(lambda: len(listed(folder)) == 3)
        assert replayed(folder)["replayed"] == 3
        until(lambda: len(listed(folder)) == 6)
        assert replayed(folder)["replayed"] == 0

        with Client(Serve(port=instance.port), protocol=3) as client:
            receipt = client.ask("FORGET", "ann")

        assert isinstance(receipt, dict)
        assert receipt["dead_letters"] == 4
        assert receipt["not_reached"] == [
            "the topic of events: its own records, until its retention takes them"
        ]
        assert [one["state"] for one in listed(folder)].count(["replayed", "erased"]) == 4
        assert "ann" not in instance_log(instance)
    finally:
        instance.close()


def instance_log(instance: Instance) -> str:
    """What the processes of an instance have said, after its end."""
    instance.process.terminate()
    out, _ = instance.process.communicate(timeout=60)
    return instance.said + out


def test_without_a_broker_the_command_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.kafka.source.ASK_S", 0.5)
    done = dlq(tmp_path, "list", "--kafka", f"127.0.0.1:{free_port()}")

    assert (done.exit_code, done.stdout) == (1, "nothing\n")
    assert "no answer from the broker" in done.stderr
