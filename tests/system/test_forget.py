"""Forgetting: budgets of rows and users who ask for it, the same whatever batches the events come in."""

import json
from pathlib import Path

import numpy as np
import pytest

from state.error import NoRoom
from state.record.profile import profiles
from state.record.setting import GraphSettings
from state.record.tombstone import PREFIX, Tombstones
from stream.answer.reader import Reader
from stream.answer.request import Recommend
from stream.error import BadEvent
from stream.event.batch import Record
from stream.event.event import decode, forget
from stream.ingest.item import ItemsTopic
from tests.fixture.events import NOW, TIGHT, StoredWriter, Topic, event
from tgn.inference.layout import TgnSettings


def stream(n: int = 3_000, seed: int = 4) -> list[bytes]:
    """Events of users and items that come and go, some of whom ask to be forgotten, and old events that come again."""
    chance, out, last = np.random.default_rng(seed), [], {}
    for k in range(n):
        user = f"u{int(20 * chance.random() ** 2) + k // 80}"
        item = f"i{int(15 * chance.random() ** 2) + k // 90}"
        if chance.random() < 0.01:
            out += [forget(user, 999), last.get(user, event(user, item, 0)), event("u0", item, k * 60_000)]
        else:
            kind = str(chance.choice(["view", "like", "dislike", "impression"]))
            out.append(event(user, item, k * 60_000, kind))
            last[user] = out[-1]
    return out


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[bytes, bytes]:
    writer = StoredWriter(tmp_path_factory.mktemp("whole"), Topic(stream()))
    writer.read()
    world = writer.writer.state.world[0]
    assert min(world["items_let_go"], world["users_let_go"], world["forgotten"], world["dropped"]) > 9
    assert writer.generation.items.named <= TIGHT.max_items
    assert writer.topic.letters == []
    state = writer.state()
    writer.close()
    return state


@pytest.mark.parametrize("limit", [1, 7, 256])
def test_batches_of_any_size_and_restarts_end_in_the_same_bytes(
    tmp_path: Path, whole: dict[bytes, bytes], limit: int
) -> None:
    topic = Topic(stream())
    for stop in (700, 1_900, 10**9):
        writer = StoredWriter(tmp_path, topic)
        writer.read(limit, stop)
        found = writer.state()
        writer.drop()

    assert found.keys() == whole.keys()
    assert [key for key in whole if found[key] != whole[key]] == []


def test_no_reference_leads_to_a_row_without_a_name(tmp_path: Path) -> None:
    writer = StoredWriter(tmp_path, Topic(stream()))
    for stop in range(100, 3_001, 100):
        writer.read(50, stop)
        g, state = writer.generation, writer.writer.state
        named = {row for row, text in enumerate(g.items.text) if text}
        for user in profiles(state, np.arange(state.users.shape[0])):
            assert set(user["item"][: user["slots"]].tolist()) <= named
            assert set(user["shown"].tolist()) <= named
        blocks, overflows = (int(state.world[0][name]) + 1 for name in ("blocks", "overflows"))
        assert set(state.history["item"][:overflows].ravel().tolist()) <= named
        assert set(state.seen["item"][:blocks].ravel().tolist()) <= named
        for row, edge in enumerate(state.edges):
            assert (
                set(edge["dst"][: edge["slots"]].tolist()) | set(edge["next"][: edge["nexts"]].tolist())
                <= named
            )
            assert row in named or not (g.world.edges.bytes[row].any() or g.world.items.bytes[row].any())
        users = {row for row, text in enumerate(g.users.text) if text}
        assert set(state.items["last_user"].tolist()) <= users | {-2, 0}
    writer.close()


def test_a_reader_answers_with_names_that_are_and_never_for_another_user(tmp_path: Path) -> None:
    writer = StoredWriter(tmp_path, Topic(stream()), live=True)
    reader = Reader(GraphSettings(), TgnSettings(), TIGHT, tmp_path / "live")
    gone = 0
    for stop in range(60, 3_001, 60):
        writer.read(20, stop)
        users, items = writer.generation.users, writer.generation.items
        for user in [*list(users.row)[-3:], "u7", "nobody"]:
            answer = reader.recommend(Recommend(user, 15, with_reasons=True, include_seen=True))
            assert set(answer.items) <= set(items.row)
            assert "because of " not in answer.reasons
        recommender = reader.recommender
        assert recommender is not None
        assert recommender.generation.users.row == users.row
        gone += "u7" not in users.row
    told = reader.info()
    assert gone > 5
    assert told["items"] == len(items.row) - 1
    assert told["items_let_go"] == int(writer.writer.state.world[0]["items_let_go"]) > 0
    writer.close()


