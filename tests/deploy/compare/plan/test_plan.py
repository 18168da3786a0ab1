"""The plan of a comparison: what runs, for how long, in how much memory."""

from pathlib import Path

import pytest

from deploy.compare.plan import memory, plan
from deploy.compare.plan.pace import Pace, Seconds, Size, estimate
from deploy.compare.plan.plan import LEAST_S, Planned, within
from deploy.evaluate.setting import FITTED

FILMS = Size(train=70_000, events=100_000, judged=15_000, users=943, items=1_682)
HUGE = Size(train=900_000, events=1_000_000, judged=100_000, users=100_000, items=50_000)


def planned(name: str, fit: float, rest: float) -> Planned:
    return Planned(name, 1, Seconds(fit, rest), limit=60.0 if fit else 0.0, bytes=1)


def test_fits_share_what_a_budget_leaves_and_small_ones_keep_what_they_need() -> None:
    models = [planned("mf", 5, 5), planned("gat", 50, 5), planned("ngcf", 50, 5), planned("popularity", 0, 3)]
    found = {one.name: one for one in within(models, 60.0, 2)}

    assert found["mf"].seconds.fit == 5
    assert not found["mf"].cut
    assert found["gat"].limit == found["ngcf"].limit < 50
    assert found["gat"].cut
    assert sum(one.left_s for one in found.values()) <= 60.0 * 2


def test_what_a_budget_has_no_room_for_is_left_out_with_words_and_riverwalk_is_the_last() -> None:
    models = [
        planned("popularity", 0, 2),
        planned("pyg-tgn", 0, 400),
        planned("gat", 40, 8),
        planned("riverwalk", 0, 40),
    ]
    found = {one.name: one for one in within(models, 30.0, 2)}

    assert "400 s are more than the budget of 30 s leaves" in found["pyg-tgn"].skipped.replace(
        "7 min", "400 s"
    )
    assert not found["riverwalk"].skipped
    assert not found["popularity"].skipped


def test_a_budget_with_room_changes_nothing() -> None:
    models = [planned("mf", 5, 5), planned("popularity", 0, 3)]

    assert within(models, 600.0, 2) == models


def test_no_fit_is_cut_to_less_than_says_something() -> None:
    models = [planned(name, 50, 1) for name in FITTED]
    found = within(models, 30.0, 1)

    assert all(one.seconds.fit >= LEAST_S for one in found if not one.skipped)
    assert any(one.skipped for one in found)


def test_a_model_that_needs_more_memory_than_there_is_is_refused_with_what_would_fit() -> None:
    needed = memory.needed("ease", HUGE)
    said = memory.refusal("ease", HUGE, needed // 2)

    assert memory.refusal("ease", HUGE, needed) == ""
    assert f"needs about {needed / 1e9:.1f} GB and may take {needed // 2 / 1e9:.1f} GB" in said
    assert "events on" in said


@pytest.mark.parametrize(
    "name", ["popularity", "co-occurrence", "ease", "rp3beta", "cosine", "transitions", "riverwalk"]
)
def test_counted_models_and_riverwalk_fit_into_eight_gigabytes_on_a_million_events(name: str) -> None:
    assert memory.needed(name, HUGE) <= memory.MOST


def test_a_pace_is_that_of_the_last_runs(tmp_path: Path) -> None:
    pace = Pace(tmp_path / "pace.json")
    expected = estimate("lightgcn", FILMS, 2).all
    pace.note("lightgcn", FILMS, 2, 3 * expected, cut=False)
    pace.note("lightgcn", FILMS, 2, 99 * expected, cut=True)
    again = Pace(tmp_path / "pace.json")

    assert again.seconds("lightgcn", FILMS, 2).all == pytest.approx(3 * expected)
    again.note("lightgcn", FILMS, 2, expected, cut=False)
    assert again.seconds("lightgcn", FILMS, 2).all == pytest.approx(2 * expected)


def test_a_file_of_paces_that_was_cut_short_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "pace.json").write_text('{"ease": ')

    assert Pace(tmp_path / "pace.json").known == {}


def test_a_model_that_has_finished_before_is_not_planned_again(tmp_path: Path) -> None:
    pace = Pace(tmp_path / "pace.json")
    found = plan.plan(["popularity", "ease"], FILMS, pace, {"popularity": 0, "ease": 1}, {}, by_user=False)

    assert [one.left_s > 0 for one in found] == [False, True]
