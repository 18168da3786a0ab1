"""The saver writes while the other thread rests, and does not wait for that for ever."""

import threading
from pathlib import Path

import numpy as np
import pytest

from state.storage import group, saver
from state.storage.database import MEMTABLE, TABLE, Database
from state.storage.saver import Saver
from state.storage.store import Store
from state.storage.table import Table


def table() -> Table:
    return Table("count", np.dtype("i8"), capacity=50)


@pytest.mark.parametrize("rests", [True, False])
def test_blocks_are_written_once_the_other_thread_rests_or_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rests: bool
) -> None:
    monkeypatch.setattr(saver, "HELD_S", 3_600 if rests else 0.01)
    counts, rest = table(), threading.Event()
    counts.array[:] = np.arange(50)
    counts.touch(np.arange(50))
    store = Store(tmp_path)
    it = Saver(store, rest)
    it.begin(store.snapshot([counts], {}, {"events": {0: 7}}))
    if rests:
        assert it.end(0.1) is None
        assert it.busy
        assert store.offsets("events") == {}
        rest.set()
    written = it.end(30)
    it.close()
    store.close()

    again, store = table(), Store(tmp_path)
    store.load([again], [])
    assert written is not None
    assert written.failure is None
    assert again.array.tolist() == list(range(50))
    assert store.offsets("events") == {0: 7}
    store.close()


@pytest.mark.parametrize("wait", [True, False])
def test_the_disk_is_waited_for_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait: bool
) -> None:
    rows = Table("wide", np.dtype("i8"), (1_024,), capacity=500)
    rows.array[:] = 1 + np.arange(500)[:, None]
    rows.touch(np.arange(500))
    size, left = rows.bytes.shape[0] * rows.row_bytes, list[int]()
    store = Store(tmp_path)
    wait_for_disk, before = Database.sync, log_bytes(tmp_path)

    def sync(self: Database) -> None:
        nonlocal before
        now = log_bytes(tmp_path)
        left.append(now - before)
        before = now
        wait_for_disk(self)

    monkeypatch.setattr(Database, "sync", sync)
    store.write(store.snapshot([rows], {}, {"events": {0: 7}}), wait=wait)
    monkeypatch.undo()
    store.close()

    if wait:
        assert sum(left) >= size
        assert len(left) > 4
        assert max(left) <= group.AWAITED + 2 * group.PIECE + 10_000
    else:
        assert left == []


def log_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.log"))


def test_files_of_the_store_stay_small(tmp_path: Path) -> None:
    store, chance = Store(tmp_path), np.random.default_rng(0)
    rows = Table("wide", np.dtype("u1"), (8_192,), capacity=2_000)
    for _ in range(2):
        rows.array[:] = chance.integers(1, 255, rows.array.shape, np.uint8)
        rows.touch(np.arange(2_000))
        store.save([rows], {}, "events", {0: 7})
    store.base.compact([b""], whole=True)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    store.close()

    assert max(size for name, size in sizes.items() if name.endswith(".log")) < 2 * MEMTABLE
    assert max(size for name, size in sizes.items() if name.endswith(".sst")) < MEMTABLE + TABLE
