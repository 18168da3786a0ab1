"""An instance without a broker of its own: its log outlives it, and whoever is killed loses nothing that was acknowledged."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import redis

from deploy.config.broker import with_address
from deploy.config.schema import Config, Kafka, Log, State
from deploy.service.retention import Retention, trim
from stream.broker import ensure_topic, log_address, open_sink, open_source


class Instance:
    """`riverwalk serve` without a Kafka address, with processes that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "deploy.main", "serve", "--state", str(folder), "--port", "0", "--http-port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )  # fmt: skip
        self.said, found = "", None
        assert self.process.stdout is not None
        while found is None and (line := self.process.stdout.readline()):
            self.said += line
            found = re.search(r"-p (\d+)", self.said)
        assert found, self.said
        self.client = redis.Redis(port=int(found[1]), decode_responses=True)

    def child(self, role: str) -> int:
        """Return the process id of ingest or serve."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        pids = [int(pid) for file in children for pid in file.read_text().split()]
        return next(pid for pid in pids if f"\0{role}\0" in Path(f"/proc/{pid}/cmdline").read_text())

    def info(self, name: str) -> int:
        """Return a field of INFO."""
        text = str(self.client.execute_command("INFO"))
        found = re.search(rf"'?{name}'?: ?'?(-?\d+)", text)
        assert found, text
        return int(found[1])

    def settle(self, events: int) -> None:
        """Wait until so many events are applied and none waits."""
        until = time.monotonic() + 60
        while (self.info("applied_events"), self.info("lag")) != (events, 0):
            assert time.monotonic() < until, self.client.execute_command("INFO")

    def kill(self) -> None:
        """Kill all processes at once."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.communicate(timeout=60)


@pytest.fixture
def started() -> Iterator[list[Instance]]:
    instances: list[Instance] = []
    yield instances
    for one in instances:
        one.close()


def publish(instance: Instance, numbers: range) -> str:
    """Publish events one by one; return what the last EVENT answered."""
    answer = ""
    for n in numbers:
        answer = str(instance.client.execute_command("EVENT", f"u{n % 7}", f"i{n % 11}", "view"))
    return answer


@pytest.mark.slow
def test_a_killed_instance_has_every_acknowledged_event_once(tmp_path: Path, started: list[Instance]) -> None:
    """First ingest is killed, then the supervisor, whose children end with it."""
    started.append(Instance(tmp_path / "state"))
    first = started[-1]
    assert publish(first, range(100)) == "0:99"
    os.kill(first.child("ingest"), signal.SIGKILL)
    assert publish(first, range(100, 200)) == "0:199"
    first.settle(200)
    publish(first, range(200, 300))
    first.kill()

    started.append(Instance(tmp_path / "state"))
    second = started[-1]
    second.settle(300)
    assert second.client.execute_command("EVENT", "ann", "i3") == "0:300"
    assert "i3" not in second.client.execute_command(
        "RECOMMEND", "ann", 11, "AFTER", "0:300", "TIMEOUT", 5000
    )
    second.settle(301)
    second.close()

    started.append(Instance(tmp_path / "state"))
    started[-1].settle(301)


@pytest.mark.slow
def test_a_file_is_produced_into_the_log_of_a_running_instance(
    tmp_path: Path, started: list[Instance]
) -> None:
    rows = "".join(f"u{n % 5},i{n % 9},{1_700_000_000 + n}\n" for n in range(400))
    (tmp_path / "events.csv").write_text("user,item,timestamp\n" + rows)
    words = [
        "produce",
        str(tmp_path / "events.csv"),
        "--state",
        str(tmp_path / "state"),
        "--set",
        "serve.port=1",
    ]
    before = subprocess.run(
        [sys.executable, "-P", "-m", "deploy.main", *words], capture_output=True, text=True, timeout=60
    )
    started.append(Instance(tmp_path / "state"))
    started[-1].settle(400)
    during = subprocess.run(
        [sys.executable, "-P", "-m", "deploy.main", *words], capture_output=True, text=True, timeout=60
    )

    assert (before.returncode, during.returncode) == (0, 0), before.stderr + during.stderr
    assert before.stdout.startswith("400 events in ")
    started[-1].settle(800)


def config(folder: Path, **log: float) -> Config:
    return with_address(Config(state=State(folder=str(folder)), log=Log(**log)))  # type: ignore[arg-type]


def fill(address: str, topic: str, count: int) -> None:
    ensure_topic(address, topic)
    sink = open_sink(address, topic)
    for _ in range(count):
        sink.send(b"u", b"x" * 10_000)
    sink.flush()
    sink.close()


def first(address: str, topic: str) -> int:
    """Return the offset of a topic's first record."""
    source = open_source(address, topic, {})
    low = source.offsets.next[0]
    source.close()
    return low


def test_the_log_is_trimmed_to_its_size_but_never_past_what_is_saved(tmp_path: Path) -> None:
    kept = config(tmp_path, retention_mib=1)
    for topic in (kept.kafka.topic, kept.kafka.dead_letter):
        fill(kept.kafka.address, topic, 300)

    trim(kept, np.array([50, 0]))
    assert first(kept.kafka.address, kept.kafka.topic) == 50
    trim(kept, np.array([300, 0]))
    assert 190 < first(kept.kafka.address, kept.kafka.topic) < 200
    assert 190 < first(kept.kafka.address, kept.kafka.dead_letter) < 200


def test_the_log_is_trimmed_again_and_again_by_age(tmp_path: Path) -> None:
    kept = config(tmp_path, retention_hours=1e-6)
    fill(kept.kafka.address, kept.kafka.topic, 20)
    ensure_topic(kept.kafka.address, kept.kafka.dead_letter)
    saved = np.array([5])
    retention = Retention(kept, saved, every_s=0.05)

    for goal in (5, 20):
        saved[0] = goal
        until = time.monotonic() + 30
        while first(kept.kafka.address, kept.kafka.topic) != goal:
            assert time.monotonic() < until
    retention.close()


def test_a_kafka_broker_keeps_its_own_retention(tmp_path: Path) -> None:
    retention = Retention(Config(kafka=Kafka(address="127.0.0.1:9")), [], every_s=0.0)
    retention.close()

    assert with_address(Config(kafka=Kafka(address="127.0.0.1:9"))).kafka.address == "127.0.0.1:9"
    assert with_address(config(tmp_path)).kafka.address == log_address(tmp_path)
