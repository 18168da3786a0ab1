"""Every fault of an instance shows within five seconds, answers go on, and it is ready again afterwards.

The seconds are printed: `pytest -m slow -s tests/system/test_readiness.py`.
"""

import os
import signal
import socket
import stat
import time
from pathlib import Path

import pytest

from tests.fixture.service.served import Served, served
from tests.fixture.service.tmpfs import Memory

__all__ = ["served"]

SOON_S = 5.0
BUDGETS = ("--set", "state.max_users=200000", "--set", "state.max_items=20000")
pytestmark = pytest.mark.slow


def tell(fault: str, seconds: float) -> None:
    print(f"{fault}: {seconds:.1f} s")
    assert seconds < SOON_S


def publish(one: Served, count: int, name: str = "user") -> None:
    pipe = one.client.pipeline(transaction=False)
    for k in range(count):
        pipe.execute_command("EVENT", f"{name} {k}", f"item {k % 50}", "view")
    pipe.execute()


def learned(one: Served) -> None:
    """Wait until the first step is learned: its kernels are compiled in a first start."""
    begin = time.monotonic()
    while not one.get("/info")["learned_events"]:
        assert time.monotonic() - begin < 120, one.get("/info")
        time.sleep(0.1)


def metric(one: Served, name: str) -> float:
    return next(
        float(line.removeprefix(name))
        for line in one.get("/metrics").splitlines()
        if line.startswith(f"{name} ")
    )


def test_an_ingest_that_hangs_or_dies_shows_and_comes_back(tmp_path: Path, served: list[Served]) -> None:
    one = Served(tmp_path / "state", *BUDGETS, "--set", "serve.hang_seconds=8")
    served.append(one)
    one.shows("^ready$")
    publish(one, 100)
    one.settle(100)

    learned(one)
    os.kill(one.child("ingest"), signal.SIGSTOP)
    # A kernel may be compiled just then, which is what it says until it is seen not to move.
    tell("ingest hung", one.shows("ingest has not moved for|kernels are being compiled"))
    assert one.get("/info")["ingest_state"] in ("hung", "starting")
    assert one.get("/info")["lag"] == -1
    assert one.get("/trending?k=3")["items"]
    one.until(r"ingest ended \(killed by SIGKILL: it had not moved for \d+ s\)")
    one.shows("^ready$")

    os.kill(one.child("ingest"), signal.SIGKILL)
    tell("ingest dead", one.shows("ingest has ended"))
    one.shows("^ready$")
    for _ in range(2):
        os.kill(one.child("ingest"), signal.SIGKILL)
        one.shows("ended|again and again")
    tell("ingest ends again and again", one.shows("again and again"))
    assert one.get("/info")["ingest_state"] == "restarting"
    assert one.get("/info")["ingest_restarts"] >= 3
    begin = time.monotonic()
    while (metric(one, "riverwalk_ready"), metric(one, 'riverwalk_trouble{kind="restarting"}')) != (0, 1):
        assert time.monotonic() - begin < SOON_S
    assert one.get("/trending?k=3")["items"]
    assert one.end() == 0


def test_a_full_disk_shows_and_ends_when_there_is_room(tmp_path: Path, served: list[Served]) -> None:
    store = tmp_path / "state" / "store"
    store.mkdir(parents=True)
    memory = Memory(store, 60)
    try:
        one = Served(tmp_path / "state", *BUDGETS)
        served.append(one)
        one.shows("^ready$")
        publish(one, 100)
        one.settle(100)
        memory.fill()
        begin = time.monotonic()
        publish(one, 1_500)
        one.shows("the disk is full|No space left")
        tell("disk full", time.monotonic() - begin)
        assert one.get("/info")["troubles"].split()[0] == "disk"
        assert one.get("/trending?k=3")["items"]
        memory.empty()
        one.settle(1_600)
        assert one.end() == 0
    finally:
        for one in served:
            one.close()
        memory.close()


def test_full_shared_memory_shows_and_ends_when_there_is_room(tmp_path: Path, served: list[Served]) -> None:
    live = tmp_path / "live"
    live.mkdir()
    memory = Memory(live, 40)
    try:
        lanes = "--set", "learn.lane_events=2048", "--set", "learn.lane_samples=16"
        one = Served(tmp_path / "state", *BUDGETS, *lanes, "--set", f"state.live={live}")
        served.append(one)
        assert one.until(r"MiB free, the budgets may take [\d,]+ MiB: .* there is room for about")
        one.shows("^ready$")
        publish(one, 100)
        one.settle(100)
        memory.fill()
        begin = time.monotonic()
        publish(one, 3_000)
        one.shows(r"has \d+ KiB free, table .* needs .* more; make it larger")
        tell("shared memory full", time.monotonic() - begin)
        assert one.get("/info")["troubles"].split()[0] == "memory"
        assert one.get("/trending?k=3")["items"]
        memory.empty()
        memory.grow(400)
        one.settle(3_100)
        assert one.end() == 0
    finally:
        for one in served:
            one.close()
        memory.close()


def test_a_missing_broker_is_waited_for_and_a_clean_end_does_not_wait_for_it(
    tmp_path: Path, served: list[Served]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    one = Served(tmp_path / "state", *BUDGETS, "--kafka", address)
    served.append(one)
    one.until(rf"ingest: waiting for the topic, answers come from what is remembered: {address}")
    tell("no broker at the start", one.shows(f"waiting for the topic.*{address}"))
    told = one.get("/info")
    begin = time.monotonic()
    status = one.end()

    assert (told["ingest_state"], told["lag"], status) == ("waiting", -1, 0)
    assert time.monotonic() - begin < 15.0


@pytest.mark.kafka
def test_a_broker_that_comes_late_is_read_from(tmp_path: Path, served: list[Served]) -> None:
    from deploy import kafka

    folder = tmp_path / "kafka"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    one = Served(tmp_path / "state", *BUDGETS, "--kafka", f"127.0.0.1:{port}")
    served.append(one)
    one.shows("waiting for the topic")
    kafka.start(folder, port)
    try:
        one.shows("^ready$")
        publish(one, 10)
        one.shows("^ready$")
        assert one.end() == 0
    finally:
        kafka.stop(folder)


@pytest.mark.parametrize("moment", ["ingest: ready|compiling", "state .*", "http://"])
def test_a_clean_end_at_any_moment_of_the_start_is_a_clean_end(
    tmp_path: Path, served: list[Served], moment: str
) -> None:
    one = Served(tmp_path / "state", *BUDGETS)
    served.append(one)
    one.until(moment)

    assert one.end() == 0, one.lines


def test_all_that_is_stored_is_its_owners_alone(tmp_path: Path, served: list[Served]) -> None:
    before = os.umask(0o022)
    try:
        one = Served(tmp_path / "state", *BUDGETS, "--set", "learn.save_seconds=0.2")
        served.append(one)
    finally:
        os.umask(before)
    one.shows("^ready$")
    for turn in range(3):
        publish(one, 1_000, f"user {turn}")
        one.settle(1_000 * (turn + 1))
    assert one.end() == 0
    modes = {
        path: stat.S_IMODE(path.stat().st_mode)
        for path in [tmp_path / "state", *(tmp_path / "state").rglob("*")]
    }
    others = {
        str(path): oct(mode) for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)
    }

    assert len(modes) > 8
    assert others == {}
