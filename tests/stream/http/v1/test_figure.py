"""Figures of each second: how fast events come, and how fresh answers are."""

import pytest

from stream.histogram import SECONDS
from stream.http.v1.figure import Figures, quantile
from tests.fixture.backend import NOW_MS, Toy


def test_events_a_second_are_those_since_the_last_look() -> None:
    toy = Toy()
    figures = Figures(toy, lambda: NOW_MS)
    toy.apply(100)
    first = figures.point(10.0)
    toy.apply(600)

    assert first["events_per_s"] == 0.0
    assert figures.point(12.0)["events_per_s"] == 250.0
    assert figures.point(13.0)["events_per_s"] == 0.0


def test_a_state_that_is_loaded_anew_is_no_flood_of_events() -> None:
    toy = Toy()
    figures = Figures(toy, lambda: NOW_MS)
    toy.apply(600)
    figures.point(10.0)
    toy.apply(5)

    assert figures.point(11.0)["events_per_s"] == 0.0


@pytest.mark.parametrize(("share", "value"), [(0.5, 1.0), (0.99, 2.45)])
def test_a_quantile_lies_within_its_bucket(share: float, value: float) -> None:
    counts = [0] * (len(SECONDS) + 1)
    counts[SECONDS.index(0.001)] = 50
    counts[SECONDS.index(0.0025)] = 50

    assert quantile(counts, share) == pytest.approx(value, abs=0.05)


def test_what_is_slower_than_every_bound_is_told_as_the_last_one() -> None:
    assert quantile([0] * len(SECONDS) + [3], 0.5) == 60_000
