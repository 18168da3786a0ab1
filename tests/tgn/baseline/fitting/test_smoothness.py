import math

import numpy as np
import pytest

from tgn.baseline.fitting.smoothness import smoothness


def test_it_is_the_mean_cosine_of_all_pairs() -> None:
    x = np.random.default_rng(0).normal(size=(30, 4))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosine = unit @ unit.T

    assert smoothness(x) == pytest.approx((cosine.sum() - 30) / (30 * 29))


def test_vectors_of_one_direction_are_as_smooth_as_can_be() -> None:
    assert smoothness(np.outer([1.0, 2.0, 9.0], [1.0, 1.0])) == pytest.approx(1.0)
    assert smoothness(np.array([[1.0, 0.0], [0.0, 1.0]])) == pytest.approx(0.0)


def test_rows_of_zeros_have_no_direction() -> None:
    assert smoothness(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])) == pytest.approx(1.0)
    assert math.isnan(smoothness(np.zeros((5, 3))))
