"""Eviction equals removal from plain lists and dictionaries, and nothing names a row that is evicted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.counter.eviction import (
    EVICTED,
    drop_items,
    drop_users,
    least,
    silent,
)
from state.counter.seen import listed
from state.ranking.sample import replay
from state.record.layout import (
    BLOCK,
    BOARD,
    FIRST,
    POPULAR,
    RISING,
    START,
    TOTAL,
)
from state.record.profile import profiles
from state.record.setting import Decay, GraphSettings
from state.record.world import World

USERS, ITEMS = 12, 40
RING = ("item", "index", "at", "t", "count", "visits")


def world(seed: int, n: int, items: int = ITEMS) -> World:
    """A world that has met `n` events of some users on some items, impressions and dislikes among them."""
    made = World(GraphSettings(aging_share=0.0), max_users=USERS, max_items=items)
    chance = np.random.default_rng(seed)
    made.state.world[0]["items"], made.state.world[0]["users"] = items, USERS
    row = 1 + ((items - 1) * chance.random(n) ** 1.5).astype(np.int32)
    user = chance.integers(0, USERS, n).astype(np.int32)
    kind = chance.choice(np.array([0, 0, 0, 0, 1, 3, 6], np.int8), n)
    t = np.cumsum(chance.integers(0, 600_000, n)).astype(np.int64)
    replay(made, made.scratch(), user, row.astype(np.int32), t, kind)
    for table in made.tables:
        table.clean()
    return made


def lists(made: World, u: int) -> list[int]:
    """All positions of a user's seen list, newest block first."""
    user, out = made.state.users[u], []
    head, left = int(user["seen_head"]), int(user["seen_n"])
    while head and left > 0:
        inside = left - ((left - 1) // BLOCK) * BLOCK
        out += made.state.seen["item"][head][:inside].tolist()
        head, left = int(made.state.seen["next"][head]), left - inside
    return out


def plain(made: World) -> dict:
    """Everything that names a row, as lists and dictionaries."""
    state = made.state
    return {
        "history": [
            [
                tuple(user[name][j].item() for name in RING) + tuple(user["dec"][j])
                for j in range(user["slots"])
            ]
            for user in profiles(state, np.arange(USERS))
        ],
        "shown": state.users["shown"].tolist(),
        "seen": [lists(made, u) for u in range(USERS)],
        "edges": [
            {int(e["dst"][k]): (float(e["w"][k]), int(e["at"][k])) for k in range(e["slots"])}
            for e in state.edges
        ],
        "next": [{int(e["next"][k]): float(e["next_w"][k]) for k in range(e["nexts"])} for e in state.edges],
        "board": [
            dict(zip(b["item"][: b["n"]].tolist(), b["score"][: b["n"]], strict=True)) for b in state.boards
        ],
        "item": [bytes(row) for row in made.items.bytes],
    }


def without(was: dict, evicted: set[int]) -> dict:
    """What `plain` must be after items were evicted, worked out the slow way."""
    empty = bytes(len(was["item"][0]))
    return {
        "history": [[slot for slot in slots if slot[0] not in evicted] for slots in was["history"]],
        "shown": [[START if item in evicted else item for item in items] for items in was["shown"]],
        "seen": [[START if item in evicted else item for item in items] for items in was["seen"]],
        "edges": [
            {} if src in evicted else {dst: edge for dst, edge in edges.items() if dst not in evicted}
            for src, edges in enumerate(was["edges"])
        ],
        "next": [
            {} if src in evicted else {dst: w for dst, w in after.items() if dst not in evicted}
            for src, after in enumerate(was["next"])
        ],
        "board": [{item: s for item, s in board.items() if item not in evicted} for board in was["board"]],
        "item": [empty if row in evicted else data for row, data in enumerate(was["item"])],
    }


@settings(max_examples=20)
@given(st.integers(0, 9), st.integers(0, 900), st.sets(st.integers(1, ITEMS - 1), min_size=1))
def test_items_that_are_evicted_leave_what_dictionaries_leave(seed: int, n: int, evicted: set[int]) -> None:
    made = world(seed, n)
    was, before = plain(made), [table.bytes.copy() for table in made.tables]
    drop_items(made, np.array(sorted(evicted)))

    assert plain(made) == without(was, evicted)
    for edge in made.state.edges:
        assert edge["total"] == pytest.approx(edge["w"][: edge["slots"]].sum(), rel=1e-5)
        assert edge["next_total"] == pytest.approx(edge["next_w"][: edge["nexts"]].sum(), rel=1e-5)
    assert int(made.state.world[0]["edges"]) == int(made.state.edges["slots"].sum())
    for table, old in zip(made.tables[1:], before[1:], strict=True):
        changed = np.flatnonzero((table.bytes != old).any(1))
        assert set(changed.tolist()) <= set(table.dirty.tolist())
        if table not in (
            made.items,
            made.edges,
        ):  # whose own rows are marked whether they held something or not
            assert set(table.dirty.tolist()) == set(changed.tolist())


@settings(max_examples=20)
@given(st.integers(0, 9), st.integers(0, 900), st.sets(st.integers(0, USERS - 1), min_size=1))
def test_users_that_are_evicted_are_named_nowhere_and_their_blocks_are_reused(
    seed: int, n: int, evicted: set[int]
) -> None:
    made = world(seed, n)
    was, blocks = plain(made), int(made.state.world[0]["blocks"])
    rows = np.array(sorted(evicted))
    free = made.history.array["owner"] == 0
    freed = drop_users(made, rows)

    now, alive = plain(made), [u for u in range(USERS) if u not in evicted]
    assert [now["seen"][u] for u in alive] == [was["seen"][u] for u in alive]
    assert [now["history"][u] for u in alive] == [was["history"][u] for u in alive]
    assert not made.users.bytes[rows].any()
    assert not made.seen.array["item"][freed["seen"]].any()
    assert not made.history.array["owner"][freed["history"]].any()
    assert set(np.flatnonzero(made.history.array["owner"] == 0)) == {*np.flatnonzero(free), *freed["history"]}
    used = made.state.items["n"] > 0
    assert not set(made.state.items["last_user"][used].tolist()) & evicted
    assert not set(made.state.items["user"][used & (made.state.items["n"] > 8)].ravel().tolist()) & evicted
    assert (made.state.items["user"] >= EVICTED).all()
    m = 4 * BLOCK * len(freed["seen"])
    row = 1 + np.arange(m, dtype=np.int32) % (ITEMS - 1)
    replay(made, made.scratch(), np.full(m, rows[0], np.int32), row, np.full(m, 10**12), np.zeros(m, np.int8))
    needed = -(-int(made.state.users[rows[0]]["seen_n"]) // BLOCK)
    assert int(made.state.world[0]["blocks"]) == blocks + max(0, needed - len(freed["seen"]))


def test_a_board_that_lost_items_holds_the_largest_of_the_others() -> None:
    made = world(3, 30_000, items=400)
    state = made.state
    for b in (RISING, POPULAR, FIRST, TOTAL):
        evicted = state.boards[b]["item"][:20].astype(np.int64)
        drop_items(made, evicted)
        count = {RISING: state.items["pop"][:, 1], POPULAR: state.items["pop"][:, 3], TOTAL: state.items["n"]}
        board, left = state.boards[b], count.get(b, state.items["fresh"][:, 2]) > 0
        assert board["n"] == min(BOARD, int(left.sum()))
        on = np.zeros(400, bool)
        on[board["item"][: board["n"]]] = True
        assert not on[evicted].any()
        assert (on == ((state.items["board"] & (1 << b)) > 0)).all()
        if b == TOTAL:
            assert on.sum() == BOARD
            assert state.items["n"][on].min() >= state.items["n"][left & ~on].max(initial=0)


def test_a_list_counts_what_is_left_on_it() -> None:
    made = World(GraphSettings(), max_users=2, max_items=80)
    made.state.world[0]["items"], made.state.world[0]["users"] = 80, 2
    row = np.arange(1, 71, dtype=np.int32)
    replay(made, made.scratch(), np.zeros(70, np.int32), row, np.arange(70), np.zeros(70, np.int8))
    drop_items(made, np.array([1, 33, 70]))

    assert listed(made.state, 0) == 67
    assert listed(made.state, 1) == 0


def test_the_least_taken_go_first_then_the_longest_silent_then_the_lower_rows() -> None:
    made = World(GraphSettings(decay=Decay(pace_seconds=3600)), max_users=9, max_items=9)
    made.state.world[0]["t"] = 10**9
    items = made.state.items
    items["pop"][:, 4] = [9, 1, 1, 1, 0.5, 2, 1, 1, 3]
    items["last_t"] = 10**9
    items["last_t"][[2, 6]] = 0

    assert least(made, np.arange(1, 9), 3).tolist() == [2, 4, 6]
    assert least(made, np.arange(1, 9), 5).tolist() == [1, 2, 3, 4, 6]
    made.state.users["last_t"] = [5, 4, 4, 9, 4, 1, 7, 7, 7]
    assert silent(made, np.arange(9), 3).tolist() == [1, 2, 5]
    assert silent(made, np.array([3, 6]), 5).tolist() == [3, 6]
