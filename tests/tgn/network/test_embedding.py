"""The user's vector."""

import math

import numpy as np
import torch

from tgn.inference.attention import bucket
from tgn.inference.layout import TgnSettings, net, unpack, weights
from tgn.network.embedding import UserVector, initial, split

SIZES = TgnSettings(dim=8, heads=2, history=5, memory=6)
ROWS, NOTHING = 9, torch.zeros(2 * SIZES.dim)


def weight(seed=None):
    """Fresh weights, or some that have been learned."""
    row = initial(SIZES)
    if seed is not None:
        row += np.random.default_rng(seed).normal(0, 0.3, row.shape).astype(np.float32)
    return split(torch.from_numpy(row), SIZES)


def vector(vectors, index, age=None, extra=NOTHING, w=None):
    age = np.zeros(index.shape, np.int64) if age is None else age
    return UserVector(vectors, index, bucket(age), extra, weight() if w is None else w).users


def some(seed=0):
    return torch.randn(ROWS, SIZES.dim, generator=torch.Generator().manual_seed(seed))


def histories(n=6, seed=0):
    """Rows of histories of every length, newest first."""
    rng = np.random.default_rng(seed)
    index = rng.integers(0, ROWS, (n, SIZES.history)).astype(np.int32)
    index[np.arange(SIZES.history) >= (np.arange(n) % (SIZES.history + 1))[:, None]] = -1
    return index, np.sort(rng.integers(0, 10**10, index.shape), 1)


def plain(vectors, index, buckets, extra, w):
    """The same by its definition, in torch alone, a user at a time."""
    d, heads, out, again = SIZES.dim, SIZES.heads, [], []
    for row, age, more in zip(index, buckets, extra.expand(len(index), 2 * d), strict=True):
        rows = torch.from_numpy(row[row >= 0].astype(np.int64))
        age = torch.from_numpy(age[row >= 0])
        x = torch.zeros(3 * d)
        if rows.shape[0]:
            seen, parts = vectors[rows], []
            query, key, value = seen[0] @ w["query"], seen @ w["key"], seen @ w["value"] + w["age"][age]
            for h, cut in enumerate(torch.arange(d).split(d // heads)):
                score = key[:, cut] @ query[cut] / math.sqrt(d // heads)
                score = score + w["place"][h, : rows.shape[0]] + w["bucket"][h, age]
                parts.append(score.softmax(0) @ value[:, cut])
            x = torch.cat([*parts, seen[0], seen.mean(0)])
        hidden = torch.relu(x @ w["hidden"] + more + w["hidden_bias"])
        out.append(hidden @ w["out"] + w["out_bias"] + x @ w["skip"])
        again.append(torch.zeros(row.shape[0]))
        for k in range(rows.shape[0]):
            again[-1][k] = w["again"][k] + w["again_age"][age[k]] + hidden @ w["again_user"]
    return torch.stack(out), torch.stack(again)


def test_the_compiled_attention_is_the_one_of_its_definition():
    index, age = histories()

    mine = vector(some(), index, age, w=weight(1))

    assert torch.allclose(mine, plain(some(), index, bucket(age), NOTHING, weight(1))[0], atol=1e-5)


def test_what_is_added_to_the_items_of_a_history_is_the_sum_of_place_age_and_user():
    index, age = histories()
    w = weight(1)

    again = UserVector(some(), index, bucket(age), None, w).again

    used = torch.from_numpy(index >= 0)
    assert torch.allclose(again * used, plain(some(), index, bucket(age), NOTHING, w)[1], atol=1e-5)


def test_its_gradients_are_those_of_the_definition():
    index, age = histories(12)
    draw = torch.Generator().manual_seed(3)
    of_users = torch.randn(12, SIZES.dim, generator=draw)
    of_again = torch.randn(index.shape, generator=draw) * torch.from_numpy(index >= 0)
    inputs = some().requires_grad_(), torch.randn(12, 2 * SIZES.dim, generator=draw).requires_grad_()
    flat = torch.cat([part.view(-1) for part in weight(1).values()]).requires_grad_()
    users, again = plain(inputs[0], index, bucket(age), inputs[1], split(flat, SIZES))
    wanted = torch.autograd.grad((users * of_users).sum() + (again * of_again).sum(), [*inputs, flat])

    of_net = torch.zeros_like(flat)
    found = UserVector(inputs[0].detach(), index, bucket(age), inputs[1].detach(), weight(1))
    slopes = (*found.back(of_users, of_again, split(of_net, SIZES)), of_net)

    assert all(torch.allclose(a, b, atol=1e-4, rtol=1e-4) for a, b in zip(slopes, wanted, strict=True))
    parts = split(of_net, SIZES)
    assert all(parts[name].any() for name in parts if not name.startswith(("from", "gru")))


def test_items_outside_the_history_do_not_matter():
    index = np.array([[4, 2, -1, -1, -1]], np.int32)
    other = some()
    other[[0, 1, 3, 5, 6, 7, 8]] = 1e6

    assert torch.equal(vector(some(), index), vector(other, index))


def test_a_user_without_history_has_a_finite_vector():
    index = np.full((1, SIZES.history), -1, np.int32)

    assert torch.isfinite(vector(some(), index)).all()


def test_users_of_one_batch_do_not_see_each_other():
    index, age = histories()

    assert torch.allclose(vector(some(), index, age)[3:4], vector(some(), index[3:4], age[3:4]), atol=1e-5)


def test_order_and_ages_matter_once_they_are_learned():
    w, index = weight(1), np.array([[0, 1, 2, 3, 4]], np.int32)
    ages = np.array([[0, 10_000, 100_000, 10**6, 10**9]])

    assert not torch.allclose(vector(some(), index, w=w), vector(some(), index[:, ::-1].copy(), w=w))
    assert not torch.allclose(vector(some(), index, ages, w=w), vector(some(), index, w=w))


def test_a_vector_that_is_not_a_number_does_not_pass_for_one():
    index, broken = np.array([[0, 1, -1, -1, -1], [2, 3, -1, -1, -1]], np.int32), some()
    broken[1] = float("nan")

    assert torch.isfinite(vector(broken, index)).all(1).tolist() == [False, True]


def test_node_memory_says_nothing_before_anything_is_learned_and_can_learn():
    w, index = weight(), np.array([[0, 1, 2, 3, 4]], np.int32)

    bare = vector(some(), index, w=w)
    informed = UserVector(some(), index, bucket(index * 0), torch.ones(1, SIZES.memory) @ w["from_user"], w)
    _, of_extra = informed.back(informed.users, informed.again, split(torch.zeros(weights(SIZES)), SIZES))

    assert torch.equal(bare, informed.users)
    assert of_extra.any()


def test_the_net_row_and_the_weights_are_the_same_numbers():
    row = initial(SIZES)

    views, parts = unpack(row, SIZES), split(torch.from_numpy(row), SIZES)

    assert row.shape == (weights(SIZES),)
    assert list(views) == list(parts) == list(net(SIZES))
    assert all(np.array_equal(views[name], parts[name].numpy()) for name in views)


def test_buckets_are_logarithmic_and_hold_every_age():
    ages = np.array([-5, 0, 999, 5_000, 3_600_000, 86_400_000, 2**62])

    assert bucket(ages).tolist() == [0, 0, 0, 2, 10, 14, 23]
