"""Freshness of the last seconds comes from two looks at a histogram."""

import pytest

from deploy.client.freshness import Freshness


def page(*counts: int) -> str:
    bounds = ("0.01", "0.1", "1.0", "+Inf")
    lines = [
        f'riverwalk_freshness_seconds_bucket{{le="{b}"}} {n}.0' for b, n in zip(bounds, counts, strict=True)
    ]
    return "\n".join(["# HELP", *lines, "riverwalk_freshness_seconds_count 9.0"])


def test_only_what_came_between_two_looks_counts() -> None:
    fresh = Freshness()
    fresh.see(page(0, 0, 500, 500), 0.0)

    assert fresh.percentile_ms(0.5) is None

    fresh.see(page(90, 100, 600, 600), 2.0)

    assert fresh.percentile_ms(0.9) == 10.0
    assert fresh.percentile_ms(0.95) == pytest.approx(55.0)
    assert fresh.percentile_ms(1.0) == 100.0


def test_what_is_over_the_last_bound_is_at_least_that() -> None:
    fresh = Freshness()
    fresh.see(page(0, 0, 0, 0), 0.0)
    fresh.see(page(0, 0, 0, 4), 1.0)

    assert fresh.percentile_ms(0.99) == 1000.0


def test_an_instance_that_began_anew_begins_anew() -> None:
    fresh = Freshness()
    fresh.see(page(50, 50, 50, 50), 0.0)
    fresh.see(page(1, 1, 1, 1), 1.0)

    assert fresh.percentile_ms(0.5) is None


def test_the_window_slides() -> None:
    fresh = Freshness()
    fresh.see(page(0, 0, 0, 0), 0.0)
    fresh.see(page(0, 0, 100, 100), 1.0)
    for second in range(2, 40):
        fresh.see(page(second, second, 100 + second, 100 + second), float(second))

    assert (fresh.percentile_ms(0.99) or 99.0) <= 10.0
