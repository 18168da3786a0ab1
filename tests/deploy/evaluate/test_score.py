"""What ranks are worth: rows over seeds, and models in pairs."""

import numpy as np
import pytest

from deploy.evaluate.runner import Done
from deploy.evaluate.score import Run, compare, row
from deploy.evaluate.split import Split

DONE = [Done(1.0, 10.0), Done(3.0, 20.0)]


def log(*, by_user: bool = False) -> Split:
    """User 0 has an event in training and two in the test, user 1 has two in the test, one stamp each."""
    whole = np.arange(5)
    users, part = np.array([0, 0, 0, 1, 1]), np.array([0, 2, 2, 2, 2], np.int8)
    columns = (users, whole, whole, np.zeros(5, np.int8), np.ones(5), part, part > 0, users, whole)
    return Split(*columns, exclude_seen=True, same_stamp=False, n_users=2, n_items=5, by_user=by_user)


def places(*ranks: float) -> np.ndarray:
    return np.array([np.nan, *ranks])


def test_seeds_give_a_mean_and_a_spread_and_do_not_touch_what_no_seed_changes() -> None:
    first, second = places(2, 2, 2, 2), places(4, 4, 4, 4)
    runs = [Run("riverwalk", [first, second], DONE), Run("popularity", [second, second], DONE[:1])]
    own, trivial = (row(run, [log()] * 2, [log().kinds()] * 2, "test") for run in runs)
    pair = compare(runs, [log()] * 2, "test", [own, trivial])[0]

    assert (own["mrr"], own["mrr_std"], own["seeds"]) == (0.375, 0.17678, 2)
    assert (own["seconds"], own["peak_rss_mib"]) == (2.0, 20.0)
    assert (trivial["mrr"], trivial["mrr_std"], trivial["seeds"]) == (0.25, 0.0, 1)
    assert (pair["model"], pair["against"]) == ("riverwalk", "popularity")
    assert (pair["low"], pair["mrr_difference"], pair["high"]) == (0.125, 0.125, 0.125)


def test_what_is_left_out_of_riverwalk_is_compared_with_all_of_it() -> None:
    names = ("riverwalk", "riverwalk-counted", "riverwalk-minus-slow", "popularity", "ease")
    runs = [Run(name, [places(1, 2, 2, k + 1)], DONE[:1]) for k, name in enumerate(names)]
    rows = [row(run, [log()], [log().kinds()], "test") for run in runs]
    pairs = compare(runs, [log()], "test", rows)

    for model in names:
        against = [pair["against"] for pair in pairs if pair["model"] == model]
        wanted = ["riverwalk-counted", "popularity", *(["riverwalk"] if "minus" in model else [])]
        assert against == [name for name in wanted if name != model]


def test_chance_is_not_significant_and_a_difference_of_every_user_is() -> None:
    better, mixed, base = places(1, 1, 1, 1), places(1, 1, 4, 4), places(2, 2, 2, 2)
    runs = [Run("edgebank", [base], DONE), Run("riverwalk", [better], DONE), Run("blend", [mixed], DONE)]
    rows = [row(run, [log()], [log().kinds()], "test") for run in runs]
    found = {pair["model"]: pair for pair in compare(runs, [log()], "test", rows)}

    assert found["riverwalk"]["significant"]
    assert not found["blend"]["significant"]
    assert found["blend"]["low"] < 0 < found["blend"]["high"]


def test_figures_of_a_random_split_are_means_over_users() -> None:
    ranks = places(1, 30, 2, 2)
    run = Run("riverwalk", [ranks], DONE[:1])
    by_event, by_user = (row(run, [one], [one.kinds()], "test") for one in (log(), log(by_user=True)))

    assert by_event["recall"]["10"] == by_user["recall"]["10"] == 0.75
    assert by_event["mrr"] == pytest.approx((1 + 1 / 30 + 1 / 2 + 1 / 2) / 4, abs=1e-5)
    assert by_user["mrr"] == 0.75
    assert by_user["precision"]["20"] == 0.075
