"""Learned rows have a shape: another one is refused by name, and the same one is taken over by the service."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deploy.config.room import graph_settings, limits, tgn_settings
from deploy.config.schema import BadConfig
from deploy.train.training import Training
from state.error import BadStore
from state.record.setting import GraphSettings
from state.storage.block import Rows, encode
from state.storage.ledger import seal
from state.storage.store import Store
from stream.generation.generation import Generation, Limits
from stream.ingest.writer import Writer
from stream.learning.learning import Learning
from stream.learning.store import open_learned, save
from tests.fixture.pair import batch
from tests.fixture.trained import LINES, MADE, N, config, rows, train, write
from tgn.inference.layout import TgnSettings


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("log") / "events.csv", LINES[:N])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, log: Path) -> Path:
    """A folder that has learned the whole log; tests copy it."""
    folder = tmp_path_factory.mktemp("whole") / "state"
    train(folder, log)
    return folder


@pytest.fixture
def trained(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "trained"))


def put(folder: Path, key: bytes, value: bytes) -> None:
    store = Store(folder / "learned")
    store.base.db[key] = value
    store.close()


def meanings(folder: Path, change: Callable[[dict[str, str]], object]) -> None:
    """Let the store have been written by a program of other shapes."""
    store = Store(folder / "learned")
    found = store.meta("learned")
    assert isinstance(found, dict)
    change(found)
    store.note("learned", found)
    store.close()


ROW = b"item_vector\0block" + bytes(8)
SHORT = encode(Rows(np.array([3], np.int32), np.ones((1, 5), np.uint8)))
BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "other width": (
        lambda folder: meanings(folder, lambda m: m.update(item_vector="version 1 float32 [32]")),
        r"learned table item_vector holds version 1 float32 \[32\], this program reads version 1 float32 \[48\]",
    ),
    "other features": (
        lambda folder: meanings(
            folder, lambda m: m.update(ranker=m["ranker"].replace("features named ", "features named 0"))
        ),
        r"learned table ranker holds version 1 .* features named 0\w+, .*, this program reads version 1 .* features named \w+",
    ),
    "older version": (
        lambda folder: meanings(folder, lambda m: m.update(net=m["net"].replace("version 1", "version 0"))),
        "learned table net holds version 0 .* this program reads version 1",
    ),
    "no shape recorded": (
        lambda folder: meanings(folder, lambda m: m.clear()),
        "item_vector holds rows of no recorded shape, this program reads",
    ),
    "truncated row": (
        lambda folder: put(folder, ROW, seal(SHORT)),
        "item_vector row 3 has 5 bytes, this program reads 192",
    ),
    "corrupt row": (lambda folder: put(folder, ROW, b"\0" * 196), "item_vector.*is corrupt"),
}


def refusal(folder: Path, log: Path) -> str:
    """What training says where it cannot; the error goes, since it would keep the store open."""
    try:
        train(folder, log)
    except BadStore as exc:
        return str(exc)
    return ""


@pytest.mark.parametrize("kind", BROKEN)
def test_learned_rows_of_another_shape_are_refused_and_can_be_dropped(
    trained: Path, log: Path, kind: str
) -> None:
    spoil, message = BROKEN[kind]
    state = rows(trained, False)
    spoil(trained)
    told = refusal(trained, log)
    assert re.search(message, told)
    assert "`riverwalk train --fresh-weights`, which keeps the state" in told

    with Training(config(trained)) as training:
        training.forget()
        assert training.events == N
    left = {key.split(b"\0")[0] for key in rows(trained) if key.startswith(b"learned ")}
    assert left - {b"learned digest"} == {b"learned meta"}
    assert rows(trained, False) == state
    assert train(trained, log).begin == N


def test_what_was_dropped_is_learned_anew_from_later_events(trained: Path, tmp_path: Path) -> None:
    report = train(trained, write(tmp_path / "events.csv", LINES[: N + 40]), fresh_weights=True)
    learned = sum(key.startswith(b"learned item_output\0") for key in rows(trained))

    assert (report.begin, report.learned) == (N, 40)
    assert learned == len(set(MADE.item[N : N + 40]))


def test_the_service_refuses_weights_of_another_size_by_name(tmp_path: Path) -> None:
    limit = Limits(max_users=500, max_items=300)
    small = Generation(GraphSettings(), TgnSettings(dim=32), limit)
    store = Store(tmp_path)
    learning = Learning(small)
    writer = Writer(small, store=store)
    writer.learn(batch([("ann", f"i{k}", k) for k in range(200)]), learning.take)
    store.save_slowly(small.learned.values(), "events", {0: 200})
    store.close()

    store = Store(tmp_path)
    now = Generation(GraphSettings(), TgnSettings(), limit)
    with pytest.raises(
        BadStore, match=r"item_vector holds version 1 float32 \[32\], this program reads .* \[48\]"
    ):
        store.load([*now.world.tables, *now.learned.values()], [now.users, now.items])
    store.close()


def test_another_format_of_the_whole_store_is_refused(trained: Path, log: Path) -> None:
    put(trained, b"meta\0format", seal(b"0"))

    with pytest.raises(BadStore, match="format 0, this program reads 4"):
        train(trained, log)


def test_fresh_weights_are_not_dropped_when_the_log_is_refused(trained: Path, tmp_path: Path) -> None:
    before = rows(trained)
    with pytest.raises(BadConfig, match="another log"):
        train(trained, write(tmp_path / "other.csv", LINES[N:]), fresh_weights=True)

    assert rows(trained) == before


def test_an_engine_of_the_service_goes_on_from_what_was_trained(trained: Path) -> None:
    made = config(trained)
    store = Store(trained / "store")
    generation = Generation(graph_settings(made), tgn_settings(made), limits(made))
    learned = generation.learned
    store.load(generation.world.tables, [generation.users, generation.items])
    other = open_learned(trained / "learned", generation.taught)
    learning = Learning(generation)
    writer = Writer(generation, store=store, topic="a topic")
    steps, vectors = learning.ranker.steps, learned["item_vector"].array.copy()
    writer.learn(
        batch([(u, i, t) for u, i, t in zip(MADE.user[N:], MADE.item[N:], MADE.t[N:], strict=True)][:256]),
        learning.take,
    )
    writer.save()
    save(other, generation.taught, "a topic", {0: 256})
    other.close()

    assert steps > 0
    assert vectors[1:50].any(1).all()
    assert learning.ranker.steps > steps
    assert not np.array_equal(learned["item_vector"].array, vectors)
    assert int(writer.state.world[0]["events"]) == N + 256
    assert store.offsets("a topic") == {0: 256}
    store.close()


def ask(port: int, *words: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(" ".join(words).encode() + b"\r\n")
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(65_536), b"")).decode()


def test_the_service_itself_takes_over_what_was_trained(trained: Path, tmp_path: Path, log: Path) -> None:
    words = ["serve", "--state", str(trained), "--topic", "shop", "--port", "0", "--http-port", "0"]
    small = [
        "--set",
        f"state.live={tmp_path}",
        "--set",
        "state.max_users=500",
        "--set",
        "state.max_items=300",
    ]
    command = [sys.executable, "-P", "-m", "deploy.main", *words, *small]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("ready: "):
                break
        port = int(said[-1].split("-p ")[1].split()[0])
        info = ask(port, "INFO")
        items = ask(port, "RECOMMEND", MADE.user[0], "5")
        process.terminate()
        process.stdout.read()
    with Training(config(trained)) as training:
        known, begin = training.place(log)

    assert process.returncode == 0
    assert f"{N:,} events remembered" in "".join(said)
    assert f"applied_events:{N}" in info
    assert items.count("$") == 5
    assert (known.name, begin) == ("events.csv", N)
