"""The rules of an answer: seen items by kind of event, the tail, variety, and places for new items."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from stream.answer.recommender import Recommender
from stream.answer.request import Recommend
from stream.answer.rerank import alike
from stream.answer.rule import parse
from stream.answer.setting import AnswerSettings
from tests.fixture.pair import HOUR, Pair, shop
from tgn.inference.diversity import likeness, mixed


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def describe(pair: Pair, **items: dict[str, object]) -> None:
    generation = pair.writer.generation
    for name, fields in items.items():
        row = generation.items.add(name)
        generation.world.state.world[0]["items"] = len(generation.items)
        generation.metadata.put(row, msgspec.json.encode(fields), "hidden" in fields)


def sameness(alike: np.ndarray) -> float:
    """Return an answer's mean likeness over its pairs of items: intra-list similarity, 0 to 1."""
    n = alike.shape[0]
    return float((alike.sum() - np.trace(alike)) / (n * (n - 1))) if n > 1 else 0.0


def reader(pair: Pair, answers: AnswerSettings | None = None, ttl: np.ndarray | None = None) -> Recommender:
    made = pair.reader
    made = Recommender(made.generation, settings=answers, ttl=ttl)
    made.items.catch_up(10_000)
    return made


def test_what_was_bought_stays_out_and_what_was_viewed_may_come_again(pair: Pair) -> None:
    pair.learn(shop())
    pair.learn([("ann", "i1", 500 * 60_000)], kind=4)
    pair.learn([("ann", "i2", 500 * 60_000)], kind=0)
    pair.learn([("ann", "i3", 500 * 60_000 + 2 * 24 * HOUR)], kind=0)
    answers = pair.reader
    seen = set(answers.recommend(Recommend("ann", 60)).items)
    bought = set(answers.recommend(Recommend("ann", 60, seen=parse("purchase"))).items)
    lately = set(answers.recommend(Recommend("ann", 60, seen=parse("purchase,view=1d"))).items)

    assert not seen & {"i1", "i2", "i3"}
    assert bought & {"i1", "i2", "i3"} == {"i2", "i3"}
    assert lately & {"i1", "i2", "i3"} == {"i2"}
    assert set(answers.recommend(Recommend("ann", 60)).items) == seen, "a rule holds for one request"
    kept = reader(pair, ttl=parse("click,like,dislike,purchase,watch"))
    assert set(kept.recommend(Recommend("ann", 60)).items) & {"i1", "i2", "i3"} == {"i2", "i3"}


def test_a_tail_below_the_wanted_quality_is_cut_and_said(pair: Pair) -> None:
    pair.learn(shop())
    answers = pair.reader
    whole = answers.recommend(Recommend("u1", 30))
    best = answers.recommend(Recommend("u1", 30, tail=0.5))
    scores = np.array(whole.scores)

    n = int((scores >= scores[0] + np.log(0.5)).sum())
    assert 1 <= n < 30
    assert best.items == whole.items[:n]
    assert best.shortfall["tail"] > 0
    assert answers.recommend(Recommend("u1", 1, tail=0.5)).shortfall == {}


def test_variety_puts_items_unlike_each_other_first() -> None:
    vectors = np.array([[1, 0], [1, 0.01], [0, 1], [0, 0], [0, 0]], np.float32)
    codes = np.array([0, 0, 0, 7, 7], np.int32)
    alike = likeness(vectors, codes)
    scores = np.array([5.0, 4.9, 4.0, 3.0, 2.9], np.float32)

    assert mixed(scores, alike, 0.0, 5).tolist() == [0, 1, 2, 3, 4]
    assert mixed(scores, alike, 0.6, 3).tolist() == [0, 2, 3]
    assert sorted(mixed(scores, alike, 1.0, 9).tolist()) == [0, 1, 2, 3, 4]
    assert alike[3, 4] == 1
    assert alike[0, 3] == 0
    assert sameness(alike[:2, :2]) > 0.99 > sameness(alike)


def test_variety_lowers_the_likeness_of_an_answer(pair: Pair) -> None:
    pair.learn(shop())
    describe(pair, **{f"i{k}": {"category": f"c{k // 9}"} for k in range(60)})
    answers = reader(pair)

    def sameness_at(diversity: float) -> float:
        names = answers.recommend(Recommend("u1", 6, diversity=diversity)).items
        rows = np.array([answers.generation.items.row[name] for name in names], np.int32)
        with answers.retrieval() as room:
            return sameness(alike(room, rows))

    assert sameness_at(0.8) < sameness_at(0.0)


def test_a_new_item_is_reached_by_its_words_a_bounded_number_of_times(pair: Pair) -> None:
    pair.learn(shop())
    pair.learn([("ann", "i1", 500 * 60_000), ("bob", "i2", 500 * 60_000)])
    describe(pair, i1={"category": "lamp"}, i2={"category": "rug"}, i3={"category": "lamp"})
    describe(
        pair, new1={"category": "lamp"}, new2={"category": "rug"}, hid={"category": "lamp", "hidden": True}
    )
    answers = reader(pair, AnswerSettings(explore=0.1, explore_exposures=4))

    first = answers.recommend(Recommend("ann", 10, with_reasons=True))
    assert first.items[-1] == "new1"
    assert first.reasons[-1] == "new, and like i1"
    assert len(set(first.items)) == 10
    assert first.scores == sorted(first.scores, reverse=True)
    assert answers.recommend(Recommend("bob", 10)).items[-1] == "new2"
    assert "new1" not in answers.recommend(Recommend("ann", 10, explore=0.0)).items
    assert "new1" not in answers.recommend(Recommend("ann", 10, exclude=["new1"])).items
    assert "hid" not in answers.recommend(Recommend("ann", 100, explore=1.0)).items
    shown = sum("new1" in answers.recommend(Recommend("ann", 10)).items for _ in range(20))
    assert shown == 3, "four times in all"
    pair.learn([(f"w{k}", "new2", 501 * 60_000) for k in range(5)])
    rows, items = answers.generation.items.row, answers.state.items["n"]
    near = answers.exploration.near([rows["i2"]], items)
    assert rows["new2"] not in [row for row, _ in near], "it has been taken often enough"


def test_a_new_item_that_is_like_a_hidden_one_does_not_name_it(pair: Pair) -> None:
    pair.learn(shop())
    pair.learn([("ann", "i1", 500 * 60_000)])
    describe(pair, i1={"category": "lamp", "hidden": True}, new1={"category": "lamp"})
    answer = reader(pair, AnswerSettings(explore=0.1)).recommend(Recommend("ann", 10, with_reasons=True))

    assert (answer.items[-1], answer.reasons[-1]) == ("new1", "new here")
    assert not any("i1 " in f"{reason} " for reason in answer.reasons)


def test_a_share_below_one_place_is_a_chance(pair: Pair) -> None:
    pair.learn(shop())
    describe(pair, **{f"new{k}": {"category": "lamp"} for k in range(9)})
    answers = reader(pair, AnswerSettings(explore=0.05, explore_exposures=1000))
    hits = sum(
        any(name.startswith("new") for name in answers.recommend(Recommend(f"guest{k}", 10)).items)
        for k in range(200)
    )
    assert 60 < hits < 140


def test_a_catalogue_answers_before_the_first_event(pair: Pair) -> None:
    describe(pair, a={"price": 1}, b={"price": 5}, c={"price": 9})
    answers = reader(pair)
    assert set(answers.recommend(Recommend("ann", 3)).items) == {"a", "b", "c"}
