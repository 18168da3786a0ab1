"""Users against a pool: the loss and its gradients, in blocks of any size, are those of torch over one matrix."""

import msgspec
import numpy as np
import pytest
import torch

from tgn.inference.layout import TgnSettings
from tgn.training.contrast import Contrast, places

SIZES = TgnSettings(dim=8, heads=2, history=4, memory=6)


def case(n, width):
    draw = np.random.default_rng(0)
    pool = np.sort(draw.choice(np.arange(1, 3 * width), width, replace=False))
    hist = draw.integers(-1, 3 * width, (n, SIZES.history)).astype(np.int32)
    hist[:, 1] = hist[:, 0]  # a history may name an item twice
    item = draw.choice(pool, n).astype(np.int32)
    column, label = np.empty(hist.shape, np.int32), np.empty(n, np.int64)
    places(pool, hist, item, np.zeros(3 * width, np.int32), column, label)
    shapes = (n, SIZES.dim), hist.shape, (width, SIZES.dim + 1)
    inputs = [torch.from_numpy(draw.normal(0, 1, shape).astype(np.float32)) for shape in shapes]
    return pool, hist, item, column, label, inputs


def test_places_are_the_columns_of_a_pool():
    pool, hist, item, column, label, _ = case(30, 50)

    assert np.array_equal(pool[label], item)
    for row, where in zip(hist.ravel(), column.ravel(), strict=True):
        assert pool[where] == row if row in pool else where == -1


@pytest.mark.parametrize(("n", "width", "block"), [(30, 50, 10**6), (30, 50, 400), (7, 900, 1), (1, 1, 1)])
def test_loss_and_gradients_are_those_of_torch(n, width, block):
    _, _, _, column, label, inputs = case(n, width)
    users, again, output = (part.clone().requires_grad_() for part in inputs)
    hit = torch.from_numpy(column >= 0)
    logits = users @ output[:, :-1].t() + output[:, -1]
    logits = logits.scatter_add(1, torch.from_numpy(np.maximum(column, 0)).long(), again * hit)
    wanted = torch.nn.functional.cross_entropy(logits, torch.from_numpy(label))

    cost, slopes = Contrast(SIZES, block)(*inputs, column, label, None)

    assert cost == pytest.approx(float(wanted.detach()), rel=1e-5, abs=1e-6)
    for mine, theirs in zip(slopes, torch.autograd.grad(wanted, [users, again, output]), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)


@pytest.mark.parametrize("change", [{"loss": "bpr"}, {"loss": "nce"}, {"negatives": "hard", "hard": 5}])
def test_every_loss_is_the_same_in_blocks(change):
    _, _, _, column, label, inputs = case(30, 50)
    noise = torch.linspace(-2, 0, 50)
    settings = msgspec.structs.replace(SIZES, **change)

    cost, slopes = Contrast(settings)(*inputs, column, label, noise)
    other, others = Contrast(settings, 400)(*inputs, column, label, noise)

    assert other == pytest.approx(cost, rel=1e-5)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(slopes, others, strict=True))
