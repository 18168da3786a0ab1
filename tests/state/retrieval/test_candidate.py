"""Candidates' recall against a state built anew for every event, and what a list with less room still holds."""

from pathlib import Path

import numpy as np
import pytest

from deploy.evaluate.detail import recall
from deploy.evaluate.protocol import split
from deploy.evaluate.split import Split
from state.ranking.sample import replay
from state.record.profile import profiles
from state.record.setting import GraphSettings
from state.record.world import World
from state.retrieval.candidate import CANDIDATES, close, gather

ITEMS = 400


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """400 events of 12 users on 60 items, up to four of a stamp."""
    chance = np.random.default_rng(1)
    rows = [f"u{chance.integers(12)},i{chance.integers(60)},{k // 4}\n" for k in range(400)]
    (tmp_path / "e.csv").write_text("user,item,timestamp\n" + "".join(rows))
    return tmp_path / "e.csv"


def afresh(log: Split, i: int, limit: int) -> list[int]:
    """The candidates of event `i`, from a state that holds what it may see and nothing else."""
    begin = int(log.begins()[i])
    rows = log.items[:begin] + 1
    world = World(GraphSettings(), max_users=log.n_users + 1, max_items=log.n_items + 2)
    world.state.world[0]["users"], world.state.world[0]["items"] = log.n_users, rows.max() + 1
    replay(world, world.scratch(), log.users[:begin], rows, log.t[:begin], log.kind[:begin])
    scratch, out = world.scratch(), np.zeros(limit, np.int32)
    if log.same_stamp:
        others = (log.users == log.users[i]) & (log.t == log.t[i]) & log.judged & (log.items != log.items[i])
        scratch.barred[log.items[others] + 1] = 1
    n = gather(world.state, scratch, log.users[i], log.t[i], not log.exclude_seen, out)
    close(scratch, out, n)
    return (out[:n] - 1).tolist()


@pytest.mark.parametrize(
    ("protocol", "visible", "new_only"),
    [("tgb", "online", False), ("stream", "strict", True), ("stream", "lag=7", False)],
)
def test_a_place_is_that_in_a_list_made_for_the_event_alone(
    events: Path, protocol: str, visible: str, new_only: bool
) -> None:
    log = split(events, protocol, visible, new_only=new_only)
    places = recall.places(log, 20)

    for i in np.flatnonzero(log.judged)[::5]:
        found = afresh(log, i, 20)
        assert len(found) <= 20
        assert places[i] == (found.index(log.items[i]) + 1 if log.items[i] in found else np.inf)
    assert np.isnan(places[~log.judged]).all()


@pytest.fixture(scope="module")
def crowd() -> World:
    """A user with a long history, an item that all others take now, and one that is new."""
    world = World(GraphSettings(), max_users=200, max_items=ITEMS + 2)
    world.state.world[0]["users"], world.state.world[0]["items"] = 200, ITEMS + 1
    chance = np.random.default_rng(2)
    users, items = chance.integers(0, 199, 6_000), chance.integers(1, ITEMS - 1, 6_000)
    users[-120:], items[-120:] = np.arange(120), ITEMS - 1
    users[-1], items[-1] = 5, ITEMS
    t = np.arange(6_000, dtype=np.int64) * 60_000
    replay(
        world, world.scratch(), users.astype(np.int32), items.astype(np.int32), t, np.zeros(6_000, np.int8)
    )
    return world


def found(world: World, user: int, own: bool, limit: int) -> list[int]:
    scratch, out = world.scratch(), np.zeros(limit, np.int32)
    n = gather(world.state, scratch, user, 6_000 * 60_000, own, out)
    close(scratch, out, n)
    return out[:n].tolist()


@pytest.mark.parametrize("limit", [40, 64, 100, CANDIDATES])
@pytest.mark.parametrize("own", [False, True])
def test_however_little_room_there_is_popular_and_new_items_get_some(
    crowd: World, limit: int, own: bool
) -> None:
    listed = found(crowd, 150, own, limit)

    assert len(listed) == len(set(listed)) == limit
    assert {ITEMS - 1, ITEMS} <= set(listed)


def test_the_users_own_items_come_first_where_they_may_come_again(crowd: World) -> None:
    user = profiles(crowd.state, np.array([150]))[0]

    assert found(crowd, 150, True, 100)[: int(user["slots"])] == user["item"][: user["slots"]].tolist()
