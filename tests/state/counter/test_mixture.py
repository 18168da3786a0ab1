"""The mixture of candidates' sources against plain sums, and what it comes to believe of a stream."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.counter.mixture import (
    ALL,
    NEWCOMERS,
    NEXT,
    POP,
    PUSH,
    RISE,
    SOURCES,
    WALK,
    WORTH,
    shares,
    weigh,
    weights,
)
from state.record.layout import (
    FIRST,
    HISTORY,
    POPULAR,
    RISING,
    START,
)
from state.record.profile import profiles
from state.record.world import Scratch
from state.retrieval.candidate import close, gather, reach
from tests.fixture.graph import World, events, feed, world

HOUR = 3_600_000


@pytest.fixture(scope="module")
def made() -> World:
    it = world()
    feed(it, events(1_500, 60))
    return it


def worth(made: World, u: int, t: int, scratch: Scratch) -> dict[int, float]:
    """What `weigh` gives, by item; the scratch is left open."""
    weigh(made.state, scratch, reach(made.state, scratch, u, t), t)
    n = int(scratch.touched_n[0])
    return dict(zip(scratch.touched[:n].tolist(), scratch.acc[:n, WORTH].tolist(), strict=True))


def board(made: World, b: int, t: int, half: float) -> np.ndarray:
    """Shares of the items on a board, by counts that decay; float64 [80]."""
    column = {RISING: ("pop", 1), POPULAR: ("pop", 3), FIRST: ("fresh", 2)}[b]
    out = np.zeros(80)
    for row in range(1, 80):
        item = made.state.items[row]
        if item["board"] & (1 << b):
            out[row] = item[column[0]][column[1]] * 0.5 ** ((t - int(item["last_t"])) / half)
    return out / out.sum()


@pytest.mark.parametrize("user", [0, 3, 11, 50])
def test_worth_is_the_sum_of_weighted_shares(made: World, user: int) -> None:
    t = int(made.state.world[0]["t"]) + 5 * HOUR
    state, scratch = made.state, made.scratch()
    given_worth = worth(made, user, t, scratch)
    n = int(scratch.touched_n[0])
    by = weights(state.world[0]["credit"][int(state.users[user]["slots"] > 0)])
    wanted = np.zeros(80)
    for column in range(4):
        sums = np.zeros(80)
        sums[scratch.touched[:n]] = scratch.acc[:n, column]
        wanted += by[column] * sums / max(sums.sum(), 1e-12)
    edge = state.edges[int(state.users[user]["item"][0])] if state.users[user]["slots"] else None
    if edge is not None:
        wanted[edge["next"][: edge["nexts"]]] += (
            by[NEXT] * edge["next_w"][: edge["nexts"]] / edge["next_total"]
        )
    pace, halves = float(state.world[0]["pace"]), state.rates[0]["pop"]
    for source, b, h in ((NEWCOMERS, FIRST, 3), (RISE, RISING, 1), (POP, POPULAR, 3)):
        wanted += by[source] * board(made, b, t, halves[h] * pace)
    close(scratch, scratch.pick, 0)

    assert by.sum() == pytest.approx(1.0)
    assert [given_worth.get(row, 0.0) for row in range(80)] == pytest.approx(wanted, rel=1e-3, abs=1e-6)
    assert not scratch.found.any()


@settings(max_examples=40)
@given(st.integers(0, 25), st.integers(1, 59))
def test_shares_of_one_item_are_those_of_the_walks(made: World, user: int, row: int) -> None:
    t = int(made.state.world[0]["t"]) + 1
    state, scratch, out = made.state, made.scratch(), np.zeros(SOURCES)
    reach(state, scratch, user, t)
    n, at = int(scratch.touched_n[0]), int(scratch.found[row]) - 1
    sums = scratch.acc[:n].sum(0)
    known = shares(state, user, row, t, out)

    assert known == (int(state.users[user]["slots"]) > 0)
    assert out[WALK] == 0
    for source in (PUSH, 2, ALL):
        wanted = scratch.acc[at, source] / max(sums[source], 1e-12) if at >= 0 else 0.0
        assert out[source] == pytest.approx(wanted, rel=1e-3, abs=1e-6)


def test_what_a_basket_holds_already_leads_nowhere() -> None:
    made, out = world(), np.zeros(SOURCES)
    feed(made, [(user, item, user * HOUR + item) for user in range(9) for item in (1, 2)])
    feed(made, [(20, 1, 100 * HOUR)])

    assert not shares(made.state, 20, 2, 100 * HOUR, out)
    assert out[ALL] == 0
    assert shares(made.state, 20, 2, 100 * HOUR + 1, out)
    assert out[ALL] == pytest.approx(1.0)


def test_the_weights_follow_what_users_take() -> None:
    """Two streams of the same items: in one they come in pairs, in the other by popularity alone."""
    chance = np.random.default_rng(3)
    paired, popular = world(), world()
    log: list[tuple[int, int, int]] = []
    for k in range(4_000):
        user, first = k % 97, int(chance.integers(1, 40))
        log += [(user, first, 2 * k * HOUR), (user, 79 - first, 2 * k * HOUR + 1_000)]
    feed(paired, log)
    rows = (1 + 78 * chance.random(8_000) ** 3).astype(int)
    feed(popular, [(int(chance.integers(97)), int(row), k * HOUR) for k, row in enumerate(rows)])
    graph = [PUSH, WALK, ALL, NEXT]

    # The first of a pair comes by chance
    assert weights(paired.state.world[0]["credit"][1])[graph].sum() > 0.5
    assert weights(popular.state.world[0]["credit"][1])[graph].sum() < 0.35


@pytest.mark.parametrize("limit", [8, 33, 40, 60])
@pytest.mark.parametrize("own", [False, True])
def test_candidates_are_own_items_the_newest_and_then_what_is_worth_most(
    made: World, own: bool, limit: int
) -> None:
    t, user = int(made.state.world[0]["t"]), profiles(made.state, np.array([3]))[0]
    scratch, out = made.scratch(), np.zeros(limit, np.int32)
    n = gather(made.state, scratch, 3, t, own, out)
    close(scratch, out, n)
    by = worth(made, 3, t, scratch)
    seen = {row for row in range(80) if scratch.seen[row]}
    close(scratch, scratch.pick, 0)
    mine = user["item"][: int(user["slots"])].tolist() if own else []
    listed = out[:n].tolist()
    rest = [row for row in by if row != START and row not in listed and (own or row not in seen)]

    assert len(set(listed)) == n <= limit
    assert listed[: len(mine)] == mine[:limit]
    assert n == limit or not rest
    if limit > HISTORY + 1:
        least = min(by[row] for row in listed[len(mine) + 1 :])
        assert all(by[row] <= least for row in rest)
