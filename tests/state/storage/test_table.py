"""Tables in shared memory: one writes, others read."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from state.error import BadStore
from state.storage.ids import Ids
from state.storage.table import Table

READ = "from state.storage.table import Table; from pathlib import Path; import numpy as np, sys\nt = Table('x', np.dtype('i8'), capacity=8, path=Path(sys.argv[1]), write=False)\n"


def reader(path: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", READ + code, str(path)], capture_output=True, text=True, check=False
    )


def test_a_reader_in_another_process_sees_what_is_written(tmp_path: Path) -> None:
    table = Table("x", np.dtype("i8"), capacity=8, path=tmp_path / "x")
    table.array[5] = 42
    table.publish(6)

    assert reader(tmp_path / "x", "print(t.rows, t.array[5])").stdout == "6 42\n"


def test_warming_fills_no_holes(tmp_path: Path) -> None:
    folder = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path
    path = folder / f"riverwalk-warm-{os.getpid()}"
    try:
        table = Table("x", np.dtype("i8"), capacity=1_000_000, path=path)
        table.array[[5, 900_000]] = 42
        held = path.stat().st_blocks
        other = Table("x", np.dtype("i8"), capacity=1_000_000, path=path, write=False)
        other.warm()
        shown = (other.array[5], other.array[900_000])
        after = path.stat().st_blocks
    finally:
        path.unlink()
    Table("x", np.dtype("i8"), capacity=8).warm()

    assert shown == (42, 42)
    assert held == after < 1_000_000 * 8 // 512


def test_a_write_from_a_reader_ends_it(tmp_path: Path) -> None:
    table = Table("x", np.dtype("i8"), capacity=8, path=tmp_path / "x")
    done = reader(tmp_path / "x", "t.array[0] = 1")

    assert done.returncode == -signal.SIGSEGV
    assert table.array[0] == 0


def test_a_large_ceiling_takes_no_memory(tmp_path: Path) -> None:
    table = Table("x", np.dtype("i8"), capacity=100_000_000, path=tmp_path / "x")
    table.array[99_999_999] = 1

    assert os.stat(tmp_path / "x").st_blocks * 512 < 100_000


def test_changed_rows_are_known_once_each() -> None:
    table = Table("x", np.dtype("i8"), capacity=8)
    table.touch(np.array([3, 1, 3]))
    table.touch(np.array([1]))

    assert sorted(table.dirty.tolist()) == [1, 3]
    table.clean()
    assert table.dirty.tolist() == []


def test_another_row_width_is_refused(tmp_path: Path) -> None:
    Table("x", np.dtype("i8"), capacity=8, path=tmp_path / "x")

    with pytest.raises(BadStore, match="rows of 8 bytes, this program reads 4"):
        Table("x", np.dtype("i4"), capacity=8, path=tmp_path / "x", write=False)


def test_names_get_rows_in_order_and_readers_catch_up(tmp_path: Path) -> None:
    names = Ids("user", capacity=3, folder=tmp_path)
    assert names.rows(["b", "a", "b"]).tolist() == [0, 1, 0]
    other = Ids("user", capacity=3, folder=tmp_path, write=False)
    assert (other.catch_up(), other.text) == (2, ["b", "a"])
    names.add("ж")
    assert (other.catch_up(), other.row["ж"]) == (1, 2)

    with pytest.raises(BadStore, match=r"raise state\.max_users"):
        names.add("one too many")
