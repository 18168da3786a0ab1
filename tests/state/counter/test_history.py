"""Histories in rows and overflow blocks against plain lists; blocks are nobody else's, and none is lost."""

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from state.counter.eviction import drop_items, drop_users
from state.counter.history import slot
from state.ranking.sample import replay
from state.record.decay import decay
from state.record.layout import HISTORY, INLINE, PROFILE
from state.record.profile import OPENED, profile, profiles
from state.record.setting import Decay, GraphSettings
from state.record.world import State, World

USERS, ITEMS, MINUTE = 4, 90, 60_000
DISLIKE = 3
SEED, MANY = st.integers(0, 99), st.integers(0, 400)
GONE = st.sets(st.integers(1, ITEMS - 1), max_size=60)


def drawn(seed: int, n: int) -> list[tuple[int, int, int, int]]:
    """Events as (user, item, kind, minutes after the last one), of which some are dislikes and some come late."""
    chance = np.random.default_rng(seed)
    columns = (
        chance.integers(0, USERS, n),
        1 + ((ITEMS - 1) * chance.random(n) ** 1.5).astype(int),
        chance.choice([0, 0, 0, 0, 0, 1, 2, DISLIKE], n),
        chance.integers(-3, 90, n),
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))


def world(users: int = USERS, items: int = ITEMS) -> World:
    made = World(GraphSettings(decay=Decay(pace_seconds=3_600)), max_users=users, max_items=items)
    made.state.world[0]["users"], made.state.world[0]["items"] = users, items
    return made


def feed(made: World, events: list[tuple[int, int, int, int]], t: int = 0) -> int:
    """Apply (user, item, kind, minutes after the last one); return the time of the last."""
    if not events:
        return t
    user, item, kind, wait = (np.array(column) for column in zip(*events, strict=True))
    times = t + 10**9 * (t == 0) + MINUTE * np.cumsum(wait)
    replay(made, made.scratch(), user.astype("i4"), item.astype("i4"), times.astype("i8"), kind.astype("i1"))
    return int(times[-1])


def at(made: World, user: int, item: int) -> int:
    return int(slot(made.history.array, made.state.users[user], user, item))


class Plain:
    """The histories of some users as lists of dictionaries, newest first."""

    def __init__(self, made: World) -> None:
        pace, self.events = float(made.state.world[0]["pace"]), 0
        self.halves = [float(half) * pace for half in made.state.rates[0]["user"]]
        self.slots: list[list[dict[str, Any]]] = [[] for _ in range(USERS)]
        self.n, self.run = [0] * USERS, [0] * USERS
        self.items = [0] * ITEMS
        self.kinds: dict[tuple[int, int], int] = {}

    def apply(self, user: int, item: int, kind: int, t: int) -> None:
        mine = self.slots[user]
        old = next((one for one in mine if one["item"] == item), None)
        mask = self.kinds.get((user, item), 0) | 1 << kind
        self.kinds[user, item] = mask
        first = bool(mine) and mine[0] is old
        if old is not None:
            mine.remove(old)
        if kind == DISLIKE:
            self.run[user] = 0 if first else self.run[user]
        else:
            self.items[item] += 1
            newest = max(t, old["t"]) if first and old is not None else t
            self.run[user] = self.run[user] + 1 if first or not mine else 1
            again = float(old["visits"]) + (not first) if old is not None else 1.0
            mine.insert(0, {
                "item": item, "index": self.n[user], "at": self.items[item], "mask": mask, "kind": kind, "t": newest,
                "count": (float(old["count"]) if old else 0.0) + 1.0, "visits": again,
                "dec": tuple(
                    float(np.float32(np.float32(old["dec"][k] * decay(t - old["t"], half)) + np.float32(1))) if old else 1.0
                    for k, half in enumerate(self.halves)
                ),
            })  # fmt: skip
            del mine[HISTORY:]
        self.n[user] += 1

    def evict(self, gone: set[int]) -> None:
        for user, mine in enumerate(self.slots):
            if mine and mine[0]["item"] in gone:
                self.run[user] = 0
            mine[:] = [one for one in mine if one["item"] not in gone]


def found(made: World, user: int) -> list[dict[str, Any]]:
    """A user's history as `Plain` has it; behind it all is zero."""
    row = profiles(made.state, np.array([user]))[0]
    names = ("item", "index", "at", "mask", "kind", "t", "count", "visits")
    assert not any(np.asarray(row[name])[int(row["slots"]) :].any() for name in (*names, "dec"))
    return [
        {name: row[name][j].item() for name in names} | {"dec": tuple(row["dec"][j].tolist())}
        for j in range(int(row["slots"]))
    ]


