"""Hidden is a state of its own: what the topic's last records of each key say, in whatever order they are read."""

import asyncio
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.record.setting import GraphSettings
from state.storage.store import Store
from stream.answer.reader import Reader
from stream.answer.recommender import Recommender
from stream.answer.request import Rank, Recommend
from stream.catalogue import hiding
from stream.catalogue.record import decode
from stream.event.batch import Record
from stream.generation.generation import Generation, Limits
from stream.ingest.item import ItemsTopic
from stream.ingest.writer import Writer
from tests.fixture.catalogue.shop import LIMITS, Shop, Topic
from tgn.inference.layout import TgnSettings

DESCRIPTIONS: list[dict[str, Any] | None] = [
    {"title": "a"},
    {"title": "b", "hidden": True},
    {"title": "c", "hidden": False},
    {"available": False},
    {"available": True, "hidden": False},
    None,
]
EXAMPLES = count()


class Told(NamedTuple):
    """A record of the items topic, at a place of its own in the order of the topic."""

    item: str
    switch: bool  # whether it is HIDE or UNHIDE, else a description
    value: Any


def key(told: Told) -> bytes:
    return hiding.key(told.item) if told.switch else told.item.encode()


def payload(told: Told) -> bytes:
    if told.switch:
        return b"" if told.value is None else hiding.record(told.value)
    return b"" if told.value is None else msgspec.json.encode(told.value)


def expected(log: list[Told], item: str) -> tuple[dict[str, Any] | None, bool, bool]:
    """What is known of an item after a log, whether it is hidden, and whether it is in no answer."""
    fields: dict[str, Any] | None = None
    words = {False: None, True: None}  # the last thing a description and a switch say
    order: list[bool] = []
    for told in log:
        if told.item == item:
            if not told.switch:
                fields = told.value
            words[told.switch] = told.value if told.switch else (fields or {}).get("hidden")
            order = [kind for kind in order if kind != told.switch] + [told.switch]
    said = [words[kind] for kind in order if words[kind] is not None]
    hidden = bool(said and said[-1])
    return fields, hidden, hidden or (fields or {}).get("available") is False


@st.composite
def logs(draw: st.DrawFn) -> list[Told]:
    """What several clients publish at once: each one's records in its order, anyhow between those of the others."""
    clients: list[list[Told]] = []
    for _ in range(draw(st.integers(1, 4))):
        records: list[Told] = []
        for item, what in draw(st.lists(st.tuples(st.sampled_from("xy"), st.integers(0, 8)), max_size=6)):
            if what < len(DESCRIPTIONS):
                records.append(Told(item, False, DESCRIPTIONS[what]))
                if (DESCRIPTIONS[what] or {}).get("hidden") is False:
                    records.append(Told(item, True, False))
            else:
                records.append(Told(item, True, (True, False, None)[what - len(DESCRIPTIONS)]))
        clients.append(records)
    order = draw(st.permutations([k for k, records in enumerate(clients) for _ in records]))
    left = [iter(records) for records in clients]
    return [next(left[k]) for k in order]


def compacted(log: list[Told]) -> list[Told]:
    last = {key(told): at for at, told in enumerate(log)}
    return [told for at, told in enumerate(log) if last[key(told)] == at]


class Reading:
    """A writer in memory that reads logs of items that nobody has named before."""

    def __init__(self) -> None:
        made = Generation(GraphSettings(), TgnSettings(), Limits(max_users=10, max_items=100_000))
        self.topic = Topic()
        self.items = ItemsTopic(Writer(made, samples=64), self.topic, self.topic, "items")
        self.reader = Recommender(made)

    def after(
        self, log: list[Told], partition_of: dict[bytes, int] | None = None, turns: list[int] | None = None
    ) -> list[tuple[dict[str, Any] | None, bool, bool]]:
        """What is known of x and of y after a log.

        Args:
            partition_of: Where the records of a key are, partition 0 where it says nothing.
            turns: Partitions in the order in which a record of each is read.
        """
        prefix, queues = f"e{next(EXAMPLES)}-", defaultdict[int, list[Record]](list)
        for ms, told in enumerate(log, start=1):
            partition = (partition_of or {}).get(key(told), 0)
            named = key(told._replace(item=prefix + told.item))
            queues[partition].append(Record(partition, len(queues[partition]), payload(told), ms, named))
        for turn in [*(turns or []), *(number for number, left in queues.items() for _ in left)]:
            if queues[turn]:
                self.topic.waiting.append(queues[turn].pop(0))
                self.items.step()
        assert not self.topic.refused
        while self.reader.items.catch_up(1_000):
            pass
        return [self._known(prefix + item) for item in "xy"]

    def _known(self, item: str) -> tuple[dict[str, Any] | None, bool, bool]:
        items = self.reader.items
        row = items.generation.items.row.get(item, 0)
        fields = decode(items.generation.metadata.get(row)) if row else None
        shown = items.catalogue.get(row) if row else None
        hidden = bool((shown or {}).get("hidden"))
        rest = [{k: v for k, v in (one or {}).items() if k != "hidden"} for one in (fields, shown)]
        assert rest[0] == rest[1]
        return fields, hidden, bool(row and items.hidden[row])


@pytest.fixture(scope="module")
def reading() -> Reading:
    return Reading()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@given(log=logs())
def test_any_interleaving_ends_as_the_topics_order_says_also_read_again_and_compacted(
    reading: Reading, log: list[Told]
) -> None:
    wanted = [expected(log, item) for item in "xy"]

    assert reading.after(log) == wanted
    assert reading.after(compacted(log)) == wanted
    assert [expected(compacted(log), item) for item in "xy"] == wanted


@given(
    log=logs(), where=st.lists(st.integers(0, 2), min_size=4, max_size=4), turns=st.lists(st.integers(0, 2))
)
def test_the_order_in_which_partitions_are_read_changes_nothing(
    reading: Reading, log: list[Told], where: list[int], turns: list[int]
) -> None:
    keys = [b"x", hiding.key("x"), b"y", hiding.key("y")]

    found = reading.after(log, dict(zip(keys, where, strict=True)), turns)

    assert found == [expected(log, item) for item in "xy"]


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
