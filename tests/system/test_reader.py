"""Two readers of one instance, real ones: whichever is asked, the answer is the instance's."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.fixture.service.served import WAIT_S, Served

USERS = 30


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    it = Served(tmp_path / "state", "--set", "serve.readers=2")
    yield it
    it.close()


def each_reader(served: Served) -> list[Any]:
    """A connection to each of the two."""
    port = int(served.until(r"-p (\d+)")[1])
    found: dict[int, Any] = {}
    while len(found) < 2:
        one = redis.Redis(port=port, decode_responses=True, single_connection_client=True)
        found.setdefault(int(one.info("readers")["reader"]), one)
    return [found[1], found[2]]


def wait_for(client: Any, readers: int) -> None:
    """Wait until so many take clients."""
    end = time.monotonic() + WAIT_S
    while client.info("readers")["readers_up"] != readers:
        assert time.monotonic() < end


@pytest.mark.slow
def test_what_one_reader_takes_the_other_answers_with(served: Served) -> None:
    one, other = each_reader(served)
    place = ""
    for k in range(USERS):
        for item in ("lamp", "vase"):
            place = one.execute_command("EVENT", f"user {k}", item, "view")

    found = other.execute_command("RECOMMEND", "ann", 5, "AFTER", place, "TIMEOUT", 20_000)
    assert set(found) == {"lamp", "vase"}

    one.execute_command("HIDE", "lamp")
    assert other.execute_command("RECOMMEND", "ann", 5) == ["vase"]

    assert other.execute_command("FORGET", "user 3")["found"] == 1
    assert served.get("/info")["users"] == USERS - 1

    infos = [client.info() for client in (one, other)]
    assert [info["readers"] for info in infos] == [2, 2]
    assert infos[0]["connected_clients"] == infos[1]["connected_clients"] >= 2
    page = served.get("/metrics")
    assert all(f'riverwalk_reader_clients{{reader="{number}"}}' in page for number in (1, 2))


@pytest.mark.slow
def test_a_killed_reader_comes_back_while_the_other_answers(served: Served) -> None:
    one, other = each_reader(served)
    os.kill(served.child("serve"), signal.SIGKILL)

    wait_for(other, 1)
    served.until(r"serve ended .*1 more answers meanwhile")
    assert one.ping()  # it connects again, to the one that is left
    wait_for(other, 2)
    assert served.get("/health/ready")["ready"] is True
    assert served.end() == 0
