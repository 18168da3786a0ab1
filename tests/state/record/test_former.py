"""Users of format 3, whose rows hold the whole history, become rows and blocks that give the same profiles."""

from pathlib import Path

import numpy as np
import pytest

from state.error import NoMemory
from state.record.former import SHORT_WORLD, shortened
from state.record.layout import HISTORY, INLINE, PROFILE, WORLD
from state.record.profile import profiles
from state.record.setting import GraphSettings
from state.record.world import World
from state.storage.store import Store
from state.storage.table import Table
from tests.fixture.service.tmpfs import Memory, small

__all__ = ["small"]

USERS = 200


def users(n: int = USERS) -> np.ndarray:
    """Users of format 3 with histories of every length."""
    chance = np.random.default_rng(5)
    out = chance.integers(1, 255, (n, PROFILE.itemsize), np.uint8).view(PROFILE)[:, 0]
    out["slots"] = np.arange(n) % (HISTORY + 1)
    for name in ("repeat", "had", "gap", "count", "visits", "dec"):
        out[name] = chance.random(out[name].shape)
    for name in ("item", "index", "at", "count", "visits", "dec", "t", "mask", "kind"):
        for row in out:
            row[name][int(row["slots"]) :] = 0
    return out


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return all(one[name].tobytes() == other[name].tobytes() for name in PROFILE.fields or ())


def stored(folder: Path, name: str, *parts: np.ndarray) -> Store:
    """A store whose table holds these rows, one after the other, of one or of several widths."""
    store, begin = Store(folder), 0
    for part in parts:
        width = part.dtype.itemsize
        table = Table(name, np.dtype("u1"), (width,), capacity=begin + part.shape[0])
        rows = np.arange(begin, begin + part.shape[0])
        table.bytes[rows] = part.view(np.uint8).reshape(-1, width)
        table.touch(rows)
        store.write(store.snapshot([table], {}, {}))
        begin += part.shape[0]
    return store


def test_profiles_are_the_rows_they_come_from_bit_for_bit() -> None:
    old, made = users(), World(GraphSettings(), max_users=USERS, max_items=9)
    short, blocks = shortened(old, np.arange(USERS), 1)
    made.users.array[:] = short
    made.history.array[1 : 1 + blocks.shape[0]] = blocks

    assert same(profiles(made.state, np.arange(USERS)), old)
    assert blocks.shape[0] == sum(-(-max(0, int(n) - INLINE) // INLINE) for n in old["slots"])


def test_a_table_of_format_3_is_loaded_and_all_of_it_is_saved_anew(tmp_path: Path) -> None:
    old, made = users(), World(GraphSettings(), max_users=USERS, max_items=9)
    world = np.zeros(1, WORLD)
    world["events"], world["unaged"] = 77, 5
    stored(tmp_path / "world", "world", world.view(np.uint8)[:SHORT_WORLD].view(f"V{SHORT_WORLD}")).load(
        [made.world], []
    )
    stored(tmp_path / "user", "user", old).load([made.users], [])
    used = int(made.state.world[0]["overflows"])

    assert same(profiles(made.state, np.arange(USERS)), old)
    assert (int(made.state.world[0]["events"]), int(made.state.world[0]["unaged"])) == (77, 5)
    assert sorted(made.users.dirty.tolist()) == list(range(USERS))
    assert sorted(made.history.dirty.tolist()) == list(range(1, used + 1))
    assert made.world.dirty.tolist() == [0]


def test_rows_of_both_formats_are_told_apart_by_their_width(tmp_path: Path) -> None:
    old, made = users(), World(GraphSettings(), max_users=USERS, max_items=9)
    short, _ = shortened(old[:1], np.zeros(1, np.int64), 1)
    stored(tmp_path, "user", short, old[1:]).load([made.users], [])

    assert same(profiles(made.state, np.arange(USERS)), old)


def test_users_of_format_3_for_which_there_is_no_memory_are_an_error(small: Memory, tmp_path: Path) -> None:
    small.grow(4)
    folder = Path(small.folder) / "live"
    folder.mkdir()
    made = World(GraphSettings(), folder=folder, max_users=100_000, max_items=9)
    small.fill()

    with pytest.raises(NoMemory, match=r"table (user|history) needs"):
        stored(tmp_path / "store", "user", np.tile(users(), 20)).load([made.users], [])
