"""A dislike keeps an item out of its user's answers and pulls nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from state.counter.dislike import DISLIKE
from state.graph.edge import edge_share
from state.ranking.sample import replay
from state.record.layout import POPULAR, START
from state.record.profile import profiles
from state.record.world import World
from tests.fixture.graph import world

MINUTE = 60_000
VIEW = 0


def fed(events: list[tuple[int, int, int]]) -> World:
    """A world after (user, item, kind) events, a minute apart."""
    made = world()
    made.state.world[0]["users"], made.state.world[0]["items"] = 10, 12
    users, items, kinds = (np.array(column) for column in zip(*events, strict=True))
    replay(made, made.scratch(), users, items, MINUTE * np.arange(len(events)), kinds.astype(np.int8))
    return made


def graph(made: World) -> dict[tuple[int, int], float]:
    """The shares of all edges and transitions."""
    found = {}
    for src in range(12):
        edge = made.state.edges[src]
        for k in range(int(edge["slots"])):
            found[src, int(edge["dst"][k])] = float(edge["w"][k])
        for k in range(int(edge["nexts"])):
            found[100 + src, int(edge["next"][k])] = float(edge["next_w"][k])
    return found


kinds = st.sampled_from([VIEW, 1, 2, DISLIKE, 4, 5])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 8), kinds), min_size=1, max_size=60))
@settings(max_examples=60)
def test_a_dislike_alone_makes_no_edge_and_is_in_no_history_and_on_no_board(
    events: list[tuple[int, int, int]],
) -> None:
    made = fed(events)
    liked = {item for _, item, kind in events if kind != DISLIKE}
    named = {end for edge in graph(made) for end in (edge[0] % 100, edge[1])}

    assert named <= liked | {START}
    for user in profiles(made.state, np.arange(6)):
        assert set(user["item"][: user["slots"]].tolist()) <= liked
    assert {row for row in range(12) if made.state.items[row]["n"]} == liked
    board = made.state.boards[POPULAR]
    assert set(board["item"][: board["n"]].tolist()) <= liked
    assert int(made.state.world[0]["events"]) == len(events)


def test_what_others_dislike_is_not_linked_to_what_they_buy_next() -> None:
    both = fed([(user, item, kind) for user in range(6) for item, kind in ((3, DISLIKE), (4, 4), (5, 4))])

    assert edge_share(both.state.edges[3], 4) == edge_share(both.state.edges[4], 3) == 0
    assert edge_share(both.state.edges[4], 5) > 0
    assert edge_share(both.state.edges[START], 4) > 0  # they are newcomers until they take something
    assert edge_share(both.state.edges[START], 3) == 0


def test_an_item_liked_and_then_disliked_leaves_the_history_and_stays_kept_out() -> None:
    made = fed([(0, 1, VIEW), (0, 2, VIEW), (0, 3, VIEW), (0, 2, DISLIKE), (0, 4, VIEW)])
    user = made.state.users[0]

    assert user["item"][: user["slots"]].tolist() == [4, 3, 1]
    assert edge_share(made.state.edges[2], 4) == 0
    block = made.state.seen[user["seen_head"]]
    mask = dict(zip(block["item"].tolist(), block["mask"].tolist(), strict=True))
    assert mask[2] == 1 << VIEW | 1 << DISLIKE
    assert int(user["n"]) == 5


def test_a_dislike_between_two_items_changes_no_edge_between_them() -> None:
    with_, without = (
        fed([(0, 1, VIEW), (0, 9 if kind == DISLIKE else 1, kind), (0, 2, VIEW)]) for kind in (DISLIKE, 6)
    )

    assert graph(with_) == graph(without)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 8), kinds.filter(lambda kind: kind != DISLIKE)),
        min_size=1,
    )
)
@settings(max_examples=20)
def test_every_other_type_weighs_the_same(events: list[tuple[int, int, int]]) -> None:
    mixed, views = fed(events), fed([(user, item, VIEW) for user, item, _ in events])

    assert graph(mixed) == graph(views)
    assert mixed.state.items["pop"].tolist() == views.state.items["pop"].tolist()
