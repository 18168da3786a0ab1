"""Models of factors and walks on logs whose answer is known."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from tests.fixture.block import blocks, hit, training
from tgn.baseline.contract import Baseline, Fitted, Model, Training
from tgn.baseline.factor.als import Cost
from tgn.baseline.factor.line import Line, LineSettings
from tgn.baseline.factor.mf import Mf, MfSettings
from tgn.baseline.factor.mf_bpr import BprSettings, MfBpr
from tgn.baseline.factor.mf_side import MfSide, MfSideSettings
from tgn.baseline.factor.tensor import TensorFactor, TensorFitted, TensorSettings, bins
from tgn.baseline.factor.two_tower import TwoTower, TwoTowerSettings
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.walk.deepwalk import DeepWalk
from tgn.baseline.walk.node2vec import Node2Vec
from tgn.baseline.walk.skipgram import SkipGramSettings

FAST = Schedule(epochs=60, every=60, lr=0.03, refit=False, held=0.0)
ALS = MfSettings(dim=6, schedule=Schedule(epochs=10, every=10, refit=False, held=0.0, average=0.0))
WALKED = SkipGramSettings(dim=8, schedule=FAST, batch=32)
MODELS: dict[str, Callable[[], Model]] = {
    "mf": lambda: Mf(ALS),
    "mf-bpr": lambda: MfBpr(BprSettings(dim=8, l2=1e-3, schedule=FAST)),
    "mf-side": lambda: MfSide(MfSideSettings(mf=ALS)),
    "tensor": lambda: TensorFactor(TensorSettings(dim=8, schedule=FAST)),
    "line": lambda: Line(LineSettings(dim=8, schedule=FAST)),
    "two-tower": lambda: TwoTower(
        TwoTowerSettings(dim=8, hidden=16, batch=64, schedule=msgspec.structs.replace(FAST, lr=0.01))
    ),
    "deepwalk": lambda: DeepWalk(WALKED),
    "node2vec": lambda: Node2Vec(msgspec.structs.replace(WALKED, p=4.0, q=0.5)),
}
every = pytest.mark.parametrize("name", MODELS)
T = 10**9


def fit(model: Model, log: Training, seed: int = 0) -> Fitted:
    return model.fit(log, seed, lambda share: None, 60.0)


def table(model: Baseline, n_users: int, t: int = T) -> np.ndarray:
    return np.stack([model.score(user, t).copy() for user in range(n_users)])


@every
def test_it_finds_what_is_left_of_each_users_block(name: str) -> None:
    log, left = blocks()
    model = MODELS[name]()
    fitted = fit(model, log)
    had = np.zeros(left.shape, bool)
    had[log.users, log.items] = True
    popular = np.tile(np.bincount(log.items, minlength=log.n_items), (log.n_users, 1))
    live = fitted.live()

    assert model.name == name
    assert hit(table(fitted.frozen(), log.n_users), had, left) > 0.85 > hit(popular, had, left) + 0.3
    assert live is not None
    assert hit(table(live, log.n_users), had, left) > 0.85


@every
def test_a_live_one_follows_the_user_into_another_block_and_a_frozen_one_does_not(name: str) -> None:
    log, _ = blocks()
    fitted = fit(MODELS[name](), log)
    frozen, live = fitted.frozen(), fitted.live()
    assert live is not None
    before = frozen.score(0, T).copy()
    for model in (frozen, live):
        for k, item in enumerate(range(30, 37)):
            model.learn(0, item, T + k)

    assert (frozen.score(0, T) == before).all()
    assert live.score(0, T + 9)[37:].mean() > live.score(0, T + 9)[1:8].mean()


def cold(name: str, **columns: np.ndarray) -> tuple[Fitted, np.ndarray]:
    """A fit without the last user and the last item, and all scores."""
    log, _ = blocks()
    keep = (log.users < log.n_users - 1) & (log.items < log.n_items - 1)
    rows = {one: getattr(log, one)[keep] for one in ("users", "items", "t", "value")}
    fitted = fit(MODELS[name](), log._replace(**rows, **columns))
    return fitted, table(fitted.frozen(), log.n_users)


@pytest.mark.parametrize("name", ["mf-side", "tensor", "two-tower"])
def test_columns_tell_what_a_new_user_takes_and_who_takes_a_new_item(name: str) -> None:
    fitted, scores = cold(name)

    assert (fitted.cold_users, fitted.cold_items) == ("features", "features")
    assert scores[-1, 30:].mean() > scores[-1, 20:30].mean()
    assert scores[45:, -1].mean() > scores[:45, -1].mean()


@pytest.mark.parametrize("name", ["mf", "mf-bpr", "line", "deepwalk", "node2vec"])
def test_without_columns_a_new_user_is_the_mean_user_until_they_take_something(name: str) -> None:
    fitted, scores = cold(name)
    live = fitted.live()
    assert live is not None
    live.learn(59, 31, T)

    assert (fitted.cold_users, fitted.cold_items) == ("neighbours", "neighbours")
    assert scores[-1, 39] == scores[-1].min()  # an item without events stands last
    assert live.score(59, T + 1)[32:39].mean() > live.score(59, T + 1)[21:29].mean()
    for user in range(45, 55):
        live.learn(user, 39, T + 2)
    assert live.score(56, T + 3)[39] > np.median(live.score(56, T + 3))


def test_weights_of_columns_are_those_that_were_planted() -> None:
    rng = np.random.default_rng(0)
    x, planted = rng.normal(size=(300, 3)).astype(np.float32), rng.normal(size=(80, 3))
    chance = 1 / (1 + np.exp(-(2 * planted @ x.T - 1)))
    users, items = np.nonzero(rng.random((80, 300)) < chance)
    settings = msgspec.structs.replace(ALS, dim=2, cost=Cost(zero=1.0, l2=1e-3))
    fitted = fit(MfSide(MfSideSettings(mf=settings)), training(users, items, 80, 300, item_columns=x))
    found = fitted.vectors.user[:, 4:7]  # type: ignore[attr-defined]
    cosine = (found * planted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(planted, axis=1)

    assert np.median(cosine) > 0.95


def test_ratings_are_fitted_where_they_are_asked_for() -> None:
    log, _ = blocks()
    value = np.where(log.items % 2 == 0, 5.0, 1.0).astype(np.float32)
    fitted = fit(Mf(msgspec.structs.replace(ALS, ratings=True)), log._replace(value=value))
    scores = table(fitted.frozen(), log.n_users)
    rows = scores[log.users, log.items]

    assert rows[value == 5].mean() > 2 * rows[value == 1].mean()


def seasons(n: int = 6_000) -> tuple[Training, np.ndarray]:
    """Users of two kinds of taste, items of two seasons: in the first half of the span those of summer are taken."""
    rng = np.random.default_rng(0)
    t = np.sort(rng.integers(0, 1_000_000, n))
    users = rng.integers(0, 40, n)
    summer = rng.random(n) < np.where(t < 500_000, 0.95, 0.05)
    items = np.where(summer, 0, 20) + np.where(users < 20, 0, 10) + rng.integers(0, 10, n)
    return training(users, items, 40, 40, t), np.arange(40) < 20


def test_the_vector_of_time_holds_the_season_that_was_planted() -> None:
    log, summer = seasons()
    settings = TensorSettings(dim=8, bins=10, slow=0.0, l2=1e-3, schedule=FAST)
    fitted = fit(TensorFactor(settings), log)
    assert isinstance(fitted, TensorFitted)
    model = fitted.frozen()
    gap = np.array(
        [
            np.mean([(s := model.score(user, t))[summer].mean() - s[~summer].mean() for user in range(40)])
            for t in range(50_000, 1_000_000, 100_000)
        ]
    )
    planted = np.where(np.arange(10) < 5, 1.0, -1.0)

    assert np.corrcoef(gap, planted)[0, 1] > 0.95
    direction = np.abs([np.corrcoef(fitted.moment[:, k], planted)[0, 1] for k in range(8)])
    assert direction.max() > 0.9
    for user in (0, 30):  # and its taste within the season
        own = model.score(user, 50_000)[:20].reshape(2, 10).mean(1)
        assert own.argmax() == int(user >= 20)
    assert (model.score(3, 10**12) == model.score(3, 999_999)).all()


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
    log, _ = blocks()
    short = msgspec.structs.replace(WALKED, schedule=msgspec.structs.replace(FAST, epochs=3, every=3))
    plain, biased = fit(DeepWalk(short), log), fit(Node2Vec(short), log)

    assert (table(plain.frozen(), 5) == table(biased.frozen(), 5)).all()


@every
def test_the_same_seed_gives_the_same_scores(name: str) -> None:
    log, _ = blocks()
    one, two = (table(fit(MODELS[name](), log, seed=3).frozen(), 5) for _ in range(2))

    assert (one == two).all()
