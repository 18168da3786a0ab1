"""What an event tells a memory."""

import numpy as np

from tgn.inference.layout import AGES, TYPES
from tgn.network.message import FREQUENCY, age_code, messages

DAY = 86_400_000


def told(other=None, age=0, kind=0, value=1.0):
    other = np.zeros((1, 4), np.float32) if other is None else other
    return messages(other, np.array([age]), np.array([kind], np.int8), np.array([value], np.float32))[0]


def test_a_message_holds_the_other_node_age_type_and_value_in_this_order():
    message = told(np.array([[1, 2, 3, 4]], np.float32), kind=4, value=0.0)

    assert message.dtype == np.float32
    assert message[:4].tolist() == [1, 2, 3, 4]
    assert message[4 : 4 + AGES].tolist() == [1.0] * AGES
    assert message[4 + AGES : -1].tolist() == [float(k == 4) for k in range(TYPES)]
    assert message[-1] == 0


def test_ages_of_years_keep_their_milliseconds():
    age = 20 * 365 * DAY
    seconds = np.array([age, age + 15_000]) / 1000.0

    code = age_code(np.array([age, age + 15_000]))

    assert np.allclose(code, np.cos(seconds[:, None] * FREQUENCY), atol=1e-6)
    assert abs(code[0, 0] - code[1, 0]) > 0.1


def test_an_age_below_zero_counts_as_none():
    assert np.array_equal(told(age=-5), told(age=0))


def test_values_are_finite_whatever_comes():
    for value in (np.nan, np.inf, -np.inf, 3e38, -3e38):
        assert np.isfinite(told(value=value)).all()
    assert told(value=100.0)[-1] > told(value=1.0)[-1] > 0 > told(value=-1.0)[-1]


def test_an_unknown_type_is_taken_as_the_nearest_known():
    assert told(kind=TYPES + 3)[4 + AGES : -1].sum() == 1
