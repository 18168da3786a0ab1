"""The stream whose taste shifts, what is asked of it, and the picture of that."""

from pathlib import Path

import numpy as np
import pytest

from deploy.bench import aging, bench
from deploy.config.schema import BadConfig, Config
from deploy.data import drift
from state.record.setting import GraphSettings
from stream.file.event import Columns


@pytest.fixture(scope="module")
def stream() -> Columns:
    return drift.columns(12_000, users=150, items=1_000, months=8, seed=1)


def test_the_same_seed_gives_the_same_stream_in_the_order_of_its_times(stream: Columns) -> None:
    again = drift.columns(12_000, users=150, items=1_000, months=8, seed=1)

    assert (stream.user, stream.item) == (again.user, again.item)
    assert (np.diff(stream.t) >= 0).all()
    assert 200 < (stream.t[-1] - stream.t[0]) / drift.DAY_MS <= 8 * 30 + 1


def test_what_is_in_fashion_goes_out_and_a_fifth_stays(stream: Columns) -> None:
    item = np.array([int(name[1:]) for name in stream.item])
    first, last = item[:1_500], item[-1_500:]
    again = last[np.isin(last, first)]

    assert item.max() < 1_000
    assert (again < 800).sum() < 0.02 * (last < 800).sum()
    assert (again >= 800).sum() > 0.5 * (last >= 800).sum()


def test_users_are_asked_before_an_item_that_is_new_to_them(stream: Columns) -> None:
    users, items = (aging._numbered(names) for names in (stream.user, stream.item))
    week = (stream.t - stream.t[0]) // aging.WEEK_MS
    asked = aging._asked(users, items, week, 10, 0)

    assert [own.shape[0] for own in asked] == [10] * (int(week[-1]) - 1)
    for k, own in enumerate(asked, 1):
        for i in own:
            assert week[i] == k
            assert not ((users[:i] == users[i]) & (items[:i] == items[i])).any()


@pytest.mark.slow
def test_aging_holds_fewer_edges_and_changes_no_list_before_the_first_is_old(stream: Columns) -> None:
    whole = aging.settings(GraphSettings())
    courses = {name: aging.follow(stream, whole[name], lists=8) for name in aging.NAMES}
    aged, kept = courses["aging and decay"], courses["decay alone"]

    assert (aged.edges <= kept.edges).all()
    assert aged.edges[-1] < 0.9 * kept.edges[-1]
    assert aged.age_days[:4].tolist() == kept.age_days[:4].tolist()
    for one in courses.values():
        assert ((one.age_days >= 0) & (one.age_days <= 240)).all()
        assert ((one.hit_rate >= 0) & (one.hit_rate <= 1)).all()


def test_settings_differ_in_aging_and_in_decay_alone() -> None:
    found = aging.settings(GraphSettings(reach=5))
    pairs = [(one.aging_share > 0, one.half_life_paces < aging.NEVER) for one in found.values()]

    assert pairs == [(True, True), (False, True), (True, False), (False, False)]
    assert {one.reach for one in found.values()} == {5}


def test_only_what_is_drawn_takes_a_picture(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="only aging is drawn"):
        bench.run("rank", Config(), str(tmp_path / "a.svg"))
    with pytest.raises(BadConfig, match="only SVG and PNG are drawn"):
        bench.run("aging", Config(), str(tmp_path / "a.gif"))
