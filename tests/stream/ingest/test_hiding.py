"""HIDE and UNHIDE as records of the items topic: applied, saved, kept in a full table, and in force in every answer."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from state.record.setting import GraphSettings
from state.storage.store import Store
from stream.answer.reader import Reader
from stream.answer.request import Rank, Recommend
from stream.catalogue import hiding
from stream.generation.generation import Generation, Limits
from tests.fixture.catalogue.shop import LIMITS, Shop
from tgn.inference.layout import TgnSettings


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def answers(shop: Shop) -> list[str]:
    return shop.reader.recommend(Recommend("nobody", 100)).items


def test_a_hidden_item_stays_hidden_through_every_new_description_until_unhide(shop: Shop) -> None:
    shop.events()
    shop.describe()
    shop.topic.hide("i3")
    shop.describe()
    assert "i3" not in answers(shop)
    reader, row = shop.reader, shop.writer.generation.items.row["i3"]
    assert reader.items.catalogue.get(row) == {"category": "lamp", "price": 3, "hidden": True}

    shop.topic.hide("i3", False)
    shop.items.step()

    assert "i3" in answers(shop)
    assert shop.reader.items.catalogue.get(row) == {"category": "lamp", "price": 3}


def test_unhide_brings_back_what_a_description_hides_but_not_what_it_calls_unavailable(shop: Shop) -> None:
    shop.events()
    shop.topic.tell("i3", {"hidden": True})
    shop.topic.tell("i4", {"available": False})
    shop.items.step()
    assert not {"i3", "i4"} & set(answers(shop))
    for item in ("i3", "i4"):
        shop.topic.hide(item, False)
    shop.items.step()

    assert {"i3", "i4"} & set(answers(shop)) == {"i3"}
    shop.topic.tell("i4", {"available": True})
    shop.items.step()
    assert "i4" in answers(shop)


def test_an_item_nobody_has_named_is_hidden_before_its_first_event(shop: Shop) -> None:
    shop.topic.hide("i3")
    shop.topic.hide("i4", False)
    shop.items.step()
    row = shop.writer.generation.items.row["i3"]
    assert shop.reader.items.catalogue.get(row) == {"hidden": True}
    assert answers(shop) == []
    shop.events()

    assert "i3" not in answers(shop)
    assert "i4" in answers(shop)
    shop.topic.hide("i3", False)
    shop.items.step()
    assert shop.reader.items.catalogue.get(row) is None
    assert "i3" in answers(shop)


def test_a_restart_keeps_what_is_hidden_and_who_spoke_last(shop: Shop, tmp_path: Path) -> None:
    shop.events()
    for item in ("i1", "i2", "i3"):
        shop.topic.hide(item)
    shop.topic.tell("i2", {"hidden": False})
    shop.items.step()
    shop.store.close()
    again = Shop(tmp_path)
    assert {"i1", "i2", "i3"} & set(answers(again)) == {"i2"}
    again.topic.tell("i1", {"price": 1})
    again.topic.tell("i2", {"price": 2})
    again.items.step()

    assert not {"i1", "i2", "i3"} & set(answers(again)), (
        "a HIDE stands behind the description that said otherwise"
    )


def test_a_store_that_knows_no_hide_opens_and_what_it_hides_stays_hidden(tmp_path: Path) -> None:
    made = Generation(GraphSettings(), TgnSettings(), LIMITS)
    store, metadata = Store(tmp_path / "store"), made.metadata
    old = [metadata.table, metadata.known]
    store.load([*made.world.tables, *old], [made.users, made.items])
    rows = [made.items.add("i1"), made.items.add("i2")]
    metadata.put(rows[0], b'{"hidden":true}', True)
    metadata.put(rows[1], b'{"price":2}')
    for table in old:
        table.touch(rows)  # type: ignore[arg-type]
    store.save([*made.world.tables, *old], {made.users: 0, made.items: 0}, "items", {0: 2})
    store.close()

    shop = Shop(tmp_path)
    shop.events()
    assert {"i1", "i2"} & set(answers(shop)) == {"i2"}
    shop.topic.hide("i1", False)
    shop.topic.hide("i2")
    shop.items.step()
    assert {"i1", "i2"} & set(answers(shop)) == {"i1"}


def test_hidden_items_are_not_evicted_and_an_evicted_one_leaves_no_word_behind(tmp_path: Path) -> None:
    shop = Shop(tmp_path, Limits(max_users=200, max_items=30))
    shop.topic.hide("kept")
    shop.topic.hide("gone", False)
    shop.items.step()
    metadata, row = shop.writer.generation.metadata, shop.writer.generation.items.row["gone"]
    for start in (0, 40, 80):
        shop.events(names=[f"n{k}" for k in range(start, start + 40)])

    assert "kept" in shop.writer.generation.items.row
    assert "gone" not in shop.writer.generation.items.row
    assert metadata.says(row) == (None, False)
    shop.store.close()
    again = Shop(tmp_path, Limits(max_users=200, max_items=30))
    kept = again.writer.generation.items.row["kept"]
    assert again.writer.generation.metadata.says(kept) == (True, False)
    assert not again.writer.generation.metadata.hiding.bytes[row].any()


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b'{"hidden":1}', "type"),
        (b'{"hidden":true,"title":"x"}', "type"),
        (b"true", "type"),
        (b"{", "json"),
        (b'{"hidden":\xff}', "json"),
    ],
)
def test_a_record_that_hides_nothing_is_refused_and_its_neighbours_are_applied(
    shop: Shop, record: bytes, reason: str
) -> None:
    shop.topic.tell(hiding.key("i1"), record)
    shop.topic.tell(hiding.PREFIX, b'{"hidden":true}')
    shop.topic.tell(hiding.PREFIX + b"a\nb", b'{"hidden":true}')
    shop.topic.hide("i2")
    shop.items.step()

    assert [why for _, why, _ in shop.topic.refused] == [reason, "missing", "missing"]
    assert "i1" not in shop.writer.generation.items.row
    assert "i2" in shop.writer.generation.items.row
    assert shop.topic.committed == {0: 4}


def test_a_description_and_a_hide_at_once_from_many_clients_lose_nothing(shop: Shop) -> None:
    async def all_at_once() -> list[dict[str, Any] | None]:
        found: list[dict[str, Any] | None] = []

        async def ingest() -> None:
            while True:
                shop.items.step()
                await asyncio.sleep(0)

        running = asyncio.create_task(ingest())
        for k in range(20):
            await one.describe(f"c{k}", {"title": "old"})
            calls = [one.describe(f"c{k}", {"title": "new"}), *(one.hide(f"c{k}", True) for _ in range(3))]
            if k % 2:
                calls.reverse()
            await asyncio.gather(*calls)
            found.append(one.item(f"c{k}"))
        await one.describe("c0", {"title": "shown", "hidden": False})
        await one.describe("c0", {"title": "later"})
        found.append(one.item("c0"))
        running.cancel()
        return found

    one = Reader(GraphSettings(), TgnSettings(), LIMITS, shop.folder / "live", describer=shop.topic)
    found = asyncio.run(all_at_once())

    assert found[:-1] == [{"title": "new", "hidden": True}] * 20
    assert found[-1] == {"title": "later"}, "`hidden: false` ends a HIDE for good"


def test_rank_leaves_hidden_items_out_and_says_how_many(shop: Shop) -> None:
    shop.events()
    shop.topic.hide("i1")
    shop.topic.hide("never")
    shop.items.step()
    answer = shop.reader.rank(Rank("u1", ["i1", "i2", "i3", "never", "unknown", "i2"]))

    assert sorted(answer.items) == ["i2", "i3", "unknown"]
    assert answer.items[-1] == "unknown"
    assert len(answer.scores) == 3
    assert answer.shortfall == {"items": 5, "hidden": 2}
    assert shop.reader.rank(Rank("u1", ["i1"])).items == []
    assert shop.reader.rank(Rank("u1", ["i2"])).shortfall == {}
