"""Events with ids count once, however often they come."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from tests.fixture.events import NOW, StoredWriter, Topic


def shop(n: int, seed: int = 1) -> list[bytes]:
    draw = np.random.default_rng(seed)
    return [
        msgspec.json.encode(
            {"user": f"u{draw.integers(9)}", "item": f"i{draw.integers(9)}", "t": NOW + k, "id": f"e{k}"}
        )
        for k in range(n)
    ]


def counted(one: StoredWriter) -> dict[bytes, bytes]:
    return {key: value for key, value in one.state().items() if not key.startswith(b"offset")}


def test_a_topic_that_is_sent_twice_changes_nothing_also_after_a_restart(tmp_path: Path) -> None:
    topic = Topic(shop(300))
    once = StoredWriter(tmp_path, topic)
    once.read(limit=70)
    before = counted(once)
    topic.payloads += shop(300)
    once.read(limit=50, stop=450)
    once.close()

    again = StoredWriter(tmp_path, topic)
    again.read(limit=1_000)

    assert topic.lag() == 0
    assert counted(again) == before
    assert again.writer.once.repeated == 300
    again.close()


def test_events_with_and_without_ids_stand_side_by_side(tmp_path: Path) -> None:
    plain = msgspec.json.encode({"user": "ann", "item": "cup", "t": NOW})
    named = msgspec.json.encode({"user": "ann", "item": "cup", "t": NOW, "id": "e"})
    one = StoredWriter(tmp_path, Topic([plain, named, plain, named, plain]))
    one.read()

    assert int(one.writer.state.world[0]["events"]) == 4
    one.close()
