"""The start of an instance: it answers at once and says how far it is, and what was compiled ahead is compiled no more."""

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import redis

from deploy.service.port import claim
from tests.fixture.service.served import Served, served

__all__ = ["served"]

SOON_S = 3.0
BUSY_S = 6.0  # more, where other programs have the cores
BUDGETS = ("--set", "state.max_users=200000", "--set", "state.max_items=20000")


def first_answer_s(port: int) -> float:
    """How long it takes until HTTP answers."""
    begin = time.monotonic()
    while time.monotonic() - begin < 60:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=5):
                return time.monotonic() - begin
        except urllib.error.URLError:
            time.sleep(0.02)
    raise AssertionError("no answer")


def asked(client: redis.Redis, *words: str) -> str:
    """The reply, or the error as it came."""
    try:
        return str(client.execute_command(*words))
    except redis.BusyLoadingError as error:
        return f"LOADING {error}"


@pytest.mark.slow
def test_a_first_start_answers_at_once_and_says_how_far_it_is(
    tmp_path: Path, served: list[Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    port, http = (claim("127.0.0.1", 0, "serve.port", "--port") for _ in range(2))
    one = Served(tmp_path / "state", *BUDGETS, "--port", str(port), "--http-port", str(http))
    served.append(one)
    seconds = first_answer_s(http)
    print(f"the first answer after {seconds:.1f} s")
    with redis.Redis(port=port, decode_responses=True) as client:
        assert client.ping()
        assert re.search(r"LOADING .*ask again", asked(client, "RECOMMEND", "ann", "5"))
        assert client.execute_command("EVENT", "ann", "cup", "view") == "0:0"
        one.until(r"compiling \d+ of \d+ kernels, for \d+ s")
        told = str(client.execute_command("INFO"))
        one.until(r"http://127\.0\.0\.1")
        one.settle(1)

        assert re.search(r"'ready_reason': 'compiling \d+ of \d+ kernels'", told)
        assert asked(client, "TRENDING", "3") == "['cup']"
        while asked(client, "SIMILAR", "cup", "3").startswith("LOADING"):
            time.sleep(0.2)
    assert one.end() == 0
    assert seconds < BUSY_S


@pytest.mark.slow
def test_an_ordinary_run_compiles_nothing_that_was_compiled_ahead(
    tmp_path: Path, served: list[Served]
) -> None:
    warm = [sys.executable, "-P", "-m", "deploy.main", "warm"]
    subprocess.run(warm, check=True, capture_output=True)
    again = subprocess.run(warm, check=True, capture_output=True, text=True)
    one = Served(tmp_path / "state", *BUDGETS)
    served.append(one)
    with one.client as client:
        for turn in range(3):
            pipe = client.pipeline(transaction=False)
            for k in range(400):
                kind = ("view", "purchase", "dislike", "impression")[max(0, k % 20 - 16)]
                pipe.execute_command(
                    "EVENT", f"user {k % 9}", f"item {(k * turn) % 40}", kind, "ID", f"{turn} {k}"
                )
            pipe.execute()
        one.settle(1_200)
        for words in (
            "RECOMMEND~user 1~5~WITHREASONS",
            "RECOMMEND~nobody~5",
            "TRENDING~3",
            "SIMILAR~item 0~3",
            "RANK~user 1~item 0~item 1",
            "EXPLAIN~user 1~item 0",
            "FORGET~user 2",
        ):
            client.execute_command(*words.split("~"))
        begin = time.monotonic()
        while not one.get("/info")["learned_events"]:
            assert time.monotonic() - begin < 60
            time.sleep(0.1)
    status = one.end()

    assert "kernels are compiled" in again.stdout
    assert status == 0
    assert not [line for line in one.lines if re.search("compil(ed|ing) ", line)]
