"""Factor and walk models on logs whose answer is planted; what all fitted models share is in `test_model.py`."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from tests.fixture.block import EMPTY, GROUPS, blocks, own, within, without
from tgn.baseline.contract import Fitted, Model, Training
from tgn.baseline.factor.als import Cost
from tgn.baseline.factor.mf import Mf, MfSettings
from tgn.baseline.factor.mf_side import MfSide, MfSideSettings
from tgn.baseline.factor.tensor import TensorFactor, TensorFitted, TensorSettings, bins
from tgn.baseline.factor.two_tower import TwoTower, TwoTowerSettings
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.walk.deepwalk import DeepWalk
from tgn.baseline.walk.node2vec import Node2Vec
from tgn.baseline.walk.skipgram import SkipGramSettings

ALS = MfSettings(dim=6, schedule=Schedule(epochs=10, every=10, refit=False, held=0.0, average=0.0))
LATER = 10**12


def log(users: np.ndarray, items: np.ndarray, t: np.ndarray, shape: tuple[int, int]) -> Training:
    """A training part with nothing held."""
    value = np.ones(users.shape[0], np.float32)
    return Training(users.astype(np.int32), items.astype(np.int32), t, value, *shape, *[EMPTY] * 4)


def fit(model: Model, training: Training) -> Fitted:
    return model.fit(training, 0, lambda share: None, within())


def told() -> Training:
    """Groups that columns tell; users 0 .. 3 and items 0 .. 3, one of each group, have no events."""
    training = without(blocks(), list(range(GROUPS)), list(range(GROUPS)))
    columns = np.eye(GROUPS, dtype=np.float32)
    return training._replace(
        user_columns=columns[np.arange(training.n_users) % GROUPS],
        item_columns=columns[np.arange(training.n_items) % GROUPS],
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: MfSide(MfSideSettings(mf=ALS)),
        lambda: TensorFactor(TensorSettings(dim=8, schedule=Schedule(lr=0.05))),
        lambda: TwoTower(TwoTowerSettings(dim=16, hidden=16, batch=128, without_id=0.3)),
    ],
    ids=["mf-side", "tensor", "two-tower"],
)
def test_columns_tell_what_a_new_user_takes_and_who_takes_a_new_item(make: Callable[[], Model]) -> None:
    training = told()
    fitted = fit(make(), training)
    model = fitted.frozen()
    scores = np.stack([model.score(user, LATER) for user in range(training.n_users)])

    assert (fitted.cold_users, fitted.cold_items) == ("features", "features")
    for group in range(GROUPS):
        mine = np.arange(training.n_users) % GROUPS == group
        assert own(scores[group], group) > 0.6
        assert scores[mine, group].mean() > scores[~mine, group].mean()


def test_weights_of_columns_are_those_that_were_planted() -> None:
    rng = np.random.default_rng(0)
    x, planted = rng.normal(size=(300, 3)).astype(np.float32), rng.normal(size=(80, 3))
    chance = 1 / (1 + np.exp(-(2 * planted @ x.T - 1)))
    users, items = np.nonzero(rng.random((80, 300)) < chance)
    settings = msgspec.structs.replace(ALS, dim=2, cost=Cost(zero=1.0, l2=1e-3))
    training = log(users, items, np.arange(users.shape[0]), (80, 300))._replace(item_columns=x)
    fitted = fit(MfSide(MfSideSettings(mf=settings)), training)
    found = fitted.vectors.user[:, 4:7]  # type: ignore[attr-defined]  # behind two latent ones and two biases
    cosine = (found * planted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(planted, axis=1)

    assert np.median(cosine) > 0.95


def test_ratings_are_fitted_where_they_are_asked_for() -> None:
    training = blocks()
    value = np.where(training.items % 8 < 4, 5.0, 1.0).astype(np.float32)
    fitted = fit(Mf(msgspec.structs.replace(ALS, ratings=True)), training._replace(value=value))
    model = fitted.frozen()
    scores = np.stack([model.score(user, LATER) for user in range(training.n_users)])
    rows = scores[training.users, training.items]

    assert rows[value == 5].mean() > 2 * rows[value == 1].mean()


def test_a_history_that_goes_on_is_folded_in_and_old_items_count_less() -> None:
    training = blocks()
    fitted = fit(Mf(ALS), training)
    live = fitted.live()
    assert live is not None

    np.testing.assert_allclose(live.score(0, LATER), fitted.frozen().score(0, LATER), atol=1e-5)
    for k in range(12):
        live.learn(0, GROUPS * k + 1, LATER + k)
    assert own(live.score(0, LATER + 20), 1) > own(live.score(0, LATER + 20), 0)


def seasons(n: int = 6_000) -> tuple[Training, np.ndarray]:
    """Users of two tastes, items of two seasons: those of the first are taken in the first half of the span."""
    rng = np.random.default_rng(0)
    t = np.sort(rng.integers(0, 1_000_000, n))
    users = rng.integers(0, 40, n)
    first = rng.random(n) < np.where(t < 500_000, 0.95, 0.05)
    items = np.where(first, 0, 20) + np.where(users < 20, 0, 10) + rng.integers(0, 10, n)
    return log(users, items, t, (40, 40)), np.arange(40) < 20


def test_the_vectors_of_time_hold_the_season_that_was_planted() -> None:
    training, first = seasons()
    schedule = Schedule(epochs=60, every=60, lr=0.05, refit=False, held=0.0)
    settings = TensorSettings(dim=8, bins=10, slow=0.0, l2=1e-3, draws=1, batch=1_024, schedule=schedule)
    fitted = fit(TensorFactor(settings), training)
    assert isinstance(fitted, TensorFitted)
    model, planted = fitted.frozen(), np.repeat([1.0, -1.0], 5)
    middles = range(50_000, 1_000_000, 100_000)
    scores = np.array([[model.score(user, t) for user in range(40)] for t in middles])  # [bins, users, items]
    gap = scores[:, :, first].mean((1, 2)) - scores[:, :, ~first].mean((1, 2))

    assert np.corrcoef(gap, planted)[0, 1] > 0.95
    assert max(abs(np.corrcoef(fitted.moment[:, k], planted)[0, 1]) for k in range(8)) > 0.9
    taste = scores[0][:, first].reshape(40, 2, 10).mean(2)  # within the season
    assert (taste.argmax(1) == np.arange(40) // 20).mean() > 0.9
    np.testing.assert_array_equal(model.score(3, LATER), model.score(3, 999_999))


def test_bins_have_one_length_and_take_in_what_is_outside() -> None:
    found = bins(np.array([1_000, 5_000, 11_000]), 5)

    assert found.of(np.array([0, 1_000, 2_999, 3_000, 10_999, 11_000, 10**15])).tolist() == [
        0,
        0,
        0,
        1,
        4,
        4,
        4,
    ]
    assert bins(np.array([7, 7]), 5).of(np.array([0, 7, 9])).tolist() == [0, 0, 0]


def test_node2vec_with_p_and_q_of_one_is_deepwalk() -> None:
    settings = SkipGramSettings(dim=8, schedule=Schedule(epochs=3, every=3))
    plain, walked = (fit(make(settings), blocks()).frozen() for make in (DeepWalk, Node2Vec))

    for user in range(5):
        np.testing.assert_array_equal(plain.score(user, LATER), walked.score(user, LATER))
