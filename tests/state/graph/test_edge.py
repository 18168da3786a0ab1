"""The co-watch graph against slow, obvious references."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.graph.aging import BANDS, ROWS, age, bands
from state.graph.edge import EVICTED, chance, link
from state.record.layout import SLOTS
from tests.fixture.graph import DAY, HALF, World, events, feed, found, reference, world


def test_edges_equal_a_dict_with_explicit_decay() -> None:
    log = events(1_500, 40)
    made = world()
    feed(made, log)
    now = log[-1][2]
    wanted, got = reference(log, now), found(made, now)

    assert got.keys() == wanted.keys()
    assert int(made.state.world[0]["edges"]) == len(wanted)
    for key, weight in wanted.items():
        assert got[key] == pytest.approx(weight, rel=1e-3)
    totals = {src: sum(w for (a, _), w in wanted.items() if a == src) for src in {a for a, _ in wanted}}
    for src, total in totals.items():
        edge = made.state.edges[src]
        assert float(edge["total"]) * 0.5 ** ((now - int(edge["t0"])) / float(edge["half"])) == pytest.approx(
            total, rel=1e-3
        )


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 5), st.integers(1, 40), st.sampled_from([-0.3, 0.0, 0.001, 0.02, 0.4, 3.0, 2_000.0])
    ),
    min_size=1,
    max_size=120,
)


@settings(max_examples=60)
@given(EVENTS)
def test_parts_of_a_row_are_those_of_a_dict_after_any_events(drawn: list[tuple[int, int, float]]) -> None:
    t, log = 5_000 * DAY, []
    for user, item, gap in drawn:
        log.append((user, item, t + int(min(gap, 0.0) * DAY)))
        t += int(max(gap, 0.0) * DAY)
    made = world(aging_share=0.0)
    feed(made, log)
    wanted = reference(log, t)

    assert found(made, t).keys() == wanted.keys()
    for src in range(80):
        edge = made.state.edges[src]
        whole = sum(weight for (a, _), weight in wanted.items() if a == src)
        if edge["total"] == 0:
            assert whole < 1e-30  # faded beyond what a float holds
            continue
        for dst, w in zip(edge["dst"][: edge["slots"]].tolist(), edge["w"].tolist(), strict=False):
            assert w / float(edge["total"]) == pytest.approx(wanted[src, dst] / whole, rel=1e-3, abs=1e-6)


@settings(max_examples=10)
@given(
    st.lists(
        st.tuples(st.integers(1, 100), st.floats(0.05, 1.0), st.floats(0.0, 60.0)), min_size=90, max_size=200
    )
)
def test_a_full_row_loses_its_weakest_edge_as_of_now(drawn: list[tuple[int, float, float]]) -> None:
    edge, t, now = world().state.edges[5], 0, dict[int, float]()
    for dst, weight, days in drawn:
        t += int(days * DAY)
        now = {to: left * 0.5 ** (days / HALF) for to, left in now.items()}
        outcome = link(edge, dst, weight, t, HALF * DAY)
        there = edge["dst"][: edge["slots"]].tolist()
        gone = now.keys() - set(there)

        assert (outcome == EVICTED) == (len(gone) == 1) == (len(now) == SLOTS and dst not in now)
        for to in gone:
            assert now.pop(to) <= min(now.values()) * 1.0001
        now[dst] = now.get(dst, 0.0) + weight
        assert sorted(there) == sorted(now)


def test_the_weakest_edge_gives_way() -> None:
    made = world()
    log = [(k, item, k * 100_000 + step * 10) for k in range(1, 79) for step, item in enumerate((79, k))]
    feed(made, [*log[:2], (90, 79, 1), (90, 1, 2), *log[2:]])
    edge = made.state.edges[79]

    assert edge["slots"] == SLOTS
    assert 1 in edge["dst"].tolist()
    assert 2 not in edge["dst"].tolist()
    assert int(made.state.world[0]["evicted"]) == 78 - SLOTS


def aged(made: World, now: int, rows: int = 80) -> int:
    """Let a whole pass go by as of `now`; return how many edges it dropped."""
    row = made.state.world[0]
    before = int(row["edges"])
    row["t"] = now
    age(made.state, made.marks, rows)
    while row["unaged"] > 0:
        age(made.state, made.marks, rows)
    assert before - int(row["edges"]) == before - len(found(made, 0))
    return before - int(row["edges"])


def test_aging_drops_the_same_share_of_old_edges_each_time() -> None:
    made, again, by_row = world(), world(), world()
    for one in (made, again, by_row):
        feed(one, events(1_500, 60))
    before = len(found(made, 0))
    dropped = aged(made, 60 * DAY)

    assert dropped == aged(again, 60 * DAY) == aged(by_row, 60 * DAY, rows=1)
    assert found(made, 0) == found(again, 0) == found(by_row, 0)
    assert dropped == int(made.state.world[0]["aged"])
    assert dropped / before == pytest.approx(0.1, abs=0.03)
    assert aged(made, 61 * DAY) == 0


def test_older_edges_are_dropped_more_often() -> None:
    made = world()
    feed(made, events(1_500, 60))
    before = len(found(made, 0))

    assert aged(made, 120 * DAY) / before == pytest.approx(1 - 0.9**3, abs=0.05)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"aging_share": 0.5}, 0.5),
        ({"aging_month_days": 15.0}, 1 - 0.9**3),
        ({"aging_every_days": 55.0}, 0.1),
        ({"aging_every_days": 100.0}, 0.0),
        ({"aging_share": 0.0}, 0.0),
    ],
)
def test_schedule_share_and_unit_of_aging_are_settings(settings: dict[str, float], wanted: float) -> None:
    made = world(**settings)
    feed(made, events(1_500, 60))
    before = len(found(made, 0))

    assert aged(made, 60 * DAY) / before == pytest.approx(wanted, abs=0.04)


def test_events_move_a_pass_on_a_few_rows_each() -> None:
    made = world()
    feed(made, events(1_500, 60))
    feed(made, [(1, 1, 60 * DAY)])
    left = int(made.state.world[0]["unaged"])
    feed(made, [(1, 1, 60 * DAY)] * 30)

    assert left == 80 - ROWS
    assert int(made.state.world[0]["unaged"]) == 0


def test_bands_count_edges_by_the_time_since_they_were_strengthened() -> None:
    made = world()
    feed(made, [(k, item, k * 45 * DAY + item) for k in range(9) for item in (2 * k + 1, 2 * k + 2)])
    counts = np.zeros(len(BANDS), np.int64)
    for begin in range(0, 80, 7):
        bands(made.state, begin, begin + 7, counts)
    ages = [(8 - k) * 45 / 30 for k in range(9)]
    wanted = [
        sum(3 for age in ages if low <= age < high)
        for low, high in zip(BANDS, (*BANDS[1:], 1e9), strict=True)
    ]

    assert counts.tolist() == wanted


def test_chance_is_even() -> None:
    draws = [chance(a, b, 3) for a in range(60) for b in range(60)]

    assert np.mean(draws) == pytest.approx(0.5, abs=0.02)
    assert np.mean(np.array(draws) < 0.1) == pytest.approx(0.1, abs=0.02)
