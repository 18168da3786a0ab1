"""A killed and restarted writer ends in the same bytes as one that was never killed."""

import os
import random
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.data.synthetic import columns
from state.storage.store import Store

WRITER = """
import random, sys, threading, time, zlib
from pathlib import Path
from state.record.setting import GraphSettings
from state.storage.store import Store
from stream.dead_letter.erasure import Erased
from stream.ingest.writer import Writer
from stream.generation.generation import Generation, Limits
from stream.ingest.ingest import Ingest, IngestSettings
from tests.fixture.source import FileSource
from tgn.inference.layout import TgnSettings

class Letters:
    def put(self, record, reason, message): pass
    def flush(self): pass
    def erase(self, users): return Erased({}, "")

class Slow(FileSource):
    def poll(self, limit, wait_s):
        found = super().poll(limit, wait_s)
        print(len(found), flush=True)
        self.over = not found
        return found

class Spread:
    # The records of a file on four partitions, by user; a poll reads of one of them, as chance has it.

    def __init__(self, path, offsets):
        self.logs = [[], [], [], []]
        for record in FileSource(path).poll(10**9):
            log = self.logs[zlib.crc32(record.payload.split(b'"')[3]) % 4]
            log.append(record._replace(partition=zlib.crc32(record.payload.split(b'"')[3]) % 4, offset=len(log)))
        self.next, self.idle = [offsets.get(p, 0) for p in range(4)], 0

    def poll(self, limit, wait_s):
        open_ = [p for p in range(4) if self.next[p] < len(self.logs[p])]
        found = []
        if open_:
            p = random.choice(open_)
            found = self.logs[p][self.next[p] :][: random.randint(1, limit)]
            self.next[p] += len(found)
        print(len(found), flush=True)
        self.idle = 0 if open_ else self.idle + 1
        self.over = self.idle > 100  # what was read and waits for other partitions is taken by then
        return found

    def waiting(self):
        return {p: len(self.logs[p]) - self.next[p] for p in range(4)}

    def only(self, partitions): pass
    def commit(self, ends): pass
    def trouble(self): return ""
    def held(self): return ""
    def lag(self): return sum(self.waiting().values())

path, folder, limit, learn = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), "learn" in sys.argv[4]
limits = Limits(max_users=150, max_items=100) if "tight" in sys.argv[4] else Limits(max_users=600, max_items=300)
generation = Generation(GraphSettings(), TgnSettings(), limits)
store = Store(folder)
store.load(generation.world.tables, [generation.users, generation.items])
source = (Spread if "spread" in sys.argv[4] else Slow)(path, store.offsets("events"))
source.over = False
writer = Writer(generation, store=store, samples=64)
teach = None
if learn:
    from stream.learning.learning import Learning
    teach = Learning(generation).take
Ingest(writer, teach, source, Letters(), clock=lambda: int(time.time() * 1000), settings=IngestSettings(limit=limit, wait_s=0, save_seconds=0.2, save_ms=10)).run(
    lambda: source.over
)
store.close()
"""


def run(log: Path, folder: Path, limit: int, how: str, kill_after: int | None) -> bool:
    """Run a writer to its end, or kill it after some reads; return whether it came to its end."""
    command = [
        sys.executable,
        "-c",
        WRITER,
        str(log),
        str(folder),
        str(limit),
        how,
    ]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for reads, _ in enumerate(process.stdout, 1):
            if reads == kill_after:
                select.select([], [], [], random.random() * 0.02)
                process.send_signal(signal.SIGKILL)
        errors = process.stderr.read().decode()
    assert process.returncode in (0, -signal.SIGKILL), errors
    return process.returncode == 0


def rows(folder: Path) -> dict[bytes, bytes]:
    """Return what is counted in a store."""
    store = Store(folder)
    names = (
        b"user",
        b"item",
        b"edge",
        b"seen",
        b"board",
        b"world",
        b"once",
        b"user.id",
        b"item.id",
        b"offset",
    )
    found = dict(store.rows())
    store.close()
    return {key: value for key, value in found.items() if key.split(b"\0")[0] in names}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    made = columns(6_000, 400, 200, seed=3)
    path = tmp_path / "events.csv"
    lines = [f"{u},{i},{t}" for u, i, t in zip(made.user, made.item, made.t.tolist(), strict=True)]
    path.write_text("user,item,t\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", ["frozen", "learn", "tight and learn", "frozen and spread", "tight and spread"]
)
def test_a_killed_writer_ends_in_the_same_bytes(tmp_path: Path, log: Path, how: str) -> None:
    """Tight: with room for a part of the items and users only, so that rows are let go all the time.  Spread: on four partitions."""
    assert run(log, tmp_path / "whole", 500, how, None)

    random.seed(5)
    for limit, kills in ((170, 9), (333, 5)):
        assert not run(log, tmp_path / "killed", limit, how, kills)
    assert run(log, tmp_path / "killed", 211, how, None)

    whole, killed = (rows(tmp_path / name) for name in ("whole", "killed"))
    assert len(whole) > (300 if "tight" in how else 600)
    assert whole.keys() == killed.keys()
    assert [key for key in whole if whole[key] != killed[key]] == []
