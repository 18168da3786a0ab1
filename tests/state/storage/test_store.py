"""The store: what is saved is what is loaded, and what is broken is named."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from state.error import BadStore
from state.storage.ids import Ids
from state.storage.ledger import seal
from state.storage.store import Store
from state.storage.table import Table

PAIR = np.dtype([("a", "i8"), ("b", "f4", (3,))], align=True)


def table(capacity: int = 50) -> Table:
    return Table("pair", PAIR, capacity=capacity)


def test_rows_names_and_offsets_come_back(tmp_path: Path) -> None:
    first, names = table(), Ids("user", capacity=10)
    names.rows(["ann", "bob", "čeněk"])
    first.array["a"][[3, 7]] = [30, 70]
    first.touch(np.array([3, 7]))
    store = Store(tmp_path)
    written = store.save([first], {names: 0}, "events", {0: 11, 5: 2**40})
    store.close()

    again, known = table(), Ids("user", capacity=10)
    store = Store(tmp_path)
    store.load([again], [known])
    assert written == 2
    assert again.bytes.tobytes() == first.bytes.tobytes()
    assert known.text == ["ann", "bob", "čeněk"]
    assert store.offsets("events") == {0: 11, 5: 2**40}
    assert store.offsets("other") == {}
    assert first.dirty.shape[0] == 0
    store.close()


def test_a_corrupt_row_is_named(tmp_path: Path) -> None:
    first = table()
    first.array["a"][3] = 1
    first.touch(np.array([3]))
    store = Store(tmp_path)
    store.save([first], {}, "events", {0: 1})
    key = b"pair\0block" + bytes(8)
    value = bytearray(store.base.db[key])
    value[9] ^= 1
    store.base.db[key] = bytes(value)

    with pytest.raises(BadStore, match=r"pair.*corrupt.*restore a backup or replay"):
        store.load([table()], [])
    store.close()


def test_another_format_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.base.db[b"meta\0format"] = seal(b"99")
    store.close()

    with pytest.raises(BadStore, match="format 99, this program reads 4"):
        Store(tmp_path)


def test_rows_of_another_width_are_refused(tmp_path: Path) -> None:
    first = table()
    first.array["a"][1] = 1
    first.touch(np.array([1]))
    store = Store(tmp_path)
    store.save([first], {}, "events", {})

    with pytest.raises(BadStore, match="pair row 1 has"):
        store.load([Table("pair", np.dtype("i8"), capacity=9)], [])
    store.close()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    code = f"from state.storage.store import Store\nfrom pathlib import Path\nStore(Path({str(tmp_path)!r}))"
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert second.returncode != 0
    assert "is another riverwalk using it?" in second.stderr
    store.close()


def test_pickles_in_the_folder_are_never_opened(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.base.db[b"pair\0block" + bytes(8)] = b"\x80\x04\x95"

    with pytest.raises(BadStore, match="corrupt"):
        store.load([table()], [])
    store.close()


@settings(max_examples=25, deadline=None)
@given(
    some.lists(some.lists(some.tuples(some.integers(0, 49), some.integers(-9, 9)), max_size=8), max_size=5)
)
def test_a_table_is_a_dict_that_survives(
    tmp_path_factory: pytest.TempPathFactory, saves: list[list[tuple[int, int]]]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store, first, plain = Store(folder), table(), dict.fromkeys(range(50), 0)
    for turn, writes in enumerate(saves):
        for row, value in writes:
            first.array["a"][row] = plain[row] = value
            first.touch(np.array([row]))
        store.save([first], {}, "events", {0: turn})
    store.close()

    again = table()
    store = Store(folder)
    store.load([again], [])
    store.close()
    assert dict(enumerate(again.array["a"].tolist())) == plain


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk can be mounted by root only")
def test_a_full_disk_leaves_the_last_save_whole_and_the_next_one_possible(tmp_path: Path) -> None:
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)], check=False
    ).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        first = Table("wide", np.dtype("u1"), (4096,), capacity=4_000)
        store = Store(tmp_path / "store")
        saved, failure = 0, ""
        while not failure:
            rows = np.arange(saved, saved + 200)
            first.array[rows] = 7
            first.touch(rows)
            try:
                store.save([first], {}, "events", {0: saved + 200})
                saved += 200
            except BadStore as exc:
                failure = str(exc)
        assert "free some disk space" in failure
        assert first.dirty.shape[0] == 200
        subprocess.run(["mount", "-o", "remount,size=64m", str(tmp_path)], check=True)
        store.reopen()
        assert store.offsets("events") == {0: saved}
        store.save([first], {}, "events", {0: saved + 200})
        again = Table("wide", np.dtype("u1"), (4096,), capacity=4_000)
        store.load([again], [])
        store.close()

        assert int(again.array[:, 0].sum()) == 7 * (saved + 200)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=False)


def test_a_name_that_is_removed_leaves_every_file_also_those_of_rocksdbs_log(tmp_path: Path) -> None:
    store, names = Store(tmp_path), Ids("user", capacity=10)
    store.put({b"meta\0large": b"1" * 300_000})  # what comes later does not write over it
    names.rows(["ann", "bob, who leaves"])
    store.save([], {names: 0}, "events", {0: 1})
    assert b"bob" in files(tmp_path)

    names.remove(1)
    store.save([], {names: 2}, "events", {0: 2})
    store.scrub([b"user.id\0"])

    assert b"bob" not in files(tmp_path)
    assert b"ann" in files(tmp_path)
    store.close()


def files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
