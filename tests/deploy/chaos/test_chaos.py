"""Kills lose nothing, count nothing twice, and leave the bytes that the topic gives; a difference is found."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy import kafka
from deploy.chaos.broker import Broker
from deploy.chaos.life import Place, ended, forked, live
from deploy.chaos.stream import expected, produce, record, sent
from deploy.chaos.verify import verify
from stream.broker import open_sink


def test_the_records_of_a_number_are_always_the_same() -> None:
    assert [record(1, n) for n in range(50)] == [record(1, n) for n in range(50)]
    assert record(1, 7) != record(2, 7)
    again = list(sent(1, 0, 500))
    assert len(again) > 500
    assert {one.payload for one in again} == {record(1, n).payload for n in range(500)}
    assert sum(expected(1, 500).values()) == sum(bool(record(1, n).user) for n in range(500))


@pytest.mark.slow
def test_a_verdict_finds_what_is_lost_counted_twice_or_written_otherwise(tmp_path: Path) -> None:
    with Broker("log", tmp_path, 2) as broker:
        place = Place(broker.address, broker.topic, tmp_path / "state" / "store")
        sink = open_sink(broker.address, broker.topic)
        produce(sink, 1, 0, 300, 1e9)
        sink.close()
        assert ended(forked(partial(live, place, whole=True))) == 0

        right = verify(place, expected(1, 300), tmp_path / "one")
        lost = verify(place, expected(1, 310), tmp_path / "two")
        twice = verify(place, expected(1, 300) - Counter({"u1": 1}), tmp_path / "three")
        generation, store = place.loaded()
        generation.world.state.users[3]["n"] += 1
        generation.world.users.touch([3])
        store.save(generation.world.tables, {}, "other", {})
        store.close()
        written = verify(place, expected(1, 300), tmp_path / "four")

    assert right.right
    assert lost.lost > 0
    assert twice.twice == 1
    assert written.rows_that_differ == 1


def chaos(*words: str) -> dict[str, Any]:
    """Run the command: in a process of its own, as it forks."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.main", "chaos", "--json", *words],
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 0, found
    assert found["right"], found
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kills", "words"),
    [(60, ["--partitions", "1"]), (60, ["--partitions", "4"]), (40, ["--partitions", "4", "--learn"])],
)
def test_kills_at_any_moment_and_at_named_points(kills: int, words: list[str]) -> None:
    found = chaos("--kills", str(kills), "--instances", "0", "--seed", "5", *words)

    assert found["kills"] >= kills
    assert found["rows"] > 1_000


@pytest.mark.slow
@pytest.mark.kafka
def test_kills_beside_a_real_kafka_that_is_killed_too() -> None:
    if gone := kafka.missing():
        pytest.skip(f"NO REAL KAFKA: {' and '.join(gone)} not found")
    found = chaos("--kills", "52", "--instances", "1", "--partitions", "4", "--broker", "kafka")

    assert found["killed_broker"] == 1


@pytest.mark.slow
def test_kills_of_the_parts_of_whole_instances() -> None:
    found = chaos("--kills", "4", "--instances", "4", "--partitions", "2")

    assert [found[f"killed_{part}"] for part in ("ingest", "learner", "serve", "supervisor")] == [1, 1, 1, 1]
