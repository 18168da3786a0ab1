"""SIMILAR lately and over all time, TRENDING at any half-life, both within a category and a filter."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.counter.trend import trend
from state.record.layout import HALF
from state.record.setting import Decay, GraphSettings
from state.record.world import State
from state.retrieval import similar
from stream.answer.reader import Reader
from stream.answer.request import Similar, Trending
from stream.catalogue.filter import parse
from stream.generation.generation import Generation
from stream.ingest.writer import Writer
from tests.fixture.pair import (
    HOUR,
    LIMITS,
    Pair,
    batch,
    shop,
)
from tgn.inference.layout import TgnSettings

DAY = 24 * HOUR


def reader(pair: Pair) -> Reader:
    return Reader(GraphSettings(), TgnSettings(), LIMITS, pair.folder, version="1")


def fashion() -> list[tuple[str, str, int]]:
    """For 300 days tea goes with milk, and then for 10 days with lemon."""
    old = [(f"u{k}", item, k * 10 * DAY + j) for k in range(30) for j, item in enumerate(("tea", "milk"))]
    new = [
        (f"v{k}", item, 301 * DAY + k * DAY + j) for k in range(10) for j, item in enumerate(("tea", "lemon"))
    ]
    return old + new


def tell(pair: Pair, item: str, fields: str) -> None:
    generation = pair.writer.generation
    generation.metadata.put(generation.items.row[item], fields.encode(), '"hidden": true' in fields)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_now_follows_the_fashion_and_all_time_does_not(pair: Pair) -> None:
    pair.learn(fashion())
    one = reader(pair)

    assert one.similar(Similar("tea", 2)).items == ["lemon", "milk"]
    assert one.similar(Similar("tea", 2, all_time=True)).items == ["milk", "lemon"]


def test_all_time_is_the_cosine_of_who_had_both_less_doubt(pair: Pair) -> None:
    pair.learn(shop())
    had: dict[str, set[str]] = {}
    for user, item, _ in shop():
        had.setdefault(item, set()).add(user)
    answer = reader(pair).similar(Similar("i5", 60, all_time=True))

    def wanted(item: str) -> float:
        both = len(had["i5"] & had[item])
        return both / (len(had["i5"]) * len(had[item])) ** 0.5 * both / (both + similar.DOUBT)

    assert answer.scores == pytest.approx([wanted(item) for item in answer.items], rel=1e-5)
    assert set(answer.items) == {item for item in had if item != "i5" and wanted(item) > 0}
    assert answer.scores == sorted(answer.scores, reverse=True)


def test_a_rare_item_is_told_of_by_its_last_users_where_users_are_too_many_to_count(pair: Pair) -> None:
    pair.learn([(f"u{k}", f"i{k % 9}", k * HOUR) for k in range(400)])
    pair.learn([("u7", "rare", 500 * HOUR), ("u7", "rarer", 501 * HOUR)])
    row, reading = pair.writer.generation.items.row, pair.reader
    out, weight = np.zeros(3, np.int32), np.zeros(3, np.float32)
    with reading.retrieval() as room:
        n = similar.similar_by_users(room.state, room.scratch, row["rare"], 50, out, weight)

    assert set(out[:n].tolist()) == {row["rarer"], row["i7"]}


def test_beyond_those_who_can_be_counted_the_slow_vectors_tell(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.learn(fashion())
    generation = pair.writer.generation
    row, table = generation.items.row, generation.learned["slow"].array
    rank = generation.slow.rank
    for item, right in (("tea", 0.0), ("milk", 0.25), ("lemon", 0.5)):
        table[row[item], 0], table[row[item], rank], table[row[item], -1] = 1.0, right, 1.0
    monkeypatch.setattr("stream.answer.non_personalized.COUNTED", 20)
    answer = reader(pair).similar(Similar("tea", 5, all_time=True))

    assert answer.items == ["lemon", "milk"]
    assert answer.scores == [0.5, 0.25]


@pytest.mark.parametrize("all_time", [False, True])
def test_items_like_one_stay_within_a_category_and_a_filter(pair: Pair, all_time: bool) -> None:
    pair.learn(fashion())
    tell(pair, "milk", '{"category": "drink", "price": 1}')
    tell(pair, "lemon", '{"category": "fruit", "price": 2}')
    one = reader(pair)

    def asked(**rules: object) -> list[str]:
        return one.similar(Similar("tea", 5, all_time=all_time, **rules)).items  # type: ignore[arg-type]

    assert asked(category="fruit") == ["lemon"]
    assert asked(category="drink") == ["milk"]
    assert asked(category="shoes") == []
    assert asked(filter=parse("price < 2")) == ["milk"]
    assert asked(category="fruit", filter=parse("price < 2")) == []
    assert set(asked()) == {"milk", "lemon"}

    tell(pair, "milk", '{"hidden": true}')

    assert asked() == ["lemon"]


def counted(events: list[tuple[str, str, int]], t: int, half: float) -> dict[str, float]:
    """Decayed counts, one event after the other."""
    out: dict[str, float] = {}
    for _, item, at in events:
        out[item] = out.get(item, 0.0) + 2.0 ** ((at - t) / half)
    return out


@pytest.mark.parametrize("half", Decay().half_lives)
def test_a_half_life_that_is_kept_gives_the_exact_counts(half: float) -> None:
    state, t, row = _steady(1)
    out, weight = np.zeros(60, np.int32), np.zeros(60, np.float32)
    n = trend(state, t, half * HOUR, np.zeros(64, np.uint8), 61, out, weight)
    counts = counted(shop(600, 1), t, half * HOUR)

    told = dict(zip(out[:n].tolist(), weight[:n].tolist(), strict=True))
    for item, count in counts.items():
        assert told.get(row[item], 0.0) == pytest.approx(count, rel=1e-3, abs=1e-30)


@given(part=st.floats(0.0, 1.0), h=st.integers(0, HALF - 2), seed=st.integers(0, 5))
def test_a_count_lies_between_those_of_the_half_lives_beside_it(part: float, h: int, seed: int) -> None:
    state, t, _ = _steady(seed)
    rates, pace = state.rates[0]["pop"], float(state.world[0]["pace"])
    half = float(np.exp(np.log(rates[h]) + part * (np.log(rates[h + 1]) - np.log(rates[h])))) * pace
    barred = np.zeros(64, np.uint8)

    def told(ms: float) -> dict[int, float]:
        out, weight = np.zeros(60, np.int32), np.zeros(60, np.float32)
        n = trend(state, t, ms, barred, 61, out, weight)
        assert sorted(weight[:n].tolist(), reverse=True) == weight[:n].tolist()
        return dict(zip(out[:n].tolist(), weight[:n].tolist(), strict=True))

    low, between_, high = told(rates[h] * pace), told(half), told(rates[h + 1] * pace)

    for row, count in between_.items():
        assert low.get(row, 0.0) * 0.999 <= count <= high[row] * 1.001


@lru_cache
def _steady(seed: int) -> tuple[State, int, dict[str, int]]:
    """A state whose pace is an hour, the stream's time, and items' rows."""
    writer = Writer(
        Generation(GraphSettings(decay=Decay(pace_seconds=3_600)), TgnSettings(), LIMITS), samples=64
    )
    writer.learn(batch(shop(600, seed)), lambda job: None)
    return writer.state, int(writer.state.world[0]["t"]), writer.generation.items.row


def test_the_usual_half_life_is_the_board_and_every_item_counts_beyond_it(pair: Pair) -> None:
    events = [(f"u{k % 40}", f"i{k % 290}", k * 60_000) for k in range(2_000)]
    pair.learn(events)
    tell(pair, "i0", '{"title": "first", "price": null}')
    one = reader(pair)
    usual = one.trending(Trending(100))
    again = one.trending(Trending(100, half_life_ms=usual.half_life_ms))
    every = one.trending(Trending(1_000, filter=parse('title is missing or title = "first"')))

    assert again.scores == pytest.approx(usual.scores, rel=1e-4)
    assert every.scores[:100] == pytest.approx(usual.scores, rel=1e-4)
    assert len(every.items) == 290


def test_what_trends_depends_on_the_half_life(pair: Pair) -> None:
    steady = [(f"u{k}", "tea", k * HOUR) for k in range(200)]
    burst = [(f"v{k}", "lemon", 200 * HOUR + k * 60_000) for k in range(12)]
    pair.learn(steady + burst)
    one = reader(pair)

    assert one.trending(Trending(2, half_life_ms=HOUR)).items == ["lemon", "tea"]
    assert one.trending(Trending(2, half_life_ms=30 * DAY)).items == ["tea", "lemon"]


def test_a_half_life_beyond_those_kept_is_taken_as_the_nearest_and_the_answer_says_so(pair: Pair) -> None:
    pair.learn(shop())
    one = reader(pair)
    pace = float(pair.reader.state.world[0]["pace"])
    halves = Decay().half_lives

    assert one.trending(Trending(1, half_life_ms=1)).half_life_ms == int(halves[0] * pace)
    assert one.trending(Trending(1, half_life_ms=10**12)).half_life_ms == int(halves[-1] * pace)
    assert one.trending(Trending(1)).half_life_ms == int(halves[1] * pace)


def test_what_trends_stays_within_a_category_and_a_filter_and_hidden_items_are_out(pair: Pair) -> None:
    pair.learn(shop())
    for k in range(60):
        if f"i{k}" in pair.writer.generation.items.row:
            tell(
                pair,
                f"i{k}",
                f'{{"category": "{"ab"[k % 2]}", "price": {k}, "hidden": {str(k == 4).lower()}}}',
            )
    one = reader(pair)
    some = one.trending(Trending(100, category="a", filter=parse("price < 30"), half_life_ms=HOUR)).items

    assert {int(item[1:]) for item in some} == {k for k in range(0, 30, 2) if k != 4}
    assert "i4" not in one.trending(Trending(100)).items
    assert one.trending(Trending(5, category="shoes")).items == []


def test_asking_for_lists_leaves_no_trace(pair: Pair) -> None:
    pair.learn(fashion())
    tell(pair, "milk", '{"category": "drink", "price": 2, "hidden": true}')
    one = reader(pair)
    one.tick()
    assert one.recommender is not None
    with one.recommender.retrieval() as room:
        scratch = room.scratch
    before = [table.bytes.tobytes() for table in pair.writer.generation.world.tables]
    for all_time in (False, True):
        one.similar(Similar("tea", 3, all_time=all_time, category="drink", filter=parse("price < 1")))
    one.trending(Trending(3, HOUR, category="drink"))

    assert [table.bytes.tobytes() for table in pair.writer.generation.world.tables] == before
    assert np.flatnonzero(scratch.barred).tolist() == [pair.writer.generation.items.row["milk"]]
    assert not scratch.found.any()
    assert not scratch.seen.any()
