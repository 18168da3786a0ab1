"""Messages that reach one node within a batch become one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tgn.network.aggregation import TimeDecayed

HOUR = 3_600_000


def aggregate(half_life, x, index, t, size=None):
    return TimeDecayed(half_life)(
        torch.tensor(x, dtype=torch.float32), torch.tensor(index), dim_size=size, t=torch.tensor(t)
    )


def test_a_message_one_half_life_older_weighs_half():
    out = aggregate(HOUR, [[3.0], [0.0]], [0, 0], [10 * HOUR, 9 * HOUR])

    assert out.item() == pytest.approx(3 * 1 / 1.5)


def test_it_becomes_the_last_message_or_the_plain_mean_at_the_ends():
    x, index, t = [[1.0], [5.0], [9.0]], [0, 0, 0], [1000, 3000, 2000]

    assert aggregate(1e-3, x, index, t).item() == pytest.approx(5)
    assert aggregate(1e15, x, index, t).item() == pytest.approx(5)
    assert aggregate(1e15, x[:2], index[:2], t[:2]).item() == pytest.approx(3)


def test_a_node_without_messages_gets_zero():
    assert aggregate(HOUR, [[2.0]], [2], [7], size=4).flatten().tolist() == [0, 0, 2, 0]


def test_no_messages_are_no_nodes():
    empty = torch.zeros(0, dtype=torch.int64)

    assert TimeDecayed(HOUR)(torch.zeros(0, 3), empty, dim_size=0, t=empty).shape == (0, 3)


def test_stamps_of_today_keep_their_milliseconds():
    now = 1_790_000_000_000

    out = aggregate(1.0, [[4.0], [1.0]], [0, 0], [now, now - 1])

    assert out.item() == pytest.approx(3)


def test_without_times_it_says_what_it_wants():
    with pytest.raises(ValueError, match="one time a message"):
        TimeDecayed(HOUR)(torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64))


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 10**6), st.floats(-5, 5, width=32)),
        min_size=1,
        max_size=30,
    )
)
def test_it_equals_the_sum_worked_out_message_by_message(events):
    index, t, x = (list(part) for part in zip(*events, strict=True))

    out = aggregate(1e5, [[v] for v in x], index, t, size=5).flatten()

    for node in range(5):
        mine = [(s, v) for k, s, v in events if k == node]
        newest = max((s for s, _ in mine), default=0)
        mass = sum(0.5 ** ((newest - s) / 1e5) for s, _ in mine)
        total = sum(v * 0.5 ** ((newest - s) / 1e5) for s, v in mine)
        assert out[node].item() == pytest.approx(total / mass if mine else 0, abs=1e-4)
