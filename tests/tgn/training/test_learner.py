"""The online learner: what it learns, what it touches, and what it leaves alone."""

import math

import msgspec
import numpy as np
import pytest

from tests.fixture.training.lesson import BATCH, ITEMS, SIZES, remembered, room, successors, taught
from tgn.inference.layout import MEMORY, TgnSettings, unpack
from tgn.network.embedding import initial
from tgn.training.learner import Learner, start_vectors


def everything(n):
    return np.tile(np.arange(ITEMS, dtype=np.int32), (n, 1))


def hits(learner, k=10_000):
    hist, age, user, item = successors(k)
    score, known = learner.score(hist, age, user, everything(BATCH))
    return float((np.where(known, score, -np.inf).argmax(1) == item).mean())


def test_it_learns_what_always_follows():
    assert hits(taught(0)) < 0.2
    assert hits(taught(120)) > 0.95


def test_it_learns_that_users_come_back_to_the_item_before_the_last():
    learner, rng = taught(0), np.random.default_rng(0)
    for k in range(151):
        hist = rng.permuted(np.tile(np.arange(1, ITEMS, dtype=np.int32), (BATCH, 1)), axis=1)[:, :4].copy()
        rows = hist, np.tile(np.arange(1, 5) * 60_000, (BATCH, 1)), np.zeros(BATCH, np.int32)
        if k < 150:
            learner.step(*rows, hist[:, 1].copy())

    score, _ = learner.score(*rows, everything(BATCH))
    assert (score.argmax(1) == hist[:, 1]).mean() > 0.9


def test_scoring_changes_nothing():
    learner = taught(5)
    learner.dirty()
    before = {name: table.copy() for name, table in learner.tables.items()}
    hist, age, user, _ = successors(9)
    first = learner.score(hist, age, user, everything(BATCH))

    second = learner.score(hist, age, user, everything(BATCH))

    assert np.array_equal(first[0], second[0])
    assert learner.dirty() == {}
    assert all(np.array_equal(before[name], table) for name, table in learner.tables.items())


def test_every_row_that_changes_is_told_and_no_other_changes():
    learner = taught(5)
    learner.dirty()
    before = {name: table.copy() for name, table in learner.tables.items()}
    hist, age, user, item = successors(6)

    learner.step(hist, age, user, item)
    learner.remember(*remembered(6, user, item))
    dirty = learner.dirty()

    for name, table in learner.tables.items():
        changed = np.flatnonzero((table != before[name]).reshape(table.shape[0], -1).any(1))
        assert np.isin(changed, dirty.get(name, [])).all(), name
    assert set(dirty["user_memory"]) == set(user)
    assert set(dirty["item_memory"]) == set(item)
    assert learner.dirty() == {}


def test_items_never_met_keep_empty_rows_in_a_room_of_any_size():
    tables = room(items=5_000)
    hist, age, user, item = successors(0)
    learner = Learner(tables, SIZES)

    learner.step(hist, age, user, item)

    for name in ("item_vector", "item_output", "item_moment"):
        assert not tables[name][ITEMS:].any()
        assert not tables[name][0].any()


@pytest.mark.parametrize("whole", [6_000, 10])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(whole):
    settings = TgnSettings(dim=16, heads=2, history=4, memory=8, whole=whole, drawn=12, uniform=4, recent=100)
    other = TgnSettings(
        dim=16, heads=2, history=4, memory=8, whole=whole, drawn=12, uniform=4, recent=100, seed=1
    )

    one, two, three = taught(8, settings), taught(8, settings), taught(8, other)

    for name in one.tables:
        assert one.tables[name].tobytes() == two.tables[name].tobytes(), name
    assert not np.array_equal(one.tables["net"], three.tables["net"])


def test_it_learns_from_a_sample_where_items_are_many():
    settings = TgnSettings(dim=16, heads=2, history=4, memory=8, whole=10, drawn=12, uniform=4, recent=100)

    assert hits(taught(250, settings)) > 0.9


def test_an_item_is_known_once_it_was_taken():
    learner = Learner(room(), SIZES)
    hist, age, user, item = successors(0)
    learner.step(hist[:8], age[:8], user[:8], item[:8])

    _, known = learner.score(
        hist[:1], age[:1], user[:1], np.append(np.arange(ITEMS), -1).astype(np.int32)[None]
    )

    assert set(np.flatnonzero(known[0])) == set(item[:8].tolist())


def test_a_loss_that_is_not_finite_moves_nothing_and_heals_the_row_that_caused_it():
    learner = taught(3)
    hist, age, user, item = successors(7)
    row = int(hist[0, 0])
    learner.tables["item_vector"][row] = np.nan
    before = {name: table.copy() for name, table in learner.tables.items()}
    learner.dirty()

    loss = learner.step(hist, age, user, item)

    assert math.isnan(loss)
    for name in ("net", "net_moment", "item_output", "item_moment", "user_memory"):
        same = np.arange(before[name].shape[0]) != row if name.startswith("item") else slice(None)
        assert np.array_equal(learner.tables[name][same], before[name][same]), name
    assert np.isfinite(learner.tables["item_vector"]).all()
    assert row in learner.dirty()["item_vector"]
    assert math.isfinite(learner.step(hist, age, user, item))


@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("name", ["net", "item_vector", "item_output", "user_before", "user_message"])
def test_it_learns_again_after_any_table_was_poisoned(name, poison):
    learner = taught(40)
    learner.tables[name][:] = poison
    learner.load()

    for k in range(60):
        hist, age, user, item = successors(k)
        learner.step(hist, age, user, item)
        learner.remember(*remembered(k + 100, user, item))

    assert hits(learner) > 0.5


