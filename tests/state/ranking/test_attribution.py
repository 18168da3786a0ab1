"""Attribution: the causes of all items of an answer at once are those of each by itself, by the definition."""

import numpy as np
import pytest

from state.ranking.attribution import (
    AGAIN,
    ALIKE,
    HOPS,
    NEAR,
    NEW,
    NEWCOMER,
    NEXT,
    POPULARITY,
    RISE,
    TOGETHER,
    causes,
)
from state.ranking.sample import replay
from state.record.layout import FIRST, POPULAR, RECENT, RISING
from state.record.profile import profiles, visit
from state.record.setting import GraphSettings
from state.record.world import State, World

USERS, ITEMS = 30, 60
HOUR = 3_600_000


def shares(edge: np.void, to: str, weight: str, many: str, total: str) -> dict[int, float]:
    """Chance of each item next to one, as the row has it."""
    n = int(edge[many]) if edge[total] > 0 else 0
    return {int(row): w / edge[total] for row, w in zip(edge[to][:n], edge[weight][:n], strict=True) if w > 0}


def beside(state: State, row: int) -> dict[int, float]:
    return shares(state.edges[row], "dst", "w", "slots", "total")


def cause(state: State, u: int, row: int) -> list[int]:
    """Why one item is in an answer: cause, the item that led to it, when that was taken, and by what kind of event."""
    user = profiles(state, np.array([u]))[0]
    mine = user["item"][: user["slots"]].tolist()

    def led(why: int, j: int) -> list[int]:
        return [why, mine[j], int(user["t"][j]), int(user["kind"][j])]

    if row in mine:
        return led(AGAIN, mine.index(row))
    rates = state.rates[0]
    chances = [
        float(rates["seed_decay"]) ** j * beside(state, seed).get(row, 0.0)
        for j, seed in enumerate(mine[: int(rates["seeds"])])
    ]
    best = int(np.argmax(chances)) if chances and max(chances) > 0 else -1
    following = shares(state.edges[mine[0]], "next", "next_w", "nexts", "next_total") if mine else {}
    if best <= 0 and row in following and following[row] >= chances[0]:
        return led(NEXT, 0)
    if best >= 0:
        return led(TOGETHER, best)
    for j, seed in enumerate(mine[:2]):
        item = state.items[seed]
        for r in range(min(int(item["n"]), RECENT)):
            other = int(item["user"][(int(item["head"]) - 1 - r) % RECENT])
            them = profiles(state, np.array([other]))[0]
            theirs = them["item"][: them["slots"]].tolist()
            if other >= 0 and other != u and seed in theirs and row in theirs[:4]:
                return led(ALIKE, j)
    for j, seed in enumerate(mine[:HOPS]):
        if any(row in beside(state, over) for over in beside(state, seed)):
            return led(NEAR, j)
    flags = int(state.items[row]["board"])
    boards = ((FIRST, NEWCOMER), (RISING, RISE), (POPULAR, POPULARITY))
    return [next((why for b, why in boards if flags & 1 << b), NEW), row, 0, -1]


@pytest.mark.parametrize("seed", range(4))
def test_the_causes_of_an_answer_are_those_of_its_items(seed: int) -> None:
    chance = np.random.default_rng(seed)
    made = World(GraphSettings(window_hours=6), max_users=USERS + 1, max_items=ITEMS + 1)
    state, scratch, n = made.state, made.scratch(), 40 + 80 * seed
    state.world[0]["users"], state.world[0]["items"] = USERS, ITEMS
    users, rows = chance.integers(0, USERS, n), 1 + (ITEMS - 1) * chance.random(n) ** 1.5
    t = np.cumsum(chance.integers(0, HOUR, n))
    replay(
        made, made.scratch(), users.astype("i4"), rows.astype("i4"), t, chance.integers(0, 6, n).astype("i1")
    )
    visit(state, chance.choice(ITEMS - 1, 3, replace=False) + 1, int(t[-1]))
    found: set[int] = set()
    for u in range(-1, USERS):
        asked = (1 + chance.permutation(ITEMS - 1)[: 1 if u % 3 else ITEMS]).astype(np.int32)
        out = np.zeros((asked.shape[0], 4), np.int64)
        causes(state, scratch, u, asked, out)
        found.update(out[:, 0].tolist())

        assert out.tolist() == [cause(state, u, row) for row in asked.tolist()]
        assert not scratch.where.any(), "a reader's room is left as it was found"
    assert found >= {AGAIN, NEXT, TOGETHER, ALIKE, NEAR, NEWCOMER}
