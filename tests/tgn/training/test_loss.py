"""Losses and negatives that can be chosen: what they are by definition, what they draw, and that each learns."""

import math

import msgspec
import numpy as np
import pytest
import torch

from tgn.inference.layout import TgnSettings, layout
from tgn.training.learner import Learner
from tgn.training.loss import hard_loss, loss
from tgn.training.negative import Pool
from tgn.training.optimizer import adam, row_adam

SIZES = TgnSettings(dim=16, heads=2, history=4, memory=8, whole=10, drawn=12, uniform=4, hard=8, recent=200)
ITEMS, USERS, BATCH = 40, 20, 64
LOSSES = ("softmax", "bpr", "nce")
NEGATIVES = ("uniform", "popularity", "hard", "mixed")

torch.set_num_threads(1)


def room(settings):
    count = {"user": USERS, "item": ITEMS, "one": 1}
    return {
        name: np.zeros((count[kind], *shape), dtype)
        for name, (kind, dtype, shape) in layout(settings).items()
    }


def sure(x):
    """-log sigmoid(x)."""
    return math.log1p(math.exp(-x))


def slow(name, logits, label, noise):
    """The loss by its definition, an event and an item at a time, summed."""
    total = 0.0
    for row, taken in zip(logits, label, strict=True):
        others = [k for k in range(len(row)) if k != taken]
        if name == "softmax":
            total += math.log(sum(math.exp(x) for x in row)) - row[taken]
        elif name == "bpr":
            total += sum(sure(row[taken] - row[k]) for k in others) / len(others)
        else:
            total += sure(row[taken] - noise[taken]) + sum(sure(noise[k] - row[k]) for k in others)
    return total


def case(n=5, width=7):
    rng = np.random.default_rng(0)
    return rng.normal(0, 2, (n, width)), rng.integers(0, width, n), rng.normal(-2, 1, width)


