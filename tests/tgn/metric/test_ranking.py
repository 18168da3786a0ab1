"""Ranking measures against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tgn.metric import bootstrap, ranking


@settings(deadline=None)
@given(some.lists(some.integers(0, 4), min_size=1, max_size=30), some.data())
def test_a_rank_is_half_way_between_the_best_and_the_worst_place(
    scores: list[int], data: some.DataObject
) -> None:
    item = data.draw(some.integers(0, len(scores) - 1))
    out = data.draw(some.sets(some.integers(0, len(scores) - 1)))
    others = [s for k, s in enumerate(scores) if k != item and k not in out]
    best = 1 + sum(s > scores[item] for s in others)
    worst = 1 + sum(s >= scores[item] for s in others)
    barred = np.zeros(len(scores), bool)
    barred[list(out)] = True

    assert ranking.rank(np.array(scores, float), item, barred) == (best + worst) / 2


def test_measures_of_known_ranks() -> None:
    ranks = np.array([1.0, 2.0, 10.0, 11.0])

    assert ranking.mrr(ranks) == pytest.approx((1 + 1 / 2 + 1 / 10 + 1 / 11) / 4)
    assert ranking.recall(ranks, 10) == 0.75
    assert ranking.ndcg(ranks, 2) == pytest.approx((1 + 1 / np.log2(3)) / 4)
    assert ranking.mrr(np.zeros(0)) == 0.0


def test_a_score_that_is_no_number_stands_last() -> None:
    nobody = np.zeros(4, bool)
    score = np.array([np.nan, 1.0, -np.inf, np.nan])

    assert ranking.rank(score, 0, nobody) == 3.0
    assert ranking.rank(score, 1, nobody) == 1.0


@pytest.mark.parametrize("wrong", [np.nan, 0.0, 0.5])
def test_a_rank_that_is_no_place_is_refused(wrong: float) -> None:
    ranks = np.array([1.0, wrong])
    for ask in (ranking.mrr, lambda r: ranking.recall(r, 5), lambda r: ranking.ndcg(r, 5)):
        with pytest.raises(ValueError, match="1 of 2 ranks are no places"):
            ask(ranks)


@settings(deadline=None)
@given(some.lists(some.tuples(some.integers(0, 3), some.integers(1, 9)), min_size=1), some.integers(1, 8))
def test_lists_of_users_are_worth_the_mean_of_what_each_is_worth(
    pairs: list[tuple[int, int]], k: int
) -> None:
    lists: dict[int, list[int]] = {}
    for user, place in pairs:
        lists.setdefault(user, []).append(place)
    worth = []
    for places in lists.values():
        hits = [place for place in places if place <= k]
        ideal = sum(1 / np.log2(1 + place) for place in range(1, min(len(places), k) + 1))
        gain = sum(1 / np.log2(1 + place) for place in hits)
        worth.append((1 / min(places), len(hits) / len(places), len(hits) / k, gain / ideal, len(hits) > 0))
    found = ranking.per_user(np.array([u for u, _ in pairs]), np.array([p for _, p in pairs], float), k)

    assert tuple(found) == pytest.approx(tuple(np.mean(worth, 0)))


def test_no_users_are_worth_nothing() -> None:
    assert tuple(ranking.per_user(np.zeros(0, int), np.zeros(0), 10)) == (0.0, 0.0, 0.0, 0.0, 0.0)


def test_an_interval_over_users_of_one_event_is_as_wide_as_the_normal_one() -> None:
    chance = np.random.default_rng(0)
    values = chance.normal(0.1, 1.0, 4_000)
    found = bootstrap.interval(np.arange(4_000), values[:, None])

    reach = 1.96 * values.std() / np.sqrt(4_000)
    assert found.mean[0] == pytest.approx(values.mean())
    assert found.low[0] == pytest.approx(values.mean() - reach, abs=0.1 * reach)
    assert found.high[0] == pytest.approx(values.mean() + reach, abs=0.1 * reach)


def test_events_of_one_user_are_no_independent_evidence() -> None:
    values = np.random.default_rng(1).normal(0.1, 1.0, 100)
    apart = bootstrap.interval(np.arange(100), values[:, None])
    copied = bootstrap.interval(np.repeat(np.arange(100), 25), np.repeat(values, 25)[:, None])

    assert np.allclose(apart, copied)


def test_columns_meet_the_same_resamples_and_a_seed_repeats_them() -> None:
    users = np.arange(300) % 40
    values = np.random.default_rng(2).normal(size=300)
    both = bootstrap.interval(users, np.stack([values, -2 * values], axis=1))

    assert both.low[0] == pytest.approx(-both.high[1] / 2)
    assert np.array_equal(both, bootstrap.interval(users, np.stack([values, -2 * values], axis=1)))
    assert not np.array_equal(both.low[:1], bootstrap.interval(users, values[:, None], seed=1).low)


def test_one_user_says_nothing_about_chance() -> None:
    found = bootstrap.interval(np.zeros(5, int), np.ones((5, 1)))

    assert found.mean[0] == 1.0
    assert np.isnan(found.low[0])
    assert np.isnan(found.high[0])
