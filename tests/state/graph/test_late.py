"""Events in any order of time leave finite tables, near what plain float64 sums give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from state.graph.edge import link
from state.record.layout import EDGE
from state.record.setting import GraphSettings
from state.record.world import World
from tests.fixture.graph import feed

HOUR = 3_600_000


def world() -> World:
    """Tables whose pace follows the stream."""
    made = World(GraphSettings(), max_users=100, max_items=80)
    made.state.world[0]["items"] = 80
    return made


@given(
    some.lists(
        some.tuples(some.integers(0, 5), some.integers(0, 60 * HOUR), some.sampled_from([0.5, 1.0, 40.0])),
        min_size=1, max_size=40,
    )
)  # fmt: skip
def test_weights_are_plain_decayed_sums_in_any_order_and_at_any_pace(
    happened: list[tuple[int, int, float]],
) -> None:
    """Weights are as of a landmark; a new half-life moves it to the event's time, never back, and holds from there."""
    edge = np.zeros(1, EDGE)
    weight, t0, half0 = dict.fromkeys(range(6), 0.0), happened[0][1], happened[0][2] * HOUR
    for dst, t, hours in happened:
        half = hours * HOUR
        if abs(half0 - half) > 0.05 * half or t - t0 > 40 * half0:
            newest = max(t0, t)
            weight = {item: w * 2.0 ** (-(newest - t0) / half0) for item, w in weight.items()}
            t0, half0 = newest, half
        weight[dst] += 2.0 ** max(-40.0, (t - t0) / half0)
        link(edge[0], dst, 1.0, t, half)
    row = edge[0]
    found = dict(zip(row["dst"][: row["slots"]].tolist(), row["w"][: row["slots"]].tolist(), strict=True))

    assert row["t0"] == t0
    assert np.isfinite(row["w"]).all()
    assert np.isfinite(row["total"])
    assert row["total"] == pytest.approx(row["w"].sum(), rel=1e-4)
    assert found == pytest.approx(
        {item: w for item, w in weight.items() if item in found}, rel=1e-4, abs=1e-6
    )


@given(some.permutations(range(60)), some.integers(0, 59), some.integers(1, 400))
def test_any_order_of_times_leaves_finite_tables(order: list[int], odd: int, ahead: int) -> None:
    one = world()
    times = [k * 600_000 for k in order]
    times[odd] += ahead * HOUR
    feed(one, [(k % 7, 1 + k % 11, t) for k, t in enumerate(times)])
    for table in one.tables:
        assert table.broken(np.arange(min(table.capacity, 200))).shape[0] == 0, table.name


def test_one_wrong_time_does_not_move_the_pace_far() -> None:
    plain, odd = world(), world()
    happened = [(k % 40, 1 + k % 20, k * 60_000) for k in range(2_000)]
    feed(plain, happened)
    happened[1_500] = (*happened[1_500][:2], happened[1_500][2] + 23 * HOUR)
    feed(odd, happened)
    ratio = odd.state.world[0]["pace"] / plain.state.world[0]["pace"]

    assert 0.25 < ratio < 4
