"""Logarithm and power of two for features."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from state.record.decay import halved, log, log1p


@given(st.floats(2.0**-120, 2.0**120))
def test_the_logarithm_is_that_of_libm(x: float) -> None:
    wanted = np.log(float(np.float32(x)))

    assert abs(log(x) - wanted) <= 2e-6 * max(1.0, abs(wanted))


@given(st.floats(0, 1e9))
def test_the_logarithm_of_one_and_more(x: float) -> None:
    assert abs(log1p(x) - np.log(float(np.float32(1) + np.float32(x)))) <= 4e-6 * 20
    assert log1p(0.0) == 0


@given(st.floats(0, 1e12), st.floats(1e-12, 1.0))
def test_what_is_left_is_half_after_a_half_life(gap: float, rate: float) -> None:
    power = float(np.float32(gap * rate))
    wanted = 2.0**-power if power <= 120 else 0.0

    assert abs(halved(gap, rate) - wanted) <= 2e-6 * wanted


def test_a_late_event_leaves_everything() -> None:
    assert halved(-5.0, 1.0) == halved(0.0, 1.0) == 1
