"""Ranking measures against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tgn import measure


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

    assert measure.rank(np.array(scores, float), item, barred) == (best + worst) / 2


def test_measures_of_known_ranks() -> None:
    ranks = np.array([1.0, 2.0, 10.0, 11.0])

    assert measure.mrr(ranks) == pytest.approx((1 + 1 / 2 + 1 / 10 + 1 / 11) / 4)
    assert measure.recall(ranks, 10) == 0.75
    assert measure.ndcg(ranks, 2) == pytest.approx((1 + 1 / np.log2(3)) / 4)
    assert measure.mrr(np.zeros(0)) == 0.0
