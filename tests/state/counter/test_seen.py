"""What a user's having had an item means for an answer: kinds of event, times, and rules, against plain dicts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.ranking.sample import replay
from state.record.layout import (
    FOREVER,
    HISTORY,
    KEPT_OUT,
    KINDS,
    REPEATABLE,
)
from state.record.profile import profiles
from state.record.setting import GraphSettings
from state.record.world import World
from state.retrieval.candidate import close, open_user
from stream.answer.rule import parse, ttl
from stream.error import BadRequest

DAY = 86_400_000
ITEMS = 3 * HISTORY
EVENTS = st.lists(
    st.tuples(st.integers(1, ITEMS), st.integers(0, 5), st.integers(0, 3 * DAY)), min_size=1, max_size=160
)


def world() -> World:
    made = World(GraphSettings(), max_users=4, max_items=ITEMS + 1)
    made.state.world[0]["items"] = ITEMS + 1
    return made


def apply(made: World, events: list[tuple[int, int, int]]) -> int:
    """Apply (item, kind, ms to wait before) of user 1; return the last time."""
    items, kinds, waits = (np.array(column) for column in zip(*events, strict=True))
    t = DAY + np.cumsum(waits)
    users = np.full(len(events), 1, np.int32)
    replay(made, made.scratch(), users, items.astype(np.int32), t.astype(np.int64), kinds.astype(np.int8))
    return int(t[-1])


@settings(max_examples=60)
@given(EVENTS, st.lists(st.sampled_from([0, 1, DAY // 2, 2 * DAY, FOREVER]), min_size=KINDS, max_size=KINDS))
def test_an_item_stays_out_as_the_kinds_it_was_had_by_say(
    events: list[tuple[int, int, int]], ttl: list[int]
) -> None:
    made = world()
    now = apply(made, events)
    kinds: dict[int, set[int]] = {}
    last: dict[int, int] = {}
    t = DAY
    for item, kind, wait in events:
        t += wait
        kinds.setdefault(item, set()).add(kind)
        last[item] = t
    scratch = made.scratch()
    scratch.ttl[:] = ttl
    open_user(made.state, scratch, profiles(made.state, np.array([1]))[0], now)

    for item in range(1, ITEMS + 1):
        if item not in kinds:
            assert scratch.seen[item] == 0
            continue
        age = now - last[item]
        longest = max(ttl[kind] for kind in kinds[item])
        if abs(longest - age) <= 1000:  # beyond the newest items, times are kept in seconds
            continue
        assert scratch.seen[item] == (KEPT_OUT if longest > age else REPEATABLE)
    close(scratch, scratch.pick, 0)
    assert not scratch.seen.any()


def test_rules_are_read_and_refused() -> None:
    assert parse("none").tolist() == [0] * KINDS
    assert parse("purchase, like=30d").tolist() == [0, 0, 30 * DAY, 0, FOREVER, 0, 0]
    assert parse("watch=1.5h")[5] == 5_400_000
    assert ttl({"view": "never", "like": "forever"}).tolist() == [0, 0, FOREVER, 0, 0, 0, 0]
    for text, words in (
        ("bought", "'bought' is no kind of event"),
        ("impression", "'impression' is no kind of event"),
        ("view=soon", "view is 'soon'; wanted forever"),
        ("view,view=1d", "names view twice"),
        ("", "no kind of event"),
    ):
        with pytest.raises(BadRequest, match=words):
            parse(text)
