"""How a log is split, what a model has seen when it is asked, and what kind each event is."""

from pathlib import Path

import numpy as np
import pytest

from deploy.config.schema import BadConfig
from deploy.evaluate.protocol import known, published, rule, split
from deploy.evaluate.split import Split

HEAD = "user,item,timestamp\n"
Events = list[tuple[str, str, float]]


def write(path: Path, events: Events) -> Path:
    path.write_text(HEAD + "".join(f"{u},{i},{t}\n" for u, i, t in events))
    return path


def chance(n: int, users: int = 9, items: int = 40) -> Events:
    """Random events, up to three of one stamp."""
    draw = np.random.default_rng(n)
    return [(f"u{draw.integers(users)}", f"i{draw.integers(items)}", k // 3) for k in range(n)]


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """One event a second, of 7 users on 11 items."""
    return write(tmp_path / "line.csv", [(f"u{k % 7}", f"i{k % 11}", float(k)) for k in range(1_600)])


@pytest.fixture
def movies(tmp_path: Path) -> Path:
    """A MovieLens folder: 20 ratings, of which its own split tests the first 4."""
    rows = [f"{k % 4}\t{k}\t5\t{100 + k}\n" for k in range(20)]
    (tmp_path / "u.data").write_text("".join(rows))
    (tmp_path / "u1.base").write_text("".join(rows[4:]))
    (tmp_path / "u1.test").write_text("".join(rows[:4]))
    return tmp_path


def seen(log: Split, i: int) -> list[int]:
    """What event i may know of, by the words of the rule: the events before its group, impressions left out."""
    begin = max(g for g in log.groups.tolist() if g <= i)
    return [j for j in range(begin) if log.kind[j] != 6]


@pytest.mark.parametrize("protocol", ["tgb", "stream"])
def test_parts_and_groups_of_a_split_by_time(line: Path, protocol: str) -> None:
    log = split(line, protocol, "online")

    assert np.bincount(log.part).tolist() == [1120, 240, 240]
    assert log.groups.tolist() == list(range(1_600))
    assert log.judged.sum() == 480
    assert not log.exclude_seen


def test_a_stream_bars_nothing_and_a_benchmark_the_users_own_of_the_stamp(tmp_path: Path) -> None:
    path = write(tmp_path / "e.csv", chance(60))

    assert not split(path, "stream", None).barred()
    assert len(split(path, "tgb", None).barred()) == 1
    assert len(split(path, "tgb", None, new_only=True).barred()) == 2


@pytest.mark.parametrize("protocol", ["stream", "tgb", "chronological"])
@pytest.mark.parametrize("visible", ["online", "strict", "lag=7"])
def test_new_only_judges_pairs_the_user_has_not_had_and_bars_what_they_had(
    tmp_path: Path, protocol: str, visible: str
) -> None:
    log = split(write(tmp_path / "e.csv", chance(200)), protocol, visible, new_only=True)
    had = log.barred()[0]

    for i in range(200):
        before = [j for j in seen(log, i) if log.users[j] == log.users[i]]
        assert had.row[had.low[i] : had.high[i]].tolist() == before
        new = log.items[i] not in log.items[before]
        assert log.judged[i] == (log.part[i] > 0 and new)


@pytest.mark.parametrize("protocol", ["stream", "random"])
def test_each_event_is_of_one_kind_and_of_the_right_one(tmp_path: Path, protocol: str) -> None:
    log = split(write(tmp_path / "e.csv", chance(90, users=20)), protocol, None)
    kinds = log.kinds()
    names = ("repeat", "known_user_new_item", "new_user", "new_item")

    for i in range(90):
        before = seen(log, i)
        users, items = log.users[before].tolist(), log.items[before].tolist()
        if log.users[i] not in users:
            wanted = "new_user"
        elif log.items[i] not in items:
            wanted = "new_item"
        elif (log.users[i], log.items[i]) in zip(users, items, strict=True):
            wanted = "repeat"
        else:
            wanted = "known_user_new_item"
        assert [name for name in names if kinds[name][i]] == [wanted]
        assert kinds["cold"][i] == (items.count(log.items[i]) < 10)
        assert kinds["newcomer"][i] == (log.users[i] not in log.users[log.part == 0])


def test_the_log_up_to_validation_is_the_log_without_its_test(tmp_path: Path) -> None:
    log = split(write(tmp_path / "e.csv", chance(200)), "stream", None)
    cut = log.until(1)

    n = int((log.part < 2).sum())
    assert cut.users.shape == cut.judged.shape == cut.owners.shape == (n,)
    assert cut.groups.tolist() == [g for g in log.groups.tolist() if g < n]
    assert (cut.n_items, cut.same_stamp) == (log.n_items, log.same_stamp)


def test_a_lag_groups_events_inside_each_part(line: Path) -> None:
    log = split(line, "tgb", "lag=200")

    assert log.groups.tolist() == [0, 200, 400, 600, 800, 1000, 1120, 1320, 1360, 1560]


def test_strict_visibility_keeps_one_stamp_together(tmp_path: Path) -> None:
    events = [(f"u{k}", f"i{k % 3}", float(k // 4)) for k in range(40)]
    log = split(write(tmp_path / "e.csv", events), "chronological", None)

    assert log.groups.tolist() == list(range(0, 40, 4))
    assert log.exclude_seen


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_no_part_begins_in_the_middle_of_a_stamp(tmp_path: Path, share: float) -> None:
    events = [(f"u{k}", f"i{k}", float(k // 7)) for k in range(100)]
    log = split(write(tmp_path / "e.csv", events), "chronological", "strict", last=share)
    border = np.flatnonzero(np.diff(log.part)) + 1

    assert (log.t[border] > log.t[border - 1]).all()
    assert share * 100 <= (log.part == 2).sum() < share * 100 + 7


@pytest.mark.parametrize(("visible", "judged"), [("online", [18]), ("strict", [18, 19]), ("lag=5", [18, 19])])
def test_a_pair_is_new_until_it_is_visible(tmp_path: Path, visible: str, judged: list[int]) -> None:
    events = [("a", "x", float(k)) for k in range(17)] + [
        ("a", "x", 17.0),
        ("a", "y", 18.0),
        ("a", "y", 18.0),
    ]
    log = split(write(tmp_path / "e.csv", events), "chronological", visible, last=0.2)

    assert np.flatnonzero(log.judged).tolist() == judged


def test_an_item_that_was_only_shown_has_not_been_had(tmp_path: Path) -> None:
    rows = [f"a,x,{k},view\n" for k in range(18)] + ["a,y,18,impression\n", "a,y,19,purchase\n"]
    (tmp_path / "e.csv").write_text("user,item,timestamp,type\n" + "".join(rows))
    log = split(tmp_path / "e.csv", "chronological", None)

    assert np.flatnonzero(log.judged).tolist() == [19]
    assert log.kinds()["new_item"][18:].tolist() == [True, True]


def test_the_published_split_of_movielens_is_taken_whatever_the_seed(movies: Path) -> None:
    for seed in (0, 1):
        log = split(movies, "random", None, seed=seed)

        assert log.part.tolist() == [0] * 16 + [2] * 4
        assert log.t[16:].tolist() == [100_000, 101_000, 102_000, 103_000]


def test_the_split_of_movielens_is_not_taken_for_another_log_beside_it(movies: Path) -> None:
    other = write(movies / "other.csv", [(f"u{k}", f"i{k}", k) for k in range(30)])

    assert split(other, "random", None).users.shape[0] == 30
    assert published(other) is None
    assert published(movies) is not None


def test_random_splits_differ_by_seed_and_repeat_by_it(line: Path) -> None:
    logs = [split(line, "random", None, seed=seed) for seed in (1, 1, 2)]

    assert np.array_equal(logs[0].t, logs[1].t)
    assert not np.array_equal(logs[0].t, logs[2].t)
    assert logs[0].groups[-1] == 1_280
    for log in logs:  # the same number for a user in every split
        assert np.array_equal(log.owners, log.t // 1_000 % 7)


def test_a_random_test_asks_for_each_pair_once_and_for_none_of_the_training(tmp_path: Path) -> None:
    log = split(write(tmp_path / "e.csv", chance(400)), "random", None)
    pairs = list(zip(log.users.tolist(), log.items.tolist(), strict=True))
    asked = [pairs[i] for i in np.flatnonzero(log.judged)]
    train = {pairs[i] for i in np.flatnonzero(log.part == 0)}

    assert set(asked) == {pairs[i] for i in np.flatnonzero(log.part == 2)} - train
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("visible", ["lag=0", "lag=-1", "lag=", "lag", "lag=x", "later", "lag=1.5"])
def test_a_rule_that_does_not_exist_is_refused(visible: str) -> None:
    with pytest.raises(BadConfig, match="wanted online, strict or lag=N"):
        rule("tgb", visible)


def test_the_usual_rule_stands_in_for_none() -> None:
    names = ("tgb", "stream", "chronological", "random")

    assert [rule(name, None) for name in names] == ["online", "strict", "strict", "strict"]


@pytest.mark.parametrize(
    ("name", "says"), [("steam", "did you mean stream?"), ("zzz", "known: stream, tgb$")]
)
def test_an_unknown_name_is_told_the_nearest(name: str, says: str) -> None:
    with pytest.raises(BadConfig, match=says):
        known("--protocol", "protocol", name, ("stream", "tgb"))


@pytest.mark.parametrize(("count", "says"), [(9, "9 events are too few"), (30, "share a stamp")])
@pytest.mark.parametrize("protocol", ["tgb", "stream", "chronological"])
def test_a_log_that_cannot_be_split_is_refused(tmp_path: Path, protocol: str, count: int, says: str) -> None:
    path = write(tmp_path / "e.csv", [(f"u{k}", "i", 5.0) for k in range(count)])
    with pytest.raises(BadConfig, match=says):
        split(path, protocol, None)


def test_newcomers_are_told_apart_by_the_events_they_had_before(tmp_path: Path) -> None:
    log = split(write(tmp_path / "e.csv", chance(600, users=60)), "stream", "strict")
    late = log._replace(
        users=np.where(log.part > 0, log.users % 7 + 60, log.users)
    )  # nobody of training stays
    for one in (log, late):
        bands = one.bands()
        for i in range(600):
            mine = one.users == one.users[i]
            before = int((mine & (np.arange(600) < one.begins()[i])).sum())
            name = "11+" if before > 10 else "6-10" if before > 5 else "3-5" if before > 2 else str(before)
            new = not (mine & (one.part == 0)).any()
            assert [band for band, rows in bands.items() if rows[i]] == ([name] if new else [])
