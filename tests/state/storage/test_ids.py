"""Names and rows: what a reader knows is what the writer knows, whatever was removed and reused in between."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.error import NoRoom
from state.storage.ids import Ids
from state.storage.store import Store

NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=6)
CAPACITY = 12
STEPS = st.lists(st.tuples(st.sampled_from(("add", "add", "remove", "read", "save")), NAMES), max_size=80)


def known(ids: Ids) -> dict[int, str]:
    return {row: text for row, text in enumerate(ids.text) if text}


@settings(max_examples=40)
@given(STEPS)
def test_readers_and_a_store_follow_what_is_removed_and_reused(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("ids")
    writer = Ids("item", capacity=CAPACITY, folder=folder, first="start")
    reader = Ids("item", capacity=CAPACITY, folder=folder, write=False)
    store, saved, plain = Store(folder / "store", sync=False), 0, {0: "start"}
    for step, name in steps:
        if step == "add" and name not in plain.values():
            free = [row for row in range(CAPACITY) if row not in plain]
            found = writer.rows([name, name])
            assert found.tolist() == free[:1] * 2
            plain |= dict.fromkeys(found.tolist(), name)
        elif step == "remove" and len(plain) > 1:
            row = sorted(plain)[1 + len(name) % (len(plain) - 1)]
            writer.remove(row)
            del plain[row]
        elif step == "read":
            reader.catch_up()
            assert known(reader) == plain
            assert reader.row == {name: row for row, name in plain.items()}
        elif step == "save":
            store.save([], {writer: saved}, "events", {})
            saved = len(writer)

    assert known(writer) == plain
    assert writer.named == len(plain)
    store.save([], {writer: saved}, "events", {})
    again = Ids("item", capacity=CAPACITY, first="start")
    store.load([], [again])
    store.close()
    assert known(again) == plain
    assert again.named == len(plain)
    assert again.rows([f"new {k}" for k in range(CAPACITY)]).tolist() == [
        row for row in range(CAPACITY) if row not in plain
    ]


def test_a_name_that_is_removed_is_nowhere_in_memory_that_is_shared(tmp_path: Path) -> None:
    writer = Ids("user", capacity=9, folder=tmp_path)
    writer.rows(["ann", "bob, who leaves", "eve"])
    writer.remove(1)

    assert b"bob" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert writer.add("cid") == 1


def test_the_room_of_names_is_used_again_while_a_reader_looks_on(tmp_path: Path) -> None:
    writer = Ids("item", capacity=1000, folder=tmp_path)
    reader = Ids("item", capacity=1000, folder=tmp_path, write=False)
    for turn in range(40):
        writer.rows([f"{turn} {k} " + "x" * 30 for k in range(1000)])
        reader.catch_up()
        assert reader.row == writer.row
        for row in range(turn % 2, 1000):
            writer.remove(row)
        if turn % 2:
            writer.remove(0)

    assert writer.end < writer.heap.capacity
    assert reader.catch_up() > 0
    assert reader.row == {}
    assert reader.catch_up() == 0


def test_rows_stops_at_the_first_name_without_room_and_says_which() -> None:
    ids = Ids("item", capacity=3)

    assert ids.rows(["a", "b", "a", "c", "b", "d", "a"]).tolist() == [0, 1, 0, 2, 1]
    with pytest.raises(NoRoom, match=r"raise state\.max_items"):
        ids.add("d")
    ids.remove(1)
    assert ids.rows(["d", "a"]).tolist() == [1, 0]


def test_long_names_need_room_too() -> None:
    ids = Ids("item", capacity=3)
    big = "x" * 3000

    assert ids.rows([big, "y" * 3000]).tolist() == [0]
    ids.remove(0)
    assert ids.rows(["y" * 3000]).tolist() == [0]
    assert np.count_nonzero(ids.heap.array) == 3000
