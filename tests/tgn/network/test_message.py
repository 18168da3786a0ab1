"""What an event tells a memory, and how messages that reach one node within a batch become one."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tgn.inference.layout import AGES, TYPES
from tgn.network.aggregation import TimeDecayed
from tgn.network.message import FREQUENCY, age_code, messages
from tgn.network.message import aggregate as compiled

DAY = 86_400_000
HOUR = 3_600_000


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


@pytest.mark.parametrize("half_life", [1e-6, HOUR, 1e15])
def test_the_compiled_aggregate_is_that_of_pytorch_geometric(half_life):
    rng = np.random.default_rng(0)
    n, nodes, d = 200, 30, 4
    node, other = rng.integers(0, nodes, n).astype(np.int32), rng.integers(0, 9, n).astype(np.int32)
    vector, t = rng.normal(0, 1, (9, d)).astype(np.float32), 10**12 + rng.integers(0, 5 * HOUR, n)
    kind, value = rng.integers(-2, TYPES + 2, n).astype(np.int8), rng.normal(0, 99, n).astype(np.float32)
    value[:3] = np.nan, np.inf, -np.inf
    time = np.where(rng.random(nodes) < 0.5, 0, 10**12 - rng.integers(0, 99 * DAY, nodes))
    age = np.where(time[node] > 0, t - time[node], 0)
    rows, newest = np.empty((2, n), np.int64)
    message, slot = np.empty((n, d + AGES + TYPES + 1), np.float32), np.zeros(nodes, np.int32)

    count = compiled(node, vector, other, t, kind, value, time, half_life, slot, rows, newest, message)

    wanted = TimeDecayed(half_life)(
        torch.from_numpy(messages(vector[other], age, kind, value)),
        torch.from_numpy(node.astype(np.int64)),
        dim_size=nodes,
        t=torch.from_numpy(t),
    )
    assert sorted(rows[:count]) == sorted(set(node.tolist()))
    assert message[:count] == pytest.approx(wanted.numpy()[rows[:count]], abs=1e-5)
    assert all(newest[k] == t[node == rows[k]].max() for k in range(count))
    assert not slot.any()


def test_a_mean_that_is_not_finite_becomes_zero():
    vector, one = np.array([[np.nan, 1.0]], np.float32), np.zeros(1, np.int32)
    rows, newest, message = np.empty(1, np.int64), np.empty(1, np.int64), np.empty((1, 18), np.float32)
    rest = np.array([5]), np.zeros(1, np.int8), np.ones(1, np.float32), np.zeros(1, np.int64)

    compiled(one, vector, one, *rest, 1.0, np.zeros(1, np.int32), rows, newest, message)

    assert message[0, :2].tolist() == [0, 1]
