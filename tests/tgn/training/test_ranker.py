"""The ranker: the blend until it has learned, and the same numbers with and without torch."""

import numpy as np
import pytest
import torch

from state.ranking.column import BLEND, FEATURES
from tgn.inference.ranker import (
    SCORES,
    Forward,
    inputs,
    row_inputs,
    width,
)
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


@pytest.mark.parametrize("known", [[True] * 5, [True, False, True, False, False], [False] * 5])
def test_inputs_of_one_request_equal_those_of_a_batch(known: list[bool]) -> None:
    score = np.array([3.0, -1.0, 0.5, np.nan, 90.0], np.float32)
    flags = np.array(known)

    out = np.full((5, 3), 7, np.float32)
    row_inputs(score, flags, out)
    assert out == pytest.approx(inputs(score, flags, np.ones(5, bool)), abs=1e-5)


def test_places_that_are_empty_give_no_inputs_to_others() -> None:
    score = np.array([[1.0, 2.0, 50.0]], np.float32)
    used = inputs(score, np.ones((1, 3), bool), np.array([[True, True, False]]))

    assert used[0, :2] == pytest.approx(inputs(score[:, :2], np.ones((1, 2), bool), np.ones((1, 2), bool))[0])
