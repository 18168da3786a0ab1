"""Blocks: what was written last of a row is what is read, and neither disk nor load grow without end."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from state.error import BadStore
from state.storage import block
from state.storage.ids import Ids
from state.storage.store import Store
from state.storage.table import Table

WIDE = 4_096  # bytes of a row, so that few make a block
ROWS = 60


def table(capacity: int = ROWS) -> Table:
    return Table("wide", np.dtype("u1"), (WIDE,), capacity=capacity)


def blocks(store: Store) -> list[bytes]:
    return [key for key, _ in store.base.scan(b"wide" + block.KEY)]


def loaded(folder: Path) -> tuple[Table, Store]:
    store, found = Store(folder), table()
    store.load([found], [])
    return found, store


STEPS = some.lists(
    some.tuples(
        some.lists(some.tuples(some.integers(0, ROWS - 1), some.integers(0, 3)), max_size=12),
        some.sampled_from(("go on", "go on", "open again", "scrub")),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_a_table_in_blocks_is_a_dict_whatever_is_written_anew(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[list[tuple[int, int]], str]]
) -> None:
    folder, plain = tmp_path_factory.mktemp("blocks"), np.zeros(ROWS, np.uint8)
    found, store = loaded(folder)
    for turn, (writes, then) in enumerate(steps):
        for row, value in writes:
            found.array[row] = plain[row] = value
            found.touch(np.array([row]))
        store.save([found], {}, "events", {0: turn})
        if then == "open again":
            store.close()
            found, store = loaded(folder)
        elif then == "scrub":
            store.scrub([b"wide\0"])
            assert not store.groups.index(b"wide").stale(None, 1)
        assert (found.array == plain[:, None]).all()
        assert {int.from_bytes(key[-4:], "big") for key in store.records(b"wide\0")} == {
            *np.flatnonzero(plain).tolist()
        }
    store.close()


@pytest.mark.parametrize("count", [3, 20, 50])
def test_rows_that_are_written_ever_again_take_at_most_twice_their_blocks(tmp_path: Path, count: int) -> None:
    chance = np.random.default_rng(count)
    found, store = loaded(tmp_path)
    needed, most, written = -(-ROWS // (block.BYTES // WIDE)), 0, 0
    for turn in range(300):
        rows = np.unique(chance.integers(0, ROWS, count))
        found.array[rows] = 1 + turn % 200
        found.touch(rows)
        store.save([found], {}, "events", {0: turn})
        most, written = max(most, len(blocks(store))), written + rows.shape[0]
    again = store.groups.index(b"wide")
    store.close()

    assert most <= 2 * needed + block.SPARE + 2
    assert again.next < 300 * 8
    assert (loaded(tmp_path)[0].array == found.array).all()
    assert written > 10 * ROWS or count == 3


def test_a_row_of_zeros_wins_over_its_older_bytes(tmp_path: Path) -> None:
    found, store = loaded(tmp_path)
    found.array[:20] = 7
    found.touch(np.arange(20))
    store.save([found], {}, "events", {})
    found.array[:10] = 0
    found.touch(np.arange(10))
    store.save([found], {}, "events", {})
    store.close()
    again, store = loaded(tmp_path)
    for _ in range(
        block.SPARE + 8
    ):  # the rows of the emptiest blocks are written anew, and the zeros are not needed any more
        store.scrub([b"wide\0"])
        again.touch(np.arange(10, 40))
        again.array[20:40] = 9
        store.save([again], {}, "events", {})
    left = store.count("wide")
    store.close()

    assert not again.array[:10].any()
    assert (again.array[10:20] == 7).all()
    assert left <= 40
    assert (loaded(tmp_path)[0].array == again.array).all()


def test_blocks_of_a_save_that_did_not_come_to_its_end_do_not_count_and_go(tmp_path: Path) -> None:
    found, store = loaded(tmp_path)
    found.array[:20] = 7
    found.touch(np.arange(20))
    store.save([found], {}, "events", {0: 1})
    found.array[:20] = 8
    for key, value in store.groups.index(b"wide").write([block.Rows(np.arange(20), found.array[:20])]):
        store.base.db[key] = value
    several = len(blocks(store))
    store.close()
    again, store = loaded(tmp_path)

    assert (again.array[:20] == 7).all()
    assert len(blocks(store)) < several
    store.close()


def test_a_block_that_is_missing_or_comes_back_is_noticed(tmp_path: Path) -> None:
    found, store = loaded(tmp_path)
    for value in (1, 2):
        found.array[:20] = value
        found.touch(np.arange(20))
        store.save([found], {}, "events", {})
        if value == 1:
            old = blocks(store)[0], store.base.db[blocks(store)[0]]
    (first, *_), value = blocks(store), store.base.db[blocks(store)[0]]
    del store.base.db[first]
    with pytest.raises(BadStore, match="records of 'wide' are there"):
        store.load([table()], [])
    store.base.db[first] = value
    store.base.db[old[0]] = old[1]
    with pytest.raises(BadStore, match="records of 'wide' are there"):
        store.load([table()], [])
    del store.base.db[old[0]]
    del store.base.db[b"digest\0wide"]
    with pytest.raises(BadStore, match="records of 'wide' are there"):
        store.load([table()], [])
    store.close()


def test_names_come_back_as_they_were_removed_and_reused(tmp_path: Path) -> None:
    store, names = Store(tmp_path), Ids("user", capacity=5_000)
    names.rows([f"user {k}" for k in range(3_000)] + ["x" * 9_000])
    store.save([], {names: 0}, "events", {})
    since = len(names)
    for row in range(0, 3_000, 3):
        names.remove(row)
    names.rows([f"new {k}" for k in range(500)])
    store.save([], {names: since}, "events", {})
    store.close()
    again, store = Ids("user", capacity=5_000), Store(tmp_path)
    store.load([], [again])
    store.close()

    assert (again.text, again.row) == (names.text, names.row)
    assert sorted(again.free) == sorted(names.free)
    assert again.named == names.named
    assert again.rows(["one more"]).tolist() == [min(names.free)]


def test_what_was_saved_of_a_row_is_in_no_file_after_a_scrub_of_it(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    found, store = loaded(tmp_path)
    secret = chance.integers(1, 255, WIDE).astype(np.uint8)
    for turn in range(30):
        rows = np.unique(chance.integers(0, ROWS, 25))
        found.array[rows] = chance.integers(1, 255, (rows.shape[0], WIDE))
        if turn < 20:
            found.array[7] = secret
        rows = np.union1d(rows, [7])
        found.touch(rows)
        store.save([found], {}, "events", {0: turn})
        if turn % 7 == 0:
            store.base.db.flush()
    found.array[7] = 0
    found.touch(np.array([7]))
    store.save([found], {}, "events", {0: 99})
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    store.scrub([b"wide\0" + (7).to_bytes(4, "big")])
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    store.close()

    assert secret[:200].tobytes() in held
    assert secret[:200].tobytes() not in left
    assert (loaded(tmp_path)[0].array == found.array).all()
