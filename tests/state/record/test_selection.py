"""Selection of the largest against sorting."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from state.record.selection import insert, threshold


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 20))
def test_insertion_keeps_the_largest_best_first_and_equal_ones_in_order(
    numbers: list[int], limit: int
) -> None:
    items, values, n = np.zeros(limit, np.int32), np.zeros(limit), 0
    for k, value in enumerate(numbers):
        n = insert(items, values, n, limit, k, float(value))
    wanted = sorted(range(len(numbers)), key=lambda k: -numbers[k])[:limit]

    assert items[:n].tolist() == wanted
    assert values[:n].tolist() == [numbers[k] for k in wanted]


@given(
    st.lists(st.floats(2.0**-100, 2.0**20, width=32), min_size=1, max_size=80),
    st.integers(1, 80),
    st.integers(1, 4),
)
def test_the_threshold_is_the_least_of_the_largest(numbers: list[float], n: int, times: int) -> None:
    some = np.array(numbers * times, np.float32)
    n = min(n, some.shape[0])
    ordered = np.sort(some)[::-1]
    low, equal = threshold(some, n)

    assert low == ordered[n - 1]
    assert equal == int((ordered[:n] == low).sum())
