"""Rows for which memory is reserved can be written whatever becomes of the file system; for others there is an error."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from state.error import NoMemory
from state.storage.ids import Ids
from state.storage.store import Store
from state.storage.table import Table
from tests.fixture.service.tmpfs import Memory, small

__all__ = ["small"]

WRITER = """
import os, sys
from pathlib import Path
import numpy as np
from state.storage.table import Table
path = Path(sys.argv[1])
table = Table("user", np.dtype("i8"), (128,), capacity=1_000_000, path=path)
exec(sys.argv[2])
full = os.open(path.parent / "full", os.O_RDWR | os.O_CREAT)
room = os.statvfs(path.parent)
os.posix_fallocate(full, 0, room.f_bavail * room.f_frsize)
table.array[rows] = 7
print(int(table.array[rows].sum()))
"""


def written(small: Memory, reserve: str) -> subprocess.CompletedProcess[str]:
    """Reserve in a process of its own, fill the file system, and write 1 000 rows."""
    command = [sys.executable, "-c", WRITER, str(small.folder / "user.table"), reserve]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "reserve",
    [
        "rows = np.arange(1_000); table.reserve(1_000)",
        "rows = np.arange(1_000); table.hold(rows)",
        "rows = 1_000 * np.arange(300); table.hold(rows)",
    ],
)
def test_reserved_rows_are_written_where_the_file_system_is_full(small: Memory, reserve: str) -> None:
    done = written(small, reserve)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) % (7 * 128) == 0
    assert int(done.stdout) >= 7 * 128 * 300


def test_a_write_to_other_rows_ends_the_process(small: Memory) -> None:
    assert written(small, "rows = np.arange(1_000)").returncode == -signal.SIGBUS


def test_rows_without_memory_are_refused_with_what_is_free_and_what_to_do(small: Memory) -> None:
    table = Table("user", np.dtype("i8"), (128,), capacity=1_000_000, path=small.folder / "user.table")

    with pytest.raises(
        NoMemory,
        match=r"has 4,\d{3} KiB free, table user needs 9,\d{3} KiB more; make it larger.*state\.live",
    ):
        table.reserve(10_000)
    table.reserve(2_000)
    table.array[1_999] = 1


def test_what_is_reserved_ahead_gives_way_where_memory_is_short(small: Memory) -> None:
    table = Table("user", np.dtype("i8"), (128,), capacity=1_000_000, path=small.folder / "user.table")
    small.fill(leave=64 << 10)
    table.reserve(80)

    assert table.held == 4096 + 80 * 1024


def test_a_name_for_which_there_is_no_memory_changes_nothing(small: Memory) -> None:
    ids = Ids("user", capacity=1_000_000, folder=small.folder)
    small.fill()
    names = [f"{k:0500}" for k in range(100)]
    with pytest.raises(NoMemory, match=r"table user\.name"):
        ids.rows(names)
    known = len(ids)
    small.empty()

    assert ids.rows(names).tolist() == list(range(100))
    assert 0 < known < 100


def test_loading_more_than_there_is_memory_for_is_an_error(small: Memory, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    saved = Table("user", np.dtype("i8"), (128,), capacity=9_000)
    saved.array[:] = 7
    saved.touch(np.arange(9_000))
    store.save([saved], {}, "events", {})
    table = Table("user", np.dtype("i8"), (128,), capacity=1_000_000, path=small.folder / "user.table")

    with pytest.raises(NoMemory, match="table user needs"):
        store.load([table], [])
    store.close()


def test_a_sparse_table_takes_memory_for_its_rows_alone(tmp_path: Path) -> None:
    table = Table("metadata", np.dtype("u1"), (1024,), capacity=1_000_000, path=tmp_path / "x.table")
    before = (tmp_path / "x.table").stat().st_blocks
    table.hold(np.array([5_000, 500_000, 500_001, 999_999]))

    assert ((tmp_path / "x.table").stat().st_blocks - before) * 512 <= 4 * 8192
