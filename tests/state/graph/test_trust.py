"""Users whom a user trusts: what they took last is a candidate, also for a newcomer."""

from collections.abc import Iterable

import numpy as np
import pytest

from state.counter.mixture import NEAR, shares
from state.graph.trust import MOST, active, table
from state.ranking.sample import replay
from state.record.layout import RECENT
from state.record.setting import GraphSettings
from state.record.world import World
from state.retrieval.candidate import close, gather

SOURCES, FEW = 8, 12


def trusting(pairs: Iterable[tuple[int, int]], events: list[tuple[int, int]], users: int = 30) -> World:
    """Return a world in which users trust others, after events of users on items, a minute apart."""
    world = World(GraphSettings(), max_users=users + 1, max_items=400)
    world.state.world[0]["items"], world.state.world[0]["users"] = 400, users
    at, whom = table(np.array(sorted(pairs), np.int32).reshape(-1, 2).T, users)
    world.state = world.state._replace(trust_at=at, trusted=whom)
    user, item = (np.array(column, np.int32) for column in zip(*events, strict=True))
    t = 60_000 * np.arange(1, len(events) + 1)
    replay(world, world.scratch(), user, item, t, np.zeros(len(events), np.int8))
    return world


def candidates(world: World, user: int, t: int = 10**9) -> set[int]:
    scratch, out = world.scratch(), np.zeros(FEW, np.int32)
    n = gather(world.state, scratch, user, t, False, out)
    found = set(out[:n].tolist())
    close(scratch, out, n)
    assert not scratch.found.any()
    return found


CROWD = [(u, 10 + (u + 7 * k) % 40) for k in range(12) for u in range(3, 30)]  # what everybody takes
RARE = [(1, 300), (1, 301), (1, 302)]  # long ago, and nobody else


@pytest.mark.parametrize("mine", [[], [(0, 12)]])
def test_what_a_trusted_user_took_is_a_candidate(mine: list[tuple[int, int]]) -> None:
    old = [(2, 100 + k) for k in range(250)]  # the boards and the newest are full of others
    events = [*RARE, *mine, *CROWD, *old]

    assert not candidates(trusting([], events), 0) & {301, 302}
    assert 302 in candidates(trusting([(0, 1)], events), 0)
    assert not candidates(trusting([(1, 0)], events), 0) & {301, 302}  # trust has a direction


def test_the_share_of_an_item_is_that_of_what_trusted_users_took() -> None:
    world, out = trusting([(0, 1)], [*RARE, *CROWD]), np.zeros(SOURCES)
    shares(world.state, 0, 302, 10**9, out)
    newest = out[NEAR]
    shares(world.state, 0, 301, 10**9, out)

    assert newest == pytest.approx(1 / 1.96)  # of chances 1, .6 and .36
    assert out[NEAR] == pytest.approx(0.6 / 1.96)


def test_those_who_took_something_last_come_first() -> None:
    order = [5, 3, 9, 4, 8, 7, 6, 2, 1, 10, 11]
    world = trusting([(0, u) for u in range(1, 13)], [(u, 20 + u) for u in order])  # user 12 took nothing
    out = np.zeros(RECENT, np.int32)

    assert active(world.state, 0, out) == RECENT
    assert out.tolist() == order[::-1][:RECENT]
    assert active(world.state, 1, out) == 0
    assert active(world.state, -1, out) == 0  # a guest


def test_a_table_keeps_the_first_of_many() -> None:
    pairs = np.array([(2, k) for k in range(MOST + 9)] + [(0, 5), (0, 4)], np.int32).T
    at, whom = table(pairs, 4)

    assert at.tolist() == [0, 2, 2, 2 + MOST, 2 + MOST]
    assert whom[:2].tolist() == [5, 4]
    assert whom[2:].tolist() == list(range(MOST))
