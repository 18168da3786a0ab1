"""What a reader tells of the tables as they are."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from state.record.setting import GraphSettings
from stream.answer.reader import Reader
from stream.answer.request import Recommend, Similar
from stream.error import BadRequest
from stream.event.event import KINDS
from stream.lane.pair import LaneSettings, Sender
from tests.fixture.pair import LIMITS, Pair
from tgn.inference.layout import TgnSettings

LANES = LaneSettings(events=4_096, samples=16, ranked=0.0, part=0.0)


class Shop(Pair):
    """A pair with a reader over it, and the lanes that ingest writes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lanes = Sender(folder / "1", self.writer.generation.tgn.history, LANES)
        self.told = Reader(GraphSettings(), TgnSettings(), LIMITS, folder)

    def happen(self, events: list[tuple[str, str, int]], kind: str = "view") -> None:
        self.learn(events, KINDS.index(kind))
        for job in self.jobs:
            self.lanes.put(job)
        self.jobs.clear()
        self.told.tick()

    def describe(self, item: str, payload: bytes, hidden: bool = False) -> None:
        generation = self.writer.generation
        generation.metadata.put(generation.items.row[item], payload, hidden)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_history_is_what_a_user_had_newest_first(shop: Shop) -> None:
    shop.happen([("ann", "tea", 1_000), ("ann", "cup", 2_000), ("ann", "tea", 3_000)])
    shop.happen([("ann", "tea", 5_000)], "purchase")
    shop.describe("tea", b'{"title": "Green tea"}')

    told = shop.told.history("ann", 10)
    tea, cup = told.items

    assert told.known
    assert (tea.item, tea.title, tea.type, tea.types) == (
        "tea",
        "Green tea",
        "purchase",
        ["view", "purchase"],
    )
    assert (tea.t, tea.age_ms, tea.times) == (5_000, 0, 3)
    assert (cup.item, cup.type, cup.t, cup.age_ms, cup.times) == ("cup", "view", 2_000, 3_000, 1)
    assert told.meta.offsets == {0: 4}
    assert [one.item for one in shop.told.history("ann", 1).items] == ["tea"]


def test_a_history_goes_on_beyond_the_newest_items_with_times_to_a_second(shop: Shop) -> None:
    shop.happen([("ann", f"i{n}", 1_000 * n) for n in range(100)])

    told = shop.told.history("ann", 1_000).items

    assert [one.item for one in told] == [f"i{n}" for n in reversed(range(100))]
    assert [one.t for one in told] == [1_000 * n for n in reversed(range(100))]
    assert {one.times for one in told[:32]} == {1}
    assert {one.times for one in told[32:]} == {0}
    assert {one.type for one in told} == {"view"}
    assert [one.item for one in shop.told.history("ann", 40).items] == [f"i{n}" for n in range(99, 59, -1)]


def test_a_user_nobody_heard_of_has_no_history(shop: Shop) -> None:
    shop.happen([("ann", "tea", 1)])

    assert not shop.told.history("bob").known
    assert shop.told.history("bob").items == []
    assert not shop.told.user("bob").known


def test_a_user_is_told_by_numbers_and_the_newest_items(shop: Shop) -> None:
    shop.happen([("ann", f"i{n}", 1_000 + n) for n in range(9)])

    told = shop.told.user("ann")

    assert (told.events, told.first_ms, told.last_ms, told.seen) == (9, 1_000, 1_008, 9)
    assert [one.item for one in told.last] == ["i8", "i7", "i6", "i5", "i4"]


def test_a_graph_has_the_strongest_edges_with_weight_and_age(shop: Shop) -> None:
    shop.happen([("ann", "tea", 1_000), ("ann", "cup", 2_000), ("bob", "tea", 3_000), ("bob", "cup", 4_000)])
    shop.happen([("eve", "tea", 5_000), ("eve", "mug", 6_000), ("eve", "cup", 7_000)])

    told = shop.told.graph("tea", 10)
    weights = [edge.weight for edge in told.edges]

    assert told.edges[0].item == "cup"
    assert {edge.item for edge in told.edges} == {"cup", "mug"}
    assert weights == sorted(weights, reverse=True)
    assert (told.edges[0].last_ms, told.edges[0].age_ms) == (7_000, 0)
    assert sum(edge.share for edge in told.edges) == pytest.approx(1, abs=1e-3)
    assert (told.events, told.users) == (3, 3)
    assert [{link.source, link.target} for link in told.links] == [{"mug", "cup"}]