def test_past_events_are_learned_from_again_unless_events_wait(monkeypatch):
    learner, sizes = taught(3), []
    gradient = learner.gradient

    def counted(*given):
        sizes.append(given[3].shape[0])
        return gradient(*given)

    monkeypatch.setattr(learner, "gradient", counted)
    for hurried in (False, True, False):
        learner.pool.hurried = hurried
        assert math.isfinite(learner.step(*successors(len(sizes))))

    assert sizes == [2 * BATCH, BATCH, 2 * BATCH]
    assert len(learner.past) == 6  # a hurried step is among them, too


def test_a_step_with_no_events_is_no_step():
    learner = taught(2)
    before = {name: table.copy() for name, table in learner.tables.items()}
    hist, age, user, item = (part[:0] for part in successors(0))

    learner.step(hist, age, user, item)

    assert all(np.array_equal(before[name], table) for name, table in learner.tables.items())


def test_tables_from_the_store_score_the_same():
    learner = taught(10)
    again = Learner({name: table.copy() for name, table in learner.tables.items()}, SIZES)
    fresh = Learner(room(), SIZES)
    for name, table in learner.tables.items():
        fresh.tables[name][:] = table
    fresh.load()
    hist, age, user, _ = successors(20)

    score, known = learner.score(hist, age, user, everything(BATCH))

    for other in (again, fresh):
        theirs, theirs_known = other.score(hist, age, user, everything(BATCH))
        assert np.array_equal(score, theirs)
        assert np.array_equal(known, theirs_known)


def test_unknown_users_and_empty_histories_get_finite_scores():
    learner = taught(10)
    hist, age = np.full((2, 4), -1, np.int32), np.zeros((2, 4), np.int64)

    score, _ = learner.score(hist, age, np.array([-1, 5], np.int32), everything(2))

    assert np.isfinite(score).all()


def test_the_gru_learns_through_the_last_update_of_a_users_memory():
    learner = taught(3)
    w = {name: part.detach().clone() for name, part in learner.w.items()}

    taught_more = successors(4)
    learner.step(*taught_more)

    assert not np.array_equal(w["gru_in"].numpy(), learner.w["gru_in"].detach().numpy())
    assert not np.array_equal(w["gru_hidden"].numpy(), learner.w["gru_hidden"].detach().numpy())


def test_memory_helps_where_the_history_says_nothing():
    """Every user takes one item over and over; nothing of it is in the history handed in."""
    learner = Learner(room(), SIZES)
    empty, age = np.full((BATCH, 4), -1, np.int32), np.zeros((BATCH, 4), np.int64)
    rng = np.random.default_rng(0)
    for k in range(150):
        user = rng.integers(0, 10, BATCH).astype(np.int32)
        item = (1 + user).astype(np.int32)
        learner.step(empty, age, user, item)
        learner.remember(*remembered(k, user, item))

    user = np.arange(10, dtype=np.int32)
    score, known = learner.score(empty[:10], age[:10], user, everything(10))

    assert (np.where(known, score, -np.inf).argmax(1) == user + 1).mean() > 0.8


def test_what_is_known_of_an_item_grows_with_the_times_it_was_learned():
    learner = Learner(room(), SIZES)
    hist, age, _, _ = successors(0)
    user = np.zeros(BATCH, np.int32)
    for _ in range(3):
        learner.step(hist[:5], age[:5], user[:5], np.array([3, 3, 3, 4, 5], np.int32))
    learner.step(hist[:1], age[:1], user[:1], np.array([5], np.int32))

    _, known = learner.score_known(hist[:1], age[:1], user[:1], np.array([[3, 4, 5, 6, -1]], np.int32))

    assert known[0].tolist() == pytest.approx([9 / 19, 3 / 13, 4 / 14, 0, 0])


def test_without_node_memory_nothing_of_it_is_read_or_written():
    settings = msgspec.structs.replace(SIZES, node_memory=False)
    learner = taught(10, settings)
    hist, age, user, _ = successors(20)
    before = learner.score(hist, age, user, everything(BATCH))[0]
    names = [name for name in learner.tables if "memory" in name or name.startswith("user") or "time" in name]
    written = [name for name in names if learner.tables[name].any()]
    for name in names:
        learner.tables[name][:] = 1

    assert written == []
    assert not set(learner.dirty()) & set(names)
    assert np.array_equal(learner.score(hist, age, user, everything(BATCH))[0], before)
    row = unpack(learner.tables["net"][0], settings)
    assert all(np.array_equal(row[name], unpack(initial(settings), settings)[name]) for name in MEMORY)


def test_without_node_memory_it_learns_what_always_follows():
    assert hits(taught(120, msgspec.structs.replace(SIZES, node_memory=False))) > 0.95


def test_first_vectors_follow_from_seed_and_row_alone():
    rows = np.array([1, 7, 999_999])

    vectors = start_vectors(rows, 48, 0)

    assert np.array_equal(start_vectors(rows[1:2], 48, 0)[0], vectors[1])
    assert not np.array_equal(start_vectors(rows, 48, 1), vectors)
    many = start_vectors(np.arange(2_000), 48, 0)
    assert abs(many.mean()) < 0.002
    assert many.std() == pytest.approx(0.1, rel=0.02)
    assert np.unique(many).shape[0] > 0.95 * many.size
