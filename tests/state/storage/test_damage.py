"""A damaged store is refused by name, or opens as exactly an earlier save with its offsets: never as anything else."""

import hashlib
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from state.error import BadStore
from state.storage.database import UNNAMED
from state.storage.ids import Ids
from state.storage.store import Store
from state.storage.table import Table

ROW = np.dtype([("a", "i8"), ("b", "f4", (30,))], align=True)
SAVES, ROWS = 12, 3_000
CUTS = 24  # regions of each file that are damaged, each in two ways


def fresh() -> tuple[Table, Ids]:
    return Table("pair", ROW, capacity=ROWS), Ids("user", capacity=ROWS)


def digest(table: Table, names: Ids, offsets: dict[int, int]) -> str:
    found = hashlib.sha256(table.bytes.tobytes())
    found.update(repr((names.text, sorted(offsets.items()))).encode())
    return found.hexdigest()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """A store after several saves, some flushed to files and some in the log alone; what it held after each."""
    folder = tmp_path_factory.mktemp("saved") / "open"
    chance = np.random.default_rng(5)
    store, (table, names) = Store(folder), fresh()
    known = {digest(*fresh(), {})}
    for turn in range(SAVES):
        rows = np.unique(chance.integers(0, ROWS, 700))
        table.array["a"][rows] = chance.integers(1, 10**9, rows.shape[0])
        table.array["b"][rows] = chance.random((rows.shape[0], 30))
        table.touch(rows)
        before = len(names)
        names.rows([f"user {turn} {k}" for k in range(40)])
        store.save([table], {names: before}, "events", {0: 100 * (turn + 1), 1: turn})
        known.add(digest(table, names, {0: 100 * (turn + 1), 1: turn}))
        if turn % 4 == 3 and turn < SAVES - 1:
            store.base.db.flush()
    image = folder.with_name("store")  # as a crash leaves it: the last saves are in the log alone
    shutil.copytree(folder, image)
    store.close()
    assert any(path.stat().st_size for path in image.glob("*.log"))
    return image, known


def regions(path: Path, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    whole = path.read_bytes()
    for at in sorted(
        {0, max(0, len(whole) - 1), *(chance.randrange(max(1, len(whole))) for _ in range(CUTS))}
    ):
        if at < len(whole):
            yield f"byte {at} flipped", whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :]
        yield f"cut at {at}", whole[:at]


def opened(folder: Path) -> str:
    """What a store holds, or the message it is refused with."""
    try:
        store = Store(folder)
    except BadStore as exc:
        return f"refused: {exc}"
    try:
        table, names = fresh()
        store.load([table], [names])
        return digest(table, names, store.offsets("events"))
    except BadStore as exc:
        return f"refused: {exc}"
    finally:
        store.close()


def test_every_damage_is_refused_by_name_or_leaves_an_earlier_save(
    saved: tuple[Path, set[str]], tmp_path: Path
) -> None:
    source, known = saved
    chance, wrong, refused = random.Random(3), [], 0
    paths = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
    assert {"CURRENT", "riverwalk.json"} <= {path.name for path in paths}
    assert {".sst", ".log"} <= {path.suffix for path in paths}
    for path in paths:
        for how, damaged in [*regions(source / path, chance), ("removed", None)]:
            folder = tmp_path / "store"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(source, folder)
            if damaged is None:
                (folder / path).unlink()
            else:
                (folder / path).write_bytes(damaged)
            found = opened(folder)
            refused += found.startswith("refused")
            if found.startswith("refused"):
                if str(folder) not in found or (
                    "restore a backup" not in found and "another riverwalk" not in found
                ):
                    wrong.append((str(path), how, found))
            elif found not in known:
                wrong.append((str(path), how, "another state"))

    assert not wrong
    assert refused > len(paths)


def test_a_store_whose_files_are_gone_is_not_made_anew(saved: tuple[Path, set[str]], tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(saved[0], folder)
    (folder / "CURRENT").unlink()
    before = sorted(path.name for path in folder.iterdir())
    for _ in range(2):
        with pytest.raises(BadStore, match=r"damaged .*restore a backup or replay"):
            Store(folder)

    assert set(before) <= {path.name for path in folder.iterdir()}


def test_files_of_others_are_no_store(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")

    with pytest.raises(BadStore, match=r"letters\.txt and no store of riverwalk; choose an empty folder"):
        Store(tmp_path)
    assert os.listdir(tmp_path) == ["letters.txt"]


def test_folder_and_files_are_private(saved: tuple[Path, set[str]], tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(saved[0], folder)
    store = Store(folder)
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    store.close()

    assert folder.stat().st_mode & 0o777 == 0o700
    assert set(modes.values()) == {0o600}


def test_a_number_that_is_none_is_not_saved(tmp_path: Path) -> None:
    store, (table, _) = Store(tmp_path), fresh()
    table.array["b"][7, 3] = np.nan
    table.array["b"][8, 3] = np.inf
    table.touch(np.array([6, 7, 8]))

    with pytest.raises(BadStore, match=r"pair row 7: a number is not finite \(2 rows"):
        store.save([table], {}, "events", {0: 1})
    assert store.offsets("events") == {}
    table.array["b"][[7, 8], 3] = -np.inf
    assert store.save([table], {}, "events", {0: 1}) == 3
    store.close()


def test_a_first_start_that_was_killed_before_its_marker_had_a_name_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / UNNAMED).write_bytes(b'{"form')

    store = Store(tmp_path)
    store.note("fact", 1)
    store.close()

    assert Store(tmp_path).meta("fact") == 1
    assert not (tmp_path / UNNAMED).exists()
