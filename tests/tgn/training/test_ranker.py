"""The ranker: the blend until it has learned, the same numbers as torch's, and as the pass without torch."""

import math

import numpy as np
import pytest
import torch

from state.ranking.column import BLEND, FEATURES
from tgn.inference.ranker import EACH, SCORES, Forward, inputs, row_inputs, shapes, width
from tgn.training.perceptron import half
from tgn.training.ranker import Ranker, RankerSettings


def fresh(seed: int = 0) -> Ranker:
    torch.set_num_threads(1)
    row = np.zeros(width(FEATURES), np.float32)
    return Ranker(row, np.zeros(3 * row.shape[0] + 1, np.float32), FEATURES, RankerSettings(seed=seed))


def data(n: int = 64, c: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Candidates whose taken item is the one with the largest feature 7."""
    draw = np.random.default_rng(seed)
    x = draw.normal(0, 0.5, (n, c, FEATURES)).astype(np.float32)
    tgn = draw.normal(0, 0.5, (n, c, SCORES)).astype(np.float32)
    return x, tgn, np.zeros((n, c), np.float32), x[..., 7].argmax(1).astype(np.int64)


def logits(x: np.ndarray, tgn: np.ndarray, row: np.ndarray) -> np.ndarray:
    """One request's scores float32 [C], without torch."""
    forward = Forward(row, FEATURES, x.shape[0])
    forward.x[:] = np.concatenate([x, tgn], 1)
    return forward.logits(x.shape[0])


def test_a_fresh_ranker_is_the_blend() -> None:
    x, tgn, _, _ = data()

    assert np.allclose(fresh().score(x, tgn), 4 * x[..., BLEND])
    assert np.allclose(logits(x[0], tgn[0], fresh().row), 4 * x[0, :, BLEND])


def test_the_pass_without_torch_gives_the_same_scores() -> None:
    x, tgn, weight, label = data()
    ranker = fresh()
    for _ in range(20):
        ranker.step(x, tgn, weight, label)

    assert np.abs(ranker.score(x, tgn)[3] - logits(x[3], tgn[3], ranker.row)).max() < 1e-4


def test_it_learns_what_decides() -> None:
    ranker = fresh()
    for turn in range(150):
        ranker.step(*data(seed=turn))
    x, tgn, _, label = data(256, seed=999)

    assert (ranker.score(x, tgn).argmax(1) == label).mean() > 0.6


def test_a_loss_that_is_not_finite_changes_nothing() -> None:
    ranker = fresh()
    x, tgn, weight, label = data()
    before = ranker.row.copy()
    x[0, 0, 0] = np.nan

    assert np.isnan(ranker.step(x, tgn, weight, label))
    assert (ranker.row == before).all()


def test_the_same_seed_gives_the_same_weights_and_rows_hold_them() -> None:
    first, second = fresh(3), fresh(3)
    for one in (first, second):
        one.step(*data())
    again = Ranker(first.row.copy(), first.moment.copy(), FEATURES, RankerSettings())
    x, tgn, _, _ = data()

    assert (first.row == second.row).all()
    assert (again.score(x, tgn) == first.score(x, tgn)).all()
    assert (fresh(4).row != fresh(3).row).any()


def forward(weight: torch.Tensor, x: torch.Tensor, tgn: torch.Tensor) -> torch.Tensor:
    """The scores as torch writes them, for its gradient."""
    forms = shapes(FEATURES)
    flat = torch.split(weight, [math.prod(form) for form in forms])
    w1, b1, w2, b2, w3, alpha = (part.view(form) for part, form in zip(flat, forms, strict=True))
    hidden = torch.relu(torch.relu(torch.cat([x, tgn], -1) @ w1 + b1) @ w2 + b2)
    return 4 * (x[..., BLEND] + alpha[0] * tgn[..., 0] + alpha[1] * tgn[..., EACH]) + hidden @ w3


def reference(ranker: Ranker, x, tgn, weight, label) -> tuple[float, torch.Tensor, torch.Tensor]:
    """Loss, gradient by torch, and the weights after torch's own AdamW step, where it is the ranker's first."""
    raw = torch.from_numpy(ranker.weight.copy()).requires_grad_()
    score = forward(raw, torch.from_numpy(x), torch.from_numpy(tgn)) + torch.from_numpy(weight)
    loss = torch.nn.functional.cross_entropy(score, torch.from_numpy(label))
    loss.backward()
    assert raw.grad is not None
    gradient = raw.grad.clone()
    torch.nn.utils.clip_grad_norm_([raw], ranker.settings.clip)
    rate = ranker.settings.learning_rate / math.sqrt(1 + 1 / ranker.settings.warm_steps) / 20
    decay = ranker.settings.weight_decay
    torch.optim.AdamW([raw], lr=rate, betas=(0.9, 0.99), weight_decay=decay).step()
    return float(loss.detach()), gradient, raw.detach()


def warm() -> Ranker:
    """A ranker all of whose weights have moved, before its first counted step."""
    ranker = fresh()
    for turn in range(5):
        ranker.step(*data(seed=turn))
    raw = ranker.weight.copy()
    ranker.moment[:] = 0
    ranker.weight[:] = raw
    return ranker


@pytest.mark.parametrize(("n", "c"), [(64, 12), (40, 48), (3, 900), (1, 1)])
@pytest.mark.parametrize("loud", [1, 300])
def test_gradient_and_step_equal_those_of_torch(n: int, c: int, loud: float) -> None:
    ranker = warm()
    x, tgn, weight, label = data(n, c, seed=77)
    x *= loud  # the second is clipped
    draw = np.random.default_rng(1)
    weight += draw.normal(0, 1, weight.shape)
    away = draw.random(weight.shape) < 0.2
    away[np.arange(n), label] = False
    weight[away] = -np.inf

    loss, gradient, after = reference(ranker, x, tgn, weight, label)
    ours, found = ranker.perceptron.gradient(ranker.weight, x, tgn, weight, label)

    assert ours == pytest.approx(loss, rel=1e-5, abs=1e-6)
    assert np.abs(found - gradient.numpy()).max() < 1e-5 * max(1.0, float(gradient.abs().max()))
    assert ranker.step(x, tgn, weight, label) == ours
    moved = np.abs(gradient.numpy()) > 1e-4 * float(gradient.abs().max())  # Adam's first step is a sign
    assert np.abs(ranker.weight - after.numpy())[moved].max(initial=0) < 1e-6


def test_places_without_a_candidate_may_hold_anything() -> None:
    x, tgn, weight, label = data()
    weight[:, 5] = -np.inf
    label[label == 5] = 4
    one, two = warm(), warm()
    one.step(x, tgn, weight, label)
    valid = np.isfinite(weight)
    score = one.score(x, tgn, valid)

    x[:, 5], tgn[:, 5] = np.nan, np.inf
    two.step(x, tgn, weight, label)

    assert (one.row == two.row).all()
    assert (two.score(x, tgn, valid) == score).all()
    assert (score[:, 5] == 0).all()


def test_a_past_step_may_be_kept_at_half_the_width() -> None:
    x, tgn, weight, label = data()
    one, two = warm(), warm()

    one.step(
        x.astype(np.float16).astype(np.float32), tgn.astype(np.float16).astype(np.float32), weight, label
    )
    two.step(half(x), half(tgn), weight, label)

    assert (half(x) == x.astype(np.float16)).all()
    assert (one.row == two.row).all()


def written_out(score: np.ndarray, known: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Inputs of a learned score, as numpy writes them."""
    use = (known > 0) & valid & np.isfinite(score)
    clean = np.where(use, score, 0)
    centred = np.where(
        use, clean - clean.sum(-1, keepdims=True) / np.maximum(use.sum(-1, keepdims=True), 1), 0
    )
    peak = np.where(use, centred, -99).max(-1, keepdims=True)
    mass = np.where(use, np.exp(centred - peak), 0).sum(-1, keepdims=True)
    soft = np.where(use, np.maximum(centred - peak - np.log(np.maximum(mass, 1e-30)), -10), -10)
    return np.stack([centred / 4, soft / 5 + 1, use * known], -1)


@pytest.mark.parametrize("known", [[True] * 5, [True, False, True, False, False], [False] * 5])
def test_inputs_of_one_request_equal_those_of_a_batch(known: list[bool]) -> None:
    score = np.array([3.0, -1.0, 0.5, np.nan, 90.0], np.float32)
    flags = np.array(known)

    out = np.full((5, 3), 7, np.float32)
    row_inputs(score, flags, out)
    assert out == pytest.approx(inputs(score, flags, np.ones(5, bool)), abs=1e-5)


def test_inputs_of_a_batch_are_centred_score_log_softmax_and_known() -> None:
    draw = np.random.default_rng(0)
    score = draw.normal(0, 9, (30, 17)).astype(np.float32)
    known = np.where(draw.random(score.shape) < 0.3, 0, draw.random(score.shape)).astype(np.float32)
    valid = draw.random(score.shape) < 0.9

    assert inputs(score, known, valid) == pytest.approx(written_out(score, known, valid), abs=1e-4)


def test_places_that_are_empty_give_no_inputs_to_others() -> None:
    score = np.array([[1.0, 2.0, 50.0]], np.float32)
    used = inputs(score, np.ones((1, 3), bool), np.array([[True, True, False]]))

    assert used[0, :2] == pytest.approx(inputs(score[:, :2], np.ones((1, 2), bool), np.ones((1, 2), bool))[0])
