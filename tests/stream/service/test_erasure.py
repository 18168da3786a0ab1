"""Erasure: what is left nowhere, and what a client is told of it."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from state.record.setting import GraphSettings
from state.storage.store import Store
from stream.answer.reader import Reader
from stream.event.batch import decode_batch
from stream.event.event import FORGET, forget
from stream.file.event import columns
from stream.http.endpoint import serve as serve_http
from stream.service.listener import open_tcp
from tests.fixture.backend import ask, client, on_loop, serving
from tests.fixture.events import (
    NOW,
    TIGHT,
    StoredWriter,
    Topic,
    event,
)
from tests.fixture.source import FileSource
from tgn.inference.layout import TgnSettings


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("learn", [False, True])
def test_no_byte_of_a_forgotten_name_and_no_learned_row_is_left(tmp_path: Path, learn: bool) -> None:
    name = "qZ7-xW2_pK9"  # nothing that compression would change
    topic = Topic([event(name, f"i{k % 9}", k) for k in range(300)] + [event("eve", "i1", 900)])
    writer = StoredWriter(tmp_path, topic, live=True, learn=learn)
    writer.read(50)
    g = writer.generation
    row = g.users.row[name]
    while learn and not (
        g.learned["user_memory"].array[row].any() and writer.learned.records(b"user_memory\0")
    ):
        writer.step()
    assert name.encode() in files(tmp_path)
    topic.payloads.append(forget(name, 5))
    writer.read()
    receipt = g.receipts.get(0, 301)
    assert receipt is not None
    assert receipt["memory"] == int(learn)
    while writer.writer.budget.stale:
        writer.step()
    writer.close()

    assert name.encode() not in files(tmp_path)
    assert not any(table.bytes[row].any() for table in g.nodes["user"])
    store = Store(tmp_path / "store")
    other = Store(tmp_path / "learned") if learn else store
    keys = [key for table in g.nodes["user"] for key in other.records(table.name.encode() + b"\0")]
    assert [key for key in keys if key[-4:] == row.to_bytes(4, "big")] == []
    assert (store.meta("stale"), store.meta("scrubbed")) == (1, 1)
    store.close()


def test_a_row_that_is_given_again_has_learned_nothing(tmp_path: Path) -> None:
    topic = Topic([event(f"u{k % 9}", f"i{k % 19}", k) for k in range(600)])
    writer = StoredWriter(tmp_path, topic, learn=True)
    writer.read(64)
    writer.ingest.run(lambda: True)
    g = writer.generation
    assert writer.follower is not None
    writer.follower.run(lambda: True)
    learning = writer.follower.learning
    assert learning is not None
    learner = learning.learner
    assert learner is not None
    row = g.items.row["i7"]
    assert g.learned["item_vector"].array[row].any()
    jobs: list = []
    topic.payloads += [event("u1", "new", 601), event("u2", "newer", 602), forget("u1", 5)]
    batch, _ = decode_batch(topic.poll(10, 0), NOW)
    writer.writer.learn(batch, jobs.append)
    gone = [(kind, rows.tolist()) for job in jobs for kind, rows in job.gone.items()]
    for job in jobs:
        learning.take(job)

    let_go = [row for kind, rows in gone if kind == "item" for row in rows]
    assert [kind for kind, _ in gone] == ["item", "item", "user", "forgotten"]
    assert g.items.row["newer"] in let_go
    assert not any(g.learned["item_moment"].array[row].any() for row in let_go)
    assert not set(learner.pool.alive.tolist()) & set(let_go)
    assert not any(g.learned["user_memory"].array[row].any() for row in dict(gone)["user"])
    writer.drop()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[tuple[Reader, Topic, StoredWriter]]:
    """A reader, and a writer that reads in a thread what the reader publishes."""
    topic = Topic([event("ann", f"i{k}", k) for k in range(4)] + [event("bob", "i1", 9)])
    writer = StoredWriter(tmp_path, topic, live=True)
    writer.read()
    reader = Reader(GraphSettings(), TgnSettings(), TIGHT, tmp_path / "live", publisher=topic)
    stop = threading.Event()
    writer.ingest.wait_s = 0.001
    thread = threading.Thread(target=lambda: _work(writer, stop))
    thread.start()
    yield reader, topic, writer
    stop.set()
    thread.join()
    writer.close()


def _work(writer: StoredWriter, stop: threading.Event) -> None:
    while not stop.wait(0.002):
        writer.ingest.step(stop.is_set)


def test_forget_on_the_socket_replies_with_a_receipt(instance: tuple[Reader, Topic, StoredWriter]) -> None:
    reader, topic, _ = instance
    topic.letters += [b'{"user":"ann",', b'{"user":"bob",']

    async def test() -> None:
        async with serving(reader, clock=lambda: 777) as server:
            async with client(server.port, protocol=3) as asker:
                told = await asker.execute_command("FORGET", "ann")
                lists = [told.pop(name) for name in ("removed", "not_reached", "not_removed")]
                assert told == {
                    "user": "ann", "place": "0:5", "stream_time_ms": 9, "found": 1, "history_items": 4,
                    "seen_items": 4, "events": 4, "memory": 0, "dead_letters": 1,
                }  # fmt: skip
                assert lists[0][-2:] == ["what 1 dead letters held", "the id"]
                assert lists[1][1] == "Kafka topic shop.dead: dead letters, until its retention takes them"
                told["not_removed"] = lists[2]
                assert "salted hash" in told["not_removed"]
                again = await asker.execute_command("FORGET", "ann")
                assert (again["found"], again["removed"], again["place"]) == (0, [], "0:6")
            async with client(server.port, protocol=2) as asker:
                flat = await asker.execute_command("FORGET", "bob", "TIMEOUT", "4000")
                assert flat[:4] == ["user", "bob", "place", "0:7"]
            words = b"FORGET\r\nFORGET a b\r\nEVENT ann x forget\r\n"
            errors = (await ask(server.port, words)).decode().splitlines()
            assert ["wanted FORGET" in line for line in errors] == [True] * 3

    on_loop(test)
    assert json.loads(topic.payloads[5]) == {"user": "ann", "type": "forget", "t": 777}
    assert reader.info()["users"] == 0


async def http(port: int, line: str) -> tuple[str, dict]:
    data = f"{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    head, _, body = (await ask(port, data)).decode().partition("\r\n\r\n")
    return head.split()[1], json.loads(body)


def test_forget_over_http_and_what_is_not_applied_in_time_is_accepted(
    instance: tuple[Reader, Topic, StoredWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, _, _ = instance

    async def test() -> None:
        async with serving(reader, clock=lambda: 777) as server:
            web = await serve_http(server.service, open_tcp("127.0.0.1", 0))
            status, told = await http(web.port, "DELETE /user/ann")
            assert (status, told["found"], told["history_items"]) == ("200", 1, 4)
            assert (await http(web.port, "GET /user/ann"))[0] == "405"
            assert (await http(web.port, "DELETE /item/x"))[0] == "405"
            monkeypatch.setattr(server.service.waiting, "_applied", lambda partition: 0)
            async with client(server.port) as asker:
                with pytest.raises(ResponseError, match="accepted as 0:6 and not applied after 5 ms"):
                    await asker.execute_command("FORGET", "bob", "TIMEOUT", "5")
            await web.close(0.5)

    on_loop(test)


def test_a_file_may_hold_the_record_too(tmp_path: Path) -> None:
    for name, text in (
        ("a.csv", "user,item,timestamp,type\nann,cup,1,view\nann,,2,forget\n"),
        ("a.jsonl", '{"user":"ann","item":"cup","t":1000}\n{"user":"ann","type":"forget","t":2000}\n'),
    ):
        (tmp_path / name).write_text(text)
        batch, bad = decode_batch(FileSource(tmp_path / name).poll(9), NOW)

        assert (batch.user, batch.kind.tolist(), bad) == (["ann", "ann"], [0, FORGET], [])
        assert columns(tmp_path / name).item == ["cup"]
