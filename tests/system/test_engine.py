"""The writer: what is learned shows in the next answer, and asking changes nothing."""

from pathlib import Path

import numpy as np
import pytest

from state.counter.leaderboard import leaders
from state.counter.trend import trending
from state.ranking.column import FEATURES, OWN_COUNT
from state.record.layout import BOARD, POPULAR, TOTAL
from state.record.setting import GraphSettings
from state.retrieval.similar import similar
from state.storage.store import Store
from stream.answer.request import Rank, Recommend
from stream.generation.generation import Generation
from stream.ingest.writer import Writer
from tests.fixture.pair import HOUR, LIMITS, Pair, batch, shop
from tgn.inference.layout import TgnSettings


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_an_empty_state_answers_with_nothing(pair: Pair) -> None:
    assert pair.reader.recommend(Recommend("ann", 5)).items == []


def test_what_was_just_taken_leads_to_what_others_took_next(pair: Pair) -> None:
    pair.learn([(f"u{k}", item, k * HOUR + j) for k in range(20) for j, item in enumerate(("tea", "cup"))])
    pair.learn([(f"v{k}", f"other{k % 7}", 21 * HOUR + k) for k in range(40)])
    pair.learn([("ann", "tea", 22 * HOUR)])
    answer = pair.reader.recommend(Recommend("ann", 3, with_reasons=True))

    assert answer.items[0] == "cup"
    assert answer.reasons[0] == "because you viewed tea just now: often taken right after it"


def test_an_answer_holds_k_when_k_are_allowed_and_no_seen_item(pair: Pair) -> None:
    events = shop()
    pair.learn(events)
    items = {item for _, item, _ in events}
    reader = pair.reader
    for user in ("u1", "u7", "nobody"):
        had = {item for who, item, _ in events if who == user}
        answer = reader.recommend(Recommend(user, 1000))
        assert set(answer.items) == items - had
        assert len(answer.items) == len(set(answer.items))
        assert answer.scores == sorted(answer.scores, reverse=True)
        assert len(reader.recommend(Recommend(user, 7)).items) == 7


def test_seen_items_come_back_when_asked_for(pair: Pair) -> None:
    pair.learn([("ann", "tea", k) for k in range(9)] + [("bob", "cup", 9)])

    assert pair.reader.recommend(Recommend("ann", 5)).items == ["cup"]
    assert pair.reader.recommend(Recommend("ann", 5, include_seen=True)).items[0] == "tea"


def test_more_seen_items_than_a_row_remembers_stay_out(pair: Pair) -> None:
    pair.learn([("ann", f"i{k}", k) for k in range(150)] + [("bob", "new", 200)])

    assert pair.reader.recommend(Recommend("ann", 100)).items == ["new"]


def test_excluded_items_are_out_of_this_answer_and_no_other(pair: Pair) -> None:
    events = shop()
    pair.learn(events)
    reader, items = pair.reader, {item for _, item, _ in events}
    first = reader.recommend(Recommend("nobody", 10)).items
    some = [*first[:5], "never heard of"]

    assert not set(reader.recommend(Recommend("nobody", 10, exclude=some)).items) & set(some)
    assert set(reader.recommend(Recommend("nobody", 1000, exclude=some)).items) == items - set(some)
    assert reader.recommend(Recommend("nobody", 10)).items == first


def test_a_visitor_without_a_name_gets_what_a_user_with_the_same_history_gets(pair: Pair) -> None:
    pair.learn(shop())
    seen = ["i3", "i9", "i1"]
    pair.learn([("new", item, 400 * 60_000) for item in seen])
    reader = pair.reader
    known = reader.recommend(Recommend("new", 8, with_reasons=True))
    visitor = reader.recommend(Recommend("", 8, visited=[*seen, "gone"], with_reasons=True))

    assert visitor.items == known.items
    assert visitor.reasons == known.reasons
    assert not set(visitor.items) & set(seen)
    assert (
        reader.recommend(Recommend("nobody", 8)).items == reader.recommend(Recommend("", 8, visited=[])).items
    )


def test_a_list_that_is_brought_is_ordered_as_an_answer_is(pair: Pair) -> None:
    pair.learn([(f"u{k}", item, k * HOUR + j) for k in range(20) for j, item in enumerate(("tea", "cup"))])
    pair.learn([(f"v{k}", f"other{k % 7}", 21 * HOUR + k) for k in range(40)])
    pair.learn([("ann", "tea", 22 * HOUR)])
    answer = pair.reader.rank(Rank("ann", ["other3", "gone", "cup", "cup", "other5", "nowhere"]))

    assert answer.items[0] == "cup"
    assert set(answer.items[1:3]) == {"other3", "other5"}
    assert answer.items[3:] == ["gone", "nowhere"]
    assert answer.scores[3:] == [-np.inf, -np.inf]
    assert answer.scores == sorted(answer.scores, reverse=True)
    assert pair.reader.rank(Rank("nobody", [])).items == []


