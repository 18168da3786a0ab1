import numpy as np
import pytest

from tests.fixture.block import EMPTY
from tgn.baseline.contract import Training
from tgn.baseline.fitting.vectors import VectorFitted, Vectors

DAY = 86_400_000
LOG = Training(
    np.array([0, 0, 1], np.int32), np.array([0, 1, 2], np.int32), DAY * np.array([0, 4, 8]), np.ones(3, np.float32),
    3, 4, EMPTY, EMPTY, EMPTY, EMPTY,
)  # fmt: skip
USER = np.array([[1, 0], [0, 1], [7, 7]], np.float32)  # of user 2, nothing was learned
ITEM = np.array([[2, 0], [0, 2], [1, 3], [9, 9]], np.float32)  # of item 3 neither


def made(**how: str) -> VectorFitted:
    return VectorFitted("toy", LOG, Vectors(USER, ITEM, None), **how)  # type: ignore[arg-type]


def test_frozen_scores_are_products_and_items_without_events_stand_last() -> None:
    assert made().frozen().score(0, 0).tolist() == [2, 0, 1, -1]
    assert made(cold_items="features").frozen().score(0, 0).tolist() == [2, 0, 1, 9]


def test_a_user_of_whom_nothing_is_known_is_the_mean_user_or_nobody() -> None:
    assert made().frozen().score(2, 0)[:3].tolist() == [1, 1, 2]
    assert made().frozen().score(99, 0)[:3].tolist() == [1, 1, 2]
    assert made(cold_users="cannot").frozen().score(2, 0)[:3].tolist() == [0, 0, 0]
    assert made(cold_users="features").frozen().score(2, 0)[:3].tolist() == [14, 14, 28]


def test_a_bias_is_added() -> None:
    model = VectorFitted("toy", LOG, Vectors(USER, ITEM, np.array([0, 5, 0, 0], np.float32)))

    assert model.frozen().score(0, 0)[:3].tolist() == [2, 5, 1]


def test_a_live_user_is_the_decayed_mean_of_what_they_took_at_the_length_of_the_fitted() -> None:
    """Training spans eight days, so that half-lives are two: the first item of user 0, four days and an event older, counts .25 * .7."""
    live = made().live()
    assert live is not None
    vector = 0.25 * 0.7 * ITEM[0] + ITEM[1]

    np.testing.assert_allclose(
        live.score(0, 9 * DAY)[:3], ITEM[:3] @ (vector / np.linalg.norm(vector)), rtol=1e-5
    )


def test_a_live_newcomer_is_the_mean_user_until_they_take_something() -> None:
    live = made().live()
    assert live is not None
    assert live.score(2, 0)[:3].tolist() == [1, 1, 2]
    live.learn(2, 0, 9 * DAY)

    np.testing.assert_allclose(live.score(2, 9 * DAY)[:3], [2, 0, 1], rtol=1e-6)


def test_a_live_item_without_events_is_the_mean_of_the_users_who_took_it() -> None:
    live = made().live()
    assert live is not None
    assert live.score(1, 9 * DAY)[3] == live.score(1, 9 * DAY).min()
    live.learn(1, 3, 9 * DAY)

    assert live.score(1, 9 * DAY)[3] == pytest.approx(1.0)


def test_what_is_learned_live_stays_out_of_the_fit_and_out_of_other_live_ones() -> None:
    model = made()
    first, second = model.live(), model.live()
    assert first is not None
    assert second is not None
    before = second.score(1, 0).copy()
    first.learn(1, 3, 9 * DAY)

    np.testing.assert_array_equal(second.score(1, 0), before)
    assert model.frozen().score(1, 0)[3] == -1 + model.frozen().score(1, 0)[:3].min(initial=0)


def test_without_a_way_to_score_newcomers_there_is_no_live_model() -> None:
    assert made(cold_users="cannot").live() is None