def tensor(x, dtype=np.float32):
    return torch.from_numpy(np.asarray(x, dtype))


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_are_those_of_its_definition(name):
    logits, label, noise = case()

    found, gradient = loss(name, tensor(logits), tensor(label, np.int64), tensor(noise))

    assert found == pytest.approx(slow(name, logits, label, noise), rel=1e-5)
    for i, j in np.ndindex(logits.shape):
        step = np.zeros(logits.shape)
        step[i, j] = 1e-5
        rise = slow(name, logits + step, label, noise) - slow(name, logits - step, label, noise)
        assert float(gradient[i, j]) == pytest.approx(rise / 2e-5, abs=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_hard_negatives_are_those_of_the_highest_score(name):
    logits, label, noise = case(width=9)
    keep = 3
    best = []
    for row, taken in zip(logits, label, strict=True):
        others = sorted((k for k in range(9) if k != taken), key=lambda k: -row[k])
        best.append([taken, *others[:keep]])

    found, gradient = hard_loss(name, tensor(logits), tensor(label, np.int64), tensor(noise), keep)

    wanted = np.sum([slow(name, [logits[i, cut]], [0], noise[cut]) for i, cut in enumerate(best)])
    assert found == pytest.approx(wanted, rel=1e-5)
    assert [sorted(np.flatnonzero(row)) for row in gradient.numpy()] == [sorted(cut) for cut in best]


@pytest.mark.parametrize("name", LOSSES)
def test_scores_that_are_not_numbers_give_a_loss_that_is_none(name):
    logits, label, noise = case()
    logits[2, 3] = np.nan

    found, _ = loss(name, tensor(logits), tensor(label, np.int64), tensor(noise))

    assert math.isnan(found)


@pytest.mark.parametrize("name", LOSSES)
def test_huge_scores_give_a_finite_loss(name):
    logits, label, noise = case()

    found, gradient = loss(name, tensor(logits * 1e4), tensor(label, np.int64), tensor(noise))

    assert math.isfinite(found)
    assert torch.isfinite(gradient).all()


def test_a_softmax_far_from_the_taken_item_is_exact_all_the_same():
    logits = np.array([[0.0, 200.0, 199.0], [0.0, 1.0, 2.0]])

    found, _ = loss("softmax", tensor(logits), tensor([0, 0], np.int64))

    far, near = (math.log(sum(math.exp(x - max(row)) for x in row)) + max(row) for row in logits)
    assert found == pytest.approx(far + near, rel=1e-6)


@pytest.mark.parametrize("negatives", NEGATIVES)
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_learns_from_every_kind_of_negatives_what_always_follows(name, negatives):
    settings = msgspec.structs.replace(SIZES, loss=name, negatives=negatives)
    learner = Learner(room(settings), settings)
    rng = np.random.default_rng(0)
    back = np.arange(1, 5)

    def batch():
        item = rng.integers(1, ITEMS, BATCH).astype(np.int32)
        hist = ((item[:, None] - 1 - back) % (ITEMS - 1) + 1).astype(np.int32)
        return hist, np.tile(back * 60_000, (BATCH, 1)), np.zeros(BATCH, np.int32), item

    for _ in range(200):
        learner.step(*batch())
    hist, age, user, item = batch()
    score, known = learner.score(hist, age, user, np.tile(np.arange(ITEMS, dtype=np.int32), (BATCH, 1)))

    assert (np.where(known, score, -np.inf).argmax(1) == item).mean() > 0.8


def pool(negatives, **change):
    """A pool of items 1 to 39, of which the last events took 1 to 9 alone."""
    settings = msgspec.structs.replace(SIZES, negatives=negatives, **change)
    tables = room(settings)
    made = Pool(tables, settings, np.random.default_rng(0))
    for items in (np.arange(1, ITEMS), np.tile(np.arange(1, 10), 30)):
        fresh = made.note(items.astype(np.int32))
        tables["item_output"][fresh, -1] = 1
    return made


def drawn(made, times=200):
    found = [made.draw(np.array([20], np.int32)) for _ in range(times)]
    assert all(np.array_equal(rows, np.unique(rows)) and 20 in rows for rows in found)
    return np.bincount(np.concatenate(found), minlength=ITEMS) / times


def test_uniform_negatives_are_any_item_and_popular_ones_those_just_taken():
    uniform, popular, mixed = (drawn(pool(name)) for name in ("uniform", "popularity", "mixed"))

    assert uniform[1:10].mean() == pytest.approx(uniform[21:].mean(), rel=0.1)
    assert popular[1:10].min() > 0.5
    assert not popular[21:].any()
    assert 0 < mixed[21:].mean() < 0.3 * mixed[1:10].mean()


def test_few_items_are_all_negatives_where_they_are_mixed_or_hard():
    for name in ("mixed", "hard"):
        assert drawn(pool(name, whole=50), 1)[1:].all()
    assert not drawn(pool("uniform", whole=50), 1)[1:].all()


@pytest.mark.parametrize("negatives", ["mixed", "hard"])
def test_a_hurried_pool_is_no_larger_than_what_is_drawn(negatives):
    made = pool(negatives, whole=50)
    assert made.draw(np.array([20], np.int32)).shape[0] == ITEMS - 1
    made.hurried = True
    some = made.draw(np.array([20], np.int32))
    few = pool(negatives, whole=50, drawn=30, uniform=10)
    few.hurried = True

    assert 20 in some
    assert some.shape[0] <= SIZES.drawn + SIZES.uniform + 1
    assert (
        few.draw(np.array([20], np.int32)).shape[0] == ITEMS - 1
    )  # all of them are no more than would be drawn


@pytest.mark.parametrize("negatives", NEGATIVES)
def test_the_noise_of_a_pool_is_how_often_it_holds_an_item(negatives):
    made = pool(negatives)
    rows = np.setdiff1d(np.arange(1, ITEMS), 20)

    share = np.exp(made.noise(rows))

    assert np.allclose(share, drawn(made, 2_000)[rows], atol=0.04)


def test_a_loss_or_negatives_of_no_such_name_are_refused():
    with pytest.raises(ValueError, match=r"loss 'softmx': not known; .*did you mean softmax\?"):
        TgnSettings(loss="softmx")
    with pytest.raises(ValueError, match="negatives 'all': not known; expected one of uniform, popularity"):
        TgnSettings(negatives="all")
    with pytest.raises(msgspec.ValidationError, match=r"hinge.*loss"):
        msgspec.convert({"loss": "hinge"}, TgnSettings)
    with pytest.raises(ValueError, match="expected a multiple of 4"):
        TgnSettings(dim=50)


def test_the_compiled_steps_are_those_of_adam_with_weight_decay():
    """On a row each step meets, and on a row that only every other step meets."""
    rng = np.random.default_rng(0)
    start, slopes = (rng.normal(0, 1, shape).astype(np.float32) for shape in ((3, 5), (8, 3, 5)))
    weights = [torch.nn.Parameter(torch.from_numpy(row.copy())) for row in start]
    wanted = [torch.optim.AdamW([w], lr=0.02, betas=(0.9, 0.99), weight_decay=0.1) for w in weights]
    table, moment = start.copy(), np.zeros((3, 12), np.float32)
    flat, flat_moment = start[0].copy(), np.zeros(11, np.float32)

    for k, slope in enumerate(slopes):
        rows = np.array([1, 2] if k % 2 else [1])
        for row in [0, *rows]:
            weights[row].grad = torch.from_numpy(slope[row]) * 0.5
            wanted[row].step()
        row_adam(table, moment, rows, slope[rows], 2, 0, 0.5, 0.02, 0.1)
        adam(flat, flat_moment, slope[0], 0.5, 0.02, 0.1)

    assert np.allclose(flat, weights[0].detach().numpy(), atol=1e-6)
    assert np.allclose(table[1:], torch.stack(weights[1:]).detach().numpy(), atol=1e-6)
    assert np.array_equal(moment[:, 0], [0, 8, 4])
    assert np.array_equal(table[0], start[0])
