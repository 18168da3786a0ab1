"""The user's vector."""

import numpy as np
import torch

from tgn.embedding import initial, split, user_vector
from tgn.layout import TgnSettings, bucket, net, unpack, weights

SIZES = TgnSettings(dim=8, heads=2, history=5, memory=6)


def vector(vectors, valid, age=None, memory=None, w=None):
    n, k, _ = vectors.shape
    age = np.zeros((n, k), np.int64) if age is None else age
    memory = torch.zeros(n, SIZES.memory) if memory is None else memory
    w = split(torch.from_numpy(initial(SIZES)), SIZES) if w is None else w
    return user_vector(vectors * valid[..., None], valid, torch.from_numpy(bucket(age)), memory, w, SIZES)


def some(n=3, seed=0):
    return torch.randn(n, SIZES.history, SIZES.dim, generator=torch.Generator().manual_seed(seed))


def test_what_lies_in_unused_places_does_not_matter():
    vectors, valid = some(), torch.tensor([[True, True, False, False, False]] * 3)
    other = vectors.clone()
    other[:, 2:] = 1e6

    assert torch.allclose(vector(vectors, valid), vector(other, valid), atol=1e-6)


def test_a_user_without_history_has_a_finite_vector():
    valid = torch.zeros(1, SIZES.history, dtype=torch.bool)

    assert torch.isfinite(vector(some(1), valid)).all()


def test_users_of_one_batch_do_not_see_each_other():
    vectors, valid = some(), torch.ones(3, SIZES.history, dtype=torch.bool)

    assert torch.allclose(vector(vectors, valid)[1:2], vector(vectors[1:2], valid[1:2]), atol=1e-5)


def test_order_and_ages_matter_once_they_are_learned():
    w = split(torch.from_numpy(initial(SIZES)), SIZES)
    w["bucket"] = torch.randn(w["bucket"].shape, generator=torch.Generator().manual_seed(1))
    vectors, valid = some(1), torch.ones(1, SIZES.history, dtype=torch.bool)
    ages = np.array([[0, 10_000, 100_000, 10**6, 10**9]])

    assert not torch.allclose(vector(vectors, valid, w=w), vector(vectors.flip(1), valid, w=w))
    assert not torch.allclose(vector(vectors, valid, ages, w=w), vector(vectors, valid, w=w))


def test_node_memory_says_nothing_before_anything_is_learned_and_can_learn():
    flat = torch.from_numpy(initial(SIZES)).requires_grad_()
    vectors, valid = some(1), torch.ones(1, SIZES.history, dtype=torch.bool)
    memory = torch.ones(1, SIZES.memory)

    plain = vector(vectors, valid, w=split(flat, SIZES))
    told = vector(vectors, valid, memory=memory, w=split(flat, SIZES))
    told.square().sum().backward()

    assert torch.equal(plain, told)
    assert unpack(flat.grad.numpy(), SIZES)["from_user"].any()


def test_the_net_row_and_the_weights_are_the_same_numbers():
    row = initial(SIZES)

    views, parts = unpack(row, SIZES), split(torch.from_numpy(row), SIZES)

    assert row.shape == (weights(SIZES),)
    assert list(views) == list(parts) == list(net(SIZES))
    assert all(np.array_equal(views[name], parts[name].numpy()) for name in views)


def test_buckets_are_logarithmic_and_hold_every_age():
    ages = np.array([-5, 0, 999, 5_000, 3_600_000, 86_400_000, 2**62])

    assert bucket(ages).tolist() == [0, 0, 0, 2, 10, 14, 23]
