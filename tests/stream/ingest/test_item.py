"""The items topic: applied like events, saved with its offsets, in force with the next answer."""

from pathlib import Path

import pytest

from stream.answer.request import Recommend
from stream.catalogue.filter import parse
from stream.generation.metadata import MOST, RING, Metadata
from tests.fixture.catalogue.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def price(item: str) -> int:
    return int(item[1:])


def test_a_filtered_answer_holds_k_when_k_pass_and_all_that_pass_otherwise(shop: Shop) -> None:
    shop.events()
    shop.describe()
    reader = shop.reader
    some = reader.recommend(Recommend("nobody", 5, filter=parse("price >= 20")))
    every = reader.recommend(Recommend("nobody", 100, filter=parse('category = "cup" and price < 20')))

    assert len(some.items) == 5
    assert all(price(item) >= 20 for item in some.items)
    known = set(reader.recommend(Recommend("nobody", 100)).items)
    assert set(every.items) == {item for item in known if price(item) % 3 == 1 and price(item) < 20}
    nothing = reader.recommend(Recommend("nobody", 3, filter=parse("price > 999"), exclude=["i3"]))
    assert nothing.items == []
    assert nothing.shortfall == {"items": len(known), "excluded": 1, "filtered": len(known)}
    assert some.shortfall == {}
    had = len(reader.recommend(Recommend("u1", 99, include_seen=True)).items) - len(
        mine := reader.recommend(Recommend("u1", 99)).items
    )
    assert reader.recommend(Recommend("u1", 99)).shortfall == {"items": len(mine) + had, "seen": had}
    assert set(reader.recommend(Recommend("nobody", 100)).items) == known


def test_no_category_has_more_than_its_share_and_k_are_found_behind(shop: Shop) -> None:
    shop.events()
    shop.describe()
    items = shop.reader.recommend(Recommend("nobody", 6, per_category=2)).items

    counts = [sum(price(item) % 3 == c for item in items) for c in range(3)]
    assert counts == [2, 2, 2]
    assert len(shop.reader.recommend(Recommend("nobody", 50, per_category=4)).items) == 12


def test_a_hidden_item_is_in_no_answer_until_it_is_shown_again(shop: Shop) -> None:
    shop.events()
    shop.describe()
    reader = shop.reader
    first, second = reader.recommend(Recommend("nobody", 2)).items
    shop.topic.tell(first, {"hidden": True})
    shop.items.step()
    reader.items.catch_up(10_000)

    assert reader.recommend(Recommend("nobody", 1)).items == [second]
    assert first not in reader.recommend(Recommend("nobody", 100, exclude=[first])).items
    assert first not in reader.recommend(Recommend("nobody", 100, filter=parse("not (price > 99)"))).items
    assert first not in reader.recommend(Recommend("nobody", 100)).items
    shop.topic.tell(first, {"category": "lamp"})
    shop.items.step()
    reader.items.catch_up(10_000)
    assert reader.recommend(Recommend("nobody", 1)).items == [first]


def test_what_items_are_is_there_after_a_restart_with_the_offset_it_came_from(
    shop: Shop, tmp_path: Path
) -> None:
    shop.describe()
    shop.topic.tell("i3", b"")
    shop.items.step()
    assert shop.topic.committed == {0: 41}
    shop.store.close()
    again = Shop(tmp_path)
    catalogue = again.reader.items.catalogue
    rows = again.writer.generation.items.row

    assert again.store.offsets("items") == {0: 41}
    assert catalogue.get(rows["i7"]) == {"category": "cup", "price": 7}
    assert catalogue.get(rows["i3"]) is None
    assert again.store.offsets("events") == {}


def test_a_bad_description_goes_to_the_dead_letters_and_its_neighbours_are_applied(shop: Shop) -> None:
    shop.topic.tell("i1", {"price": 1})
    shop.topic.tell("i2", b"{")
    shop.topic.tell(b"\xff", {"price": 2})
    shop.topic.tell(b"", {"price": 2})
    shop.topic.tell("i4", {"title": "x" * MOST})
    shop.topic.tell("gone", b"")
    shop.topic.tell("i5", {"price": 5})
    shop.items.step()
    reader = shop.reader

    assert [key for key, _, _ in shop.topic.refused] == [b"i2", b"\xff", b"", b"i4"]
    assert [reason for _, reason, _ in shop.topic.refused] == ["json", "missing", "missing", "size"]
    rows = shop.writer.generation.items.row
    assert reader.items.catalogue.get(rows["i5"]) == {"price": 5}
    assert "gone" not in rows
    assert shop.topic.committed == {0: 7}


def test_a_reader_that_fell_behind_reads_every_row_again() -> None:
    table = Metadata(None, 50, write=True)
    table.put(7, b"{}")
    number, rows = table.since(0, 50)
    assert (number, rows) == (2, [7])
    for k in range(RING + 5):
        table.put(1 + k % 9, b'{"a":1}')
    assert table.since(number, 50) == (RING + 7, [*range(1, 10)])
    assert table.since(RING + 5, 50)[1] == [1 + (RING + 3) % 9, 1 + (RING + 4) % 9]
    assert table.since(RING + 7, 50) == (RING + 7, [])