def check_blocks(made: World, users: int = USERS) -> None:
    """Each user has the blocks the history needs, with its owner; all others that were ever in use are free, and zero."""
    history, used = made.history.array, int(made.state.world[0]["overflows"])
    owned: list[int] = []
    for user in range(users):
        row, block, mine = made.state.users[user], int(made.state.users[user]["overflow"]), list[int]()
        while block:
            assert int(history["owner"][block]) == user + 1
            mine.append(block)
            block = int(history["next"][block])
        assert len(mine) == -(-max(0, int(row["slots"]) - INLINE) // INLINE)
        owned += mine
    free, block = list[int](), int(history["next"][0])
    while block:
        assert not history[block]["owner"]
        assert not history["item"][block].any()
        free.append(block)
        block = int(history["next"][block])
    assert sorted(owned + free) == list(range(1, used + 1))
    assert not made.history.bytes[used + 1 :].any()


@settings(max_examples=30)
@given(SEED, MANY, GONE, MANY)
def test_histories_are_those_of_plain_lists(seed: int, before: int, gone: set[int], after: int) -> None:
    made = world()
    plain, t = Plain(made), 10**9
    for events, evicted in ((drawn(seed, before), gone), (drawn(seed + 100, after), set[int]())):
        feed(made, events, 0 if t == 10**9 else t)
        for user, item, kind, wait in events:
            t += MINUTE * wait
            plain.apply(user, item, kind, t)
        if evicted:
            drop_items(made, np.array(sorted(evicted)))
            plain.evict(evicted)
            for item in evicted:
                plain.items[item] = 0
                for user in range(USERS):
                    plain.kinds.pop((user, item), None)

        assert [found(made, user) for user in range(USERS)] == plain.slots
        assert made.state.users["run"].tolist() == plain.run
        check_blocks(made)
        for user, mine in enumerate(plain.slots):
            items = [one["item"] for one in mine]
            for item in (*items[::6], *range(1, ITEMS, 9)):
                assert at(made, user, item) == (items.index(item) if item in items else -1)


@settings(max_examples=20)
@given(SEED, MANY, GONE, st.sets(st.integers(0, USERS - 1)))
def test_what_changed_of_a_history_is_saved(seed: int, n: int, gone: set[int], users: set[int]) -> None:
    made = world()
    t = feed(made, [(user, item, 0, 1) for user in range(USERS) for item in range(1, 40)])
    for change in (
        lambda: feed(made, drawn(seed, n), t),
        lambda: drop_items(made, np.array(sorted(gone), np.int64)),
        lambda: drop_users(made, np.array(sorted(users), np.int64)),
    ):
        for table in made.tables:
            table.clean()
        before = made.history.bytes.copy()
        change()
        changed = np.flatnonzero((made.history.bytes != before).any(1)).tolist()

        assert set(changed) <= set(made.history.dirty.tolist())
        check_blocks(made)


def test_blocks_of_users_that_are_evicted_are_zero_and_taken_first() -> None:
    made = world()
    feed(made, [(user, item, 0, 1) for user in (0, 1) for item in range(1, 41)])
    used = int(made.state.world[0]["overflows"])
    freed = drop_users(made, np.array([0]))["history"]

    assert used == 6
    assert sorted(freed) == [1, 2, 3]
    assert not made.history.array["item"][freed].any()
    feed(made, [(2, item, 0, 1) for item in range(1, 41)])
    assert int(made.state.world[0]["overflows"]) == used
    check_blocks(made)


@pytest.mark.parametrize("block", [1, 2, 3])
def test_a_block_of_another_user_ends_the_history_before_it(block: int) -> None:
    made = world()
    feed(made, [(1, item, 0, 1) for item in range(1, 33)])
    made.history.array["owner"][block] = 3
    row = profiles(made.state, np.array([1]))[0]
    kept = INLINE * block

    assert int(row["slots"]) == kept
    assert row["item"].tolist() == [*range(32, 32 - kept, -1), *[0] * (HISTORY - kept)]
    assert at(made, 1, 32 - kept) == -1
    assert at(made, 1, 33 - kept) == kept - 1


@njit(nogil=True)
def _strangers(state: State, users: int, own: int, stop: np.ndarray, read: np.ndarray) -> int:
    """Count the items in users' profiles that are not their own, until it is to stop."""
    found = 0
    while stop[0] == 0:
        for u in range(users):
            mine = profile(state, u)
            for j in range(mine.slots):
                found += mine.item[j] != 0 and mine.item[j] // own != u
            read[0] += mine.slots > 8
    return found


def test_a_reader_never_takes_a_block_of_another_user_for_the_users() -> None:
    """Users come and go, and their blocks from one to another, while a reader looks at all of them."""
    own, users = 40, 6
    made = world(users, own * users)
    state = made.state._replace(profile=np.zeros(2, PROFILE))
    stop, read, seen = np.zeros(1, np.int64), np.zeros(1, np.int64), list[int]()
    assert _strangers(state, users, own, np.ones(1, np.int64), read) == 0
    look = threading.Thread(target=lambda: seen.append(_strangers(state, users, own, stop, read)))
    look.start()
    chance, t = np.random.default_rng(3), 0
    try:
        for _ in range(300):
            some = chance.integers(0, users, 200)
            t = feed(made, [(int(u), int(u * own + chance.integers(1, own)), 0, 1) for u in some], t)
            drop_users(made, np.flatnonzero(chance.random(users) < 0.5))
    finally:
        stop[0] = 1
        look.join()

    assert seen == [0]
    assert int(read[0]) > 0


def test_the_profile_opened_before_leaves_nothing_in_the_next_one() -> None:
    made = world()
    feed(made, [*((0, item, 0, 1) for item in range(1, 33)), (1, 40, 0, 1)])
    profiles(made.state, np.array([0, 1]))
    row = made.state.profile[OPENED]

    assert [one["item"] for one in found(made, 1)] == [40]
    assert np.count_nonzero(row["item"]) == 1
