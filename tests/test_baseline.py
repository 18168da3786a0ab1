"""One suite that every baseline passes, on data whose answer can be said aloud."""

from collections.abc import Callable

import numpy as np
import pytest

from tgn.baselines.contract import Baseline
from tgn.baselines.decay import Decayed
from tgn.baselines.edgebank import EdgeBank
from tgn.baselines.own import LocalGlobal, OwnRecency
from tgn.baselines.popularity import Popularity

MAKERS: dict[str, Callable[[int], Baseline]] = {
    "popularity": Popularity,
    "decayed-popularity": lambda items: Decayed(items, 1_000),
    "own-recency": OwnRecency,
    "local-global": LocalGlobal,
    "edgebank": EdgeBank,
    "edgebank-tw": lambda items: EdgeBank(items, 100),
}

every = pytest.mark.parametrize("name", MAKERS)
LOG = [(0, 3, 10), (1, 3, 20), (0, 1, 30), (2, 3, 40), (0, 2, 50)]


def taught(name: str) -> Baseline:
    model = MAKERS[name](5)
    for user, item, t in LOG:
        model.learn(user, item, t)
    return model


def order(model: Baseline, user: int, t: int = 60) -> list[int]:
    return np.argsort(-model.score(user, t), kind="stable").tolist()


@every
def test_its_name_is_the_one_it_is_asked_by(name: str) -> None:
    assert taught(name).name == name


@every
def test_it_gives_one_number_an_item(name: str) -> None:
    score = taught(name).score(0, 60)

    assert score.shape == (5,)
    assert score.dtype == np.float64
    assert not np.isnan(score).any()


@every
def test_asking_changes_nothing(name: str) -> None:
    model = taught(name)
    first = model.score(0, 60).copy()
    model.score(77, 10**9)

    assert (model.score(0, 60) == first).all()


@every
def test_ids_never_seen_are_no_error_and_no_better_than_others(name: str) -> None:
    model = taught(name)

    assert model.score(999, 60)[4] == model.score(999, 60).min()
    assert len(set(MAKERS[name](5).score(0, 0).tolist())) == 1


def test_popularity_puts_the_most_taken_first() -> None:
    assert order(taught("popularity"), 9)[0] == 3


def test_decayed_popularity_forgets() -> None:
    model = taught("decayed-popularity")
    model.learn(1, 4, 60_000)

    assert order(model, 0)[:2] == [4, 3]


def test_own_recency_puts_the_last_own_item_first() -> None:
    assert order(taught("own-recency"), 0)[:3] == [2, 1, 3]


def test_local_global_puts_everybodys_last_items_below_the_own() -> None:
    assert order(taught("local-global"), 1)[:3] == [3, 2, 1]


def test_edgebank_knows_pairs_and_forgets_old_ones_in_a_window() -> None:
    assert taught("edgebank").score(0, 60).tolist() == [0, 1, 1, 1, 0]
    window = taught("edgebank-tw")
    window.learn(5, 0, 135)

    assert window.score(0, 136).tolist() == [0, 0, 1, 0, 0]