def test_asking_writes_nothing(pair: Pair) -> None:
    pair.learn(shop())
    generation = pair.writer.generation
    tables = [
        *generation.world.tables,
        *generation.learned.values(),
        generation.users.span,
        generation.items.span,
    ]
    before = [table.bytes.tobytes() for table in tables]
    reader = pair.reader
    answers = [
        reader.recommend(Recommend(user, 10, with_reasons=True))
        for user in ("u1", "nobody")
        for _ in range(2)
    ]
    with reader.retrieval() as room:
        scratch = room.scratch
        similar(reader.state, scratch, 3, np.zeros(5, np.int32), np.zeros(5, np.float32))
        trending(reader.state, 0, scratch.barred, np.zeros(5, np.int32), np.zeros(5, np.float32))

    assert [table.bytes.tobytes() for table in tables] == before
    assert answers[0] == answers[1]
    assert answers[2] == answers[3]
    assert not scratch.seen.any()
    assert not scratch.where.any()
    assert not scratch.found.any()


def test_reserved_items_are_never_in_the_state(pair: Pair) -> None:
    pair.learn(
        [("riverwalk:canary", "riverwalk:canary", 5), ("ann", "tea", 6), ("eve", "riverwalk:start", 7)]
    )

    assert pair.writer.generation.items.text == ["riverwalk:start", "tea"]
    assert int(pair.writer.state.world[0]["events"]) == 1
    assert int(pair.writer.generation.status["applied"][0]) == 3


def test_a_disliked_item_is_seen_and_not_popular(pair: Pair) -> None:
    pair.learn([("ann", "tea", 1), ("bob", "cup", 2)])
    pair.learn([("ann", "cup", 3)] * 3, kind=3)

    assert pair.reader.recommend(Recommend("ann", 5)).items == []
    assert int(pair.writer.state.items[2]["n"]) == 1


def test_an_impression_is_no_interaction(pair: Pair) -> None:
    pair.learn([("ann", "tea", 1), ("bob", "cup", 2)])
    pair.learn([("ann", "cup", 3)], kind=6)

    assert pair.reader.recommend(Recommend("ann", 5)).items == ["cup"]
    assert int(pair.writer.state.world[0]["impressions"]) == 1


def test_boards_hold_exactly_the_largest_counts(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    chance = np.random.default_rng(2)
    items = (280 * chance.random(6_000) ** 1.5).astype(int)
    for at in range(0, 6_000, 60):
        pair.learn([(f"u{k % 90}", f"i{items[k]}", k * 1_000) for k in range(at, at + 60)])
    state = pair.writer.state
    counts = state.items["n"][1 : int(state.world[0]["items"])]
    out = np.zeros(BOARD, np.int32)
    n = leaders(state.boards[TOTAL], out, BOARD)

    assert n == BOARD
    assert sorted(state.items["n"][out].tolist()) == sorted(np.sort(counts)[-BOARD:].tolist())
    on_board = set(np.flatnonzero(state.items["board"] & (1 << POPULAR)).tolist())
    assert on_board == set(state.boards[POPULAR]["item"].tolist())


def test_samples_see_the_state_just_before_their_event(pair: Pair) -> None:
    pair.learn([("ann", "tea", 1_000), ("ann", "tea", 2_000), ("ann", "cup", 3_000)])
    pair.writer.hand(pair.jobs.append)
    sample = pair.jobs[0].sample
    own = OWN_COUNT

    assert pair.jobs[0].samples == 3
    assert sample.label[:3].tolist()[0] == -1
    assert sample.x[1, sample.label[1], own] == pytest.approx(np.log1p(1) / 4)
    assert sample.own_rank[:3].tolist() == [0, 1, 0]
    assert sample.x.shape[2] == FEATURES
    assert np.isfinite(sample.x).all()


def test_a_save_holds_rows_and_offsets_together(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    writer = Writer(Generation(GraphSettings(), TgnSettings(), LIMITS), store=store, samples=64)
    writer.learn(batch(shop(50)), lambda job: None)
    writer.save()
    store.close()
    store = Store(tmp_path / "store")
    again = Generation(GraphSettings(), TgnSettings(), LIMITS)
    store.load(again.world.tables, [again.users, again.items])

    assert store.offsets("events") == {0: 50}
    assert [t.bytes.tobytes() for t in again.world.tables] == [
        t.bytes.tobytes() for t in writer.generation.world.tables
    ]
    assert again.items.text == writer.generation.items.text
    store.close()