def test_what_the_items_topic_describes_stays_and_a_full_house_is_an_error(tmp_path: Path) -> None:
    writer = StoredWriter(tmp_path, Topic())
    items = Topic()
    shelf = ItemsTopic(writer.writer, items, items, "items")

    def describe(names: list[str]) -> None:
        items.next = 0
        records = [Record(0, k, b'{"price":1}', 0, name.encode()) for k, name in enumerate(names)]
        items.poll = lambda limit, wait_s: [records.pop(0)] if records else []  # type: ignore[method-assign]
        while shelf.step():
            pass

    writer.topic.payloads += [event("ann", f"i{k}", k) for k in range(19)]
    writer.read()
    describe(["i3", "new"])
    assert {"i3", "new"} < set(writer.generation.items.row)
    assert "i0" not in writer.generation.items.row
    writer.topic.payloads += [event("bob", f"j{k}", 100 + k) for k in range(60)]
    writer.read()
    assert {"i3", "new", "j59"} < set(writer.generation.items.row)
    assert len(writer.generation.items.row) == 20
    describe([*sorted(set(writer.generation.items.row) - {"riverwalk:start"})])
    writer.topic.payloads.append(event("bob", "one more", 200))
    with pytest.raises(NoRoom, match=r"every item is described .* raise state\.max_items"):
        writer.read()
    assert writer.store.offsets("events") == {0: 79}
    writer.drop()


def test_who_is_forgotten_stays_forgotten_until_they_come_again(tmp_path: Path) -> None:
    old = [event("ann", f"i{k}", 1_000 + k) for k in range(5)] + [event("eve", "i1", 2_000)]
    topic = Topic([*old, forget("ann", 5), *old, event("ann", "i9", 1_999)])
    writer = StoredWriter(tmp_path, topic)
    writer.read(4)
    users = writer.generation.users
    assert set(users.row) == {"eve"}
    assert writer.generation.receipts.get(0, 6) == {
        "t": 2_000, "found": 1, "history": 5, "seen": 5, "events": 5, "memory": 0, "letters": 0, "beyond": "shop.dead"
    }  # fmt: skip
    assert int(writer.writer.state.world[0]["dropped"]) == 6
    writer.close()

    writer = StoredWriter(tmp_path, topic)  # as after a restart: the tombstone is remembered
    topic.payloads += [old[0], event("ann", "i2", 2_001), old[1], event("ann", "i3", 2_002)]
    writer.read(3)
    row = writer.generation.users.row["ann"]
    assert int(writer.writer.state.users[row]["n"]) == 2
    assert int(writer.writer.state.world[0]["dropped"]) == 8
    assert topic.letters == []
    writer.close()


def test_what_was_shown_and_comes_again_brings_nobody_back(tmp_path: Path) -> None:
    shown = event("ann", "i1", 9_000, kind="impression")
    writer = StoredWriter(tmp_path, Topic([event("ann", "i1", 1_000), shown, forget("ann", 5), shown]))
    writer.read(2)
    assert "ann" not in writer.generation.users.row
    assert int(writer.writer.state.world[0]["dropped"]) == 1
    writer.close()


def test_a_replay_from_the_start_forgets_again(tmp_path: Path) -> None:
    topic = Topic([event("ann", "i1", 10), event("bob", "i2", 20), forget("ann", 5), event("bob", "i1", 30)])
    found = []
    for name in ("first", "second"):
        writer = StoredWriter(tmp_path / name, topic)
        writer.read(2)
        assert set(writer.generation.users.row) == {"bob"}
        found.append(writer.state())
        writer.close()

    assert found[0] == found[1]


def test_tombstones_are_bounded_survive_and_name_nobody() -> None:
    graves = Tombstones(most=3)
    for k in range(5):
        graves.put(f"user {k}", 100 + k)
    graves.put("user 2", 50)
    records = {
        key: data for key, data in graves.unsaved.items() if data is not None and key.startswith(PREFIX)
    }
    salt = json.loads(graves.unsaved[b"meta\0salt"] or b"")
    again = Tombstones(
        salt, {key: data for key, data in records.items() if key[len(PREFIX) :] in graves.until}, most=3
    )

    assert [again.get(f"user {k}") for k in range(6)] == [-1, -1, 102, 103, 104, -1]
    again.put("user 9", 1)
    assert [again.get(f"user {k}") for k in (2, 3, 4, 9)] == [102, -1, 104, 1]
    assert b"user" not in b"".join((*records, *records.values()))
    assert Tombstones("00", {}).get("user 2") == -1


def test_a_record_that_forgets_names_a_user_and_no_item() -> None:
    assert decode(forget("ann", 5), NOW).user == "ann"
    assert decode(b'{"user":7,"item":"","t":"2024-05-01","type":"forget"}', 2 * NOW).user == "7"
    for payload, reason in (
        (b'{"user":"ann","item":"cup","t":5,"type":"forget"}', "type"),
        (b'{"t":5,"type":"forget"}', "missing"),
        (b'{"user":"","t":5,"type":"forget"}', "size"),
    ):
        with pytest.raises(BadEvent) as refused:
            decode(payload, NOW)
        assert refused.value.reason == reason