def test_an_edge_fades_as_time_passes(shop: Shop) -> None:
    shop.happen([("ann", "tea", 1_000), ("ann", "cup", 2_000)])
    before = shop.told.graph("tea").edges[0]
    shop.happen([("bob", "jar", 2_000 + 30 * 86_400_000)])
    after = shop.told.graph("tea").edges[0]

    assert after.weight < before.weight
    assert after.age_ms == 30 * 86_400_000
    assert after.share == pytest.approx(before.share)


def test_hidden_items_are_in_no_history_no_graph_and_no_search(shop: Shop) -> None:
    shop.happen([("ann", "tea", 1_000), ("ann", "cup", 2_000), ("ann", "mug", 3_000)])
    shop.describe("cup", b'{"title": "Cup"}', hidden=True)
    shop.told.tick()

    assert [one.item for one in shop.told.history("ann").items] == ["mug", "tea"]
    assert [edge.item for edge in shop.told.graph("tea").edges] == ["mug"]
    assert [one.item for one in shop.told.newest(10)] == ["mug", "tea"]
    assert asyncio.run(shop.told.find("cup")).items == []
    with pytest.raises(BadRequest, match="'cup' is hidden; UNHIDE"):
        shop.told.graph("cup")


def test_a_search_finds_ids_by_their_beginning_and_titles_by_their_words(shop: Shop) -> None:
    shop.happen([("Teapot-fan", "tea", 1), ("bob", "teapot", 2), ("bob", "cup", 3), ("ann", "cup", 4)])
    shop.describe("cup", b'{"title": "Cup for green TEA"}')
    shop.told.tick()

    found = asyncio.run(shop.told.find("TEA"))

    assert [(one.item, one.by) for one in found.items] == [("cup", "title"), ("tea", "id"), ("teapot", "id")]
    assert [one.user for one in found.users] == ["Teapot-fan"]
    assert [one.item for one in asyncio.run(shop.told.find("tea green")).items] == ["cup"]
    assert asyncio.run(shop.told.find("tea")).items[0].item == "tea"
    assert found.whole


def test_a_search_of_one_result_stops_early_and_others_are_answered_meanwhile(shop: Shop) -> None:
    shop.happen([(f"u{n}", f"i{n}", n) for n in range(200)])
    found = asyncio.run(shop.told.find("i", 1))

    assert len(found.items) == 1


def test_the_newest_events_and_the_busiest_users_are_those_of_the_lane(shop: Shop) -> None:
    shop.told.tick()
    shop.happen([("ann", "tea", 1_000), ("bob", "cup", 2_000), ("ann", "mug", 3_000)])

    newest, busy = shop.told.newest(2), shop.told.busiest(5)

    assert [(one.user, one.item, one.t, one.place) for one in newest] == [
        ("ann", "mug", 3_000, "0:2"),
        ("bob", "cup", 2_000, "0:1"),
    ]
    assert [(one.user, one.events, one.item) for one in busy] == [("ann", 2, "mug"), ("bob", 1, "cup")]
    shop.happen([("eve", "jar", 4_000)])
    assert [one.user for one in shop.told.newest(10, after=newest[0].number)] == ["eve"]


def test_titles_and_the_moment_come_with_an_answer_that_asks_for_them(shop: Shop) -> None:
    shop.happen([("ann", "tea", 1_000), ("ann", "cup", 2_000), ("bob", "tea", 3_000)])
    shop.describe("cup", b'{"title": "Cup"}')

    answer = shop.told.recommend(Recommend("bob", 1, with_titles=True, with_meta=True))
    near = shop.told.similar(Similar("tea", 1, with_titles=True))

    assert (answer.items, answer.titles) == (["cup"], ["Cup"])
    assert answer.meta is not None
    assert (answer.meta.offsets, answer.meta.stream_time_ms, answer.meta.generation) == ({0: 3}, 3_000, 1)
    assert answer.meta.age_ms > 10**12
    assert (near.titles, near.meta) == (["Cup"], None)


def test_a_row_that_goes_to_another_user_takes_its_events_along(shop: Shop) -> None:
    shop.happen([("ann", "tea", 1_000), ("bob", "cup", 2_000)])
    gone = shop.lanes.events.record[:1].copy()
    gone["what"], gone["user"] = 2, shop.writer.generation.users.row["ann"]
    shop.lanes.events.put(np.asarray(gone))
    shop.told.tick()

    assert [one.user for one in shop.told.newest(10)] == ["bob"]
    assert [one.user for one in shop.told.busiest(10)] == ["bob"]
