"""One suite that every baseline passes, on data whose answer can be said aloud."""

from collections.abc import Callable

import numpy as np
import pytest

from tgn.baseline.contract import Baseline
from tgn.baseline.counted.cooccurrence import Cooccurrence, Pairs
from tgn.baseline.counted.cosine import Cosine
from tgn.baseline.counted.decayed_popularity import Decayed
from tgn.baseline.counted.ease import Ease, inverse, solve
from tgn.baseline.counted.edgebank import EdgeBank
from tgn.baseline.counted.own_recency import LocalGlobal, OwnRecency
from tgn.baseline.counted.popularity import Popularity
from tgn.baseline.counted.rp3beta import Rp3Beta
from tgn.baseline.counted.transition import Transition
from tgn.baseline.pyg_tgn import PygSettings, PygTgn

MAKERS: dict[str, Callable[[int], Baseline]] = {
    "popularity": Popularity,
    "decayed-popularity": lambda items: Decayed(items, 1_000),
    "own-recency": OwnRecency,
    "local-global": LocalGlobal,
    "edgebank": EdgeBank,
    "edgebank-tw": lambda items: EdgeBank(items, 100),
    "co-occurrence": Cooccurrence,
    "transitions": Transition,
    "cosine": Cosine,
    "rp3beta": Rp3Beta,
    "ease": lambda items: Ease(items, first=3),
    "pyg-tgn": lambda items: PygTgn(10, items, PygSettings(dim=8, batch=2)),
}

every = pytest.mark.parametrize("name", MAKERS)
counting = pytest.mark.parametrize(
    "name", [name for name in MAKERS if name != "pyg-tgn"]
)  # a network may like what it never saw
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
def test_asking_while_it_learns_does_not_change_what_it_learns(name: str) -> None:
    model = MAKERS[name](5)
    for user, item, t in LOG:
        model.score(user, t)
        model.score(88, t)
        model.learn(user, item, t)

    assert (model.score(0, 60) == taught(name).score(0, 60)).all()


@every
def test_ids_never_seen_are_no_error_and_score_like_everything_nobody_touched(name: str) -> None:
    score = taught(name).score(999, 60)

    assert score[4] == score[0]
    assert (score == taught(name).score(9, 60)).all()
    assert len(set(MAKERS[name](5).score(0, 0).tolist())) == 1


@counting
def test_items_nobody_touched_are_no_better_than_others(name: str) -> None:
    for user in (0, 1, 999):
        score = taught(name).score(user, 60)

        assert score[4] == score.min()


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


def played(model: Baseline, *histories: list[int]) -> Baseline:
    """A model that has seen one history after the other, each of a user of its own."""
    for user, items in enumerate(histories):
        for t, item in enumerate(items):
            model.learn(user, item, 100 * user + t)
    return model


def test_cooccurrence_puts_first_what_stood_nearest_in_other_histories_before_or_after() -> None:
    model = played(Cooccurrence(6), [0, 1, 2, 3], [0, 1, 2, 3], [4], [4, 4, 4, 4], [2])

    assert order(model, 4)[:3] == [1, 3, 0]
    assert order(model, 4)[3:] == [4, 2, 5]


def test_cooccurrence_listens_most_to_the_last_item_and_only_so_far_back() -> None:
    model = played(Cooccurrence(8, window=2), *[[0, 1], [2, 3], [4, 5]] * 3, [4, 2, 0])

    assert order(model, 9)[:2] == [1, 3]
    assert model.score(9, 0)[5] < 1e-6


def test_counts_of_pairs_are_those_of_a_dict() -> None:
    pairs, plain, rng = Pairs(4), np.zeros((4, 4)), np.random.default_rng(0)
    for first, second, weight in zip(*rng.integers(0, 4, (2, 1_000)), rng.random(1_000), strict=True):
        pairs.add(int(first), int(second), float(weight))
        plain[first, second] += weight

    assert max(map(len, pairs.to.values())) < 64
    for first in range(4):
        out = np.zeros(4)
        pairs.spread(out, first, 2.0)
        np.testing.assert_allclose(out, 2 * plain[first] / plain[first].sum())


def test_transitions_go_one_way() -> None:
    model = played(Transition(5), [0, 1], [0, 1], [0, 2], [3, 0], [1])

    assert order(model, 3)[:2] == [1, 2]
    assert model.score(4, 0).max() < 1e-6


def test_transitions_fall_back_on_two_steps_then_on_popularity() -> None:
    model = played(Transition(6), [0, 1, 2], [3, 3, 3], [0, 4])

    assert order(model, 2)[:2] == [2, 3]


def ridge(x: np.ndarray, penalty: float) -> np.ndarray:
    """EASE as it is defined: each item from the others by ridge regression, one after the other."""
    n = x.shape[1]
    out = np.zeros((n, n))
    for j in range(n):
        rest = [i for i in range(n) if i != j]
        a = x[:, rest]
        out[rest, j] = np.linalg.solve(a.T @ a + penalty * np.eye(n - 1), a.T @ x[:, j])
    return out


def test_ease_is_a_ridge_regression_of_each_item_on_the_others() -> None:
    x = (np.random.default_rng(0).random((40, 7)) < 0.4).astype(float)

    np.testing.assert_allclose(solve(x.T @ x, 3.0), ridge(x, 3.0), atol=1e-12)


def test_ease_scores_a_history_as_the_slow_model_does() -> None:
    rng = np.random.default_rng(1)
    histories = [rng.permutation(6)[: rng.integers(1, 6)].tolist() for _ in range(30)]
    x = np.zeros((30, 6))
    for user, items in enumerate(histories):
        x[user, items] = 1
    model = played(Ease(6, first=sum(map(len, histories)), penalty=5.0, decay=0.5), *histories)
    for user, items in enumerate(histories):
        expected = 0.5 ** np.arange(len(items)) @ ridge(x, 5.0)[items[::-1]]

        np.testing.assert_allclose(model.score(user, 0), expected, atol=1e-6)


def test_ease_takes_a_new_event_of_the_user_into_account_without_a_new_solution() -> None:
    model = played(Ease(6, 9.0, first=12), *[[0, 1], [2, 3]] * 3, [0])
    model.learn(6, 2, 0)

    assert order(model, 6)[:2] == [3, 1]


def test_ease_is_solved_again_when_the_stream_has_grown_by_its_share() -> None:
    model, solved = Ease(3, 0.5, first=4), []
    for event in range(1, 15):
        before = model.weight
        model.learn(event, event % 3, 0)
        solved += [event] if model.weight is not before else []

    assert solved == [4, 6, 9, 14]


def test_ease_leaves_items_of_few_users_last_in_order_of_popularity() -> None:
    model = played(Ease(6, first=10, most=2), [0, 1], [0, 1], [0, 1], [2, 2, 3], [0], [4])

    assert order(model, 4) == [1, 0, 2, 3, 4, 5]
    assert order(model, 5) == order(model, 99) == [0, 1, 2, 3, 4, 5]


def test_an_inverse_by_halves_is_the_inverse() -> None:
    x = (np.random.default_rng(0).random((700, 601)) < 0.2).astype(float)
    matrix = x.T @ x + 300 * np.eye(601)

    np.testing.assert_allclose(inverse(matrix), np.linalg.inv(matrix), atol=1e-12)
