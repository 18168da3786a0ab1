"""What the items of a data set are: where it is found, what the known sets tell, how it comes on the topic."""

import threading
from pathlib import Path

import pytest

from deploy.config.schema import Kafka
from deploy.data import dataset, synthetic
from deploy.data import item as shelf
from deploy.main import main
from stream.broker import log_address, open_source
from stream.catalogue import hiding
from stream.catalogue.record import decode
from stream.error import BadSource
from stream.event.batch import Record

EVENTS = "user,item,timestamp\na,POST,1\na,x,2\n"


def folder(place: Path, **files: str) -> Path:
    """A folder of events and these files; the name's last `_` is its dot."""
    place.mkdir()
    (place / "events.csv").write_text(EVENTS)
    for name, text in files.items():
        (place / ".".join(name.rsplit("_", 1))).write_text(text)
    return place


def test_what_lies_beside_the_events_is_found_and_a_named_file_comes_before_it(tmp_path: Path) -> None:
    place = folder(tmp_path / "shop", items_csv="item,title\nx,A hat\n")
    named = tmp_path / "other.jsonl"
    named.write_text('{"item": "x", "title": "A cap"}\n')

    beside, other = dataset.find(str(place), env={}), dataset.find(str(place), items=named, env={})

    assert [(item, fields) for item, fields, _ in beside.described()] == [("x", {"title": "A hat"})]
    assert [fields for _, fields, _ in other.described()] == [{"title": "A cap"}]
    with pytest.raises(BadSource, match=r"none\.csv: no such file"):
        list(dataset.find(str(place), items=tmp_path / "none.csv", env={}).described())


def test_the_gift_shop_tells_titles_and_prices_and_hides_what_is_no_product(tmp_path: Path) -> None:
    items = "item,title,unit_price\nx,RED HAT,2.5\nPOST,POSTAGE,18\n"
    shop = dataset.find(str(folder(tmp_path / "online-retail", items_csv=items)), env={})
    own = dataset.find(str(folder(tmp_path / "mine", items_csv=items)), env={})

    assert {item: fields for item, fields, _ in shop.described()} == {
        "x": {"title": "RED HAT", "price": 2.5},
        "POST": {"title": "POSTAGE", "price": 18, "hidden": True},
    }
    assert dict(next(own.described())[1]) == {"title": "RED HAT", "unit_price": 2.5}


def test_rows_that_describe_nothing_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    text = "item,title,created\nx,A hat,2024-05-01\n,nothing,2024-05-01\nz,later,soon\n"
    found = dataset.find(str(folder(tmp_path / "shop", items_csv=text)), env={})
    refused = shelf.Refused()

    assert str(refused) == ""
    assert [item for item, _, _ in found.described(refused)] == ["x"]
    assert str(refused).startswith("2 rows describe no item and are left out; the first: ")
    assert "items.csv:3: item '': item has 0 bytes; wanted 1 to 256" in str(refused)


def test_a_look_tells_titles_and_words_that_choose() -> None:
    def item(name: str, **fields: object) -> shelf.Item:
        return name, fields, b""

    films = [item(str(year), title="Film", year=year, categories=["War"]) for year in (1990, 1995, 2000)]
    goods = [item(str(price), title="Cup", price=price) for price in (1, 2.125, 9)]

    assert shelf.look(films).titles["1990"] == "Film (1990)"
    assert shelf.look(films).words == ("FILTER", "year >= 1995", "PERCATEGORY", "2")
    assert shelf.look(goods).titles["9"] == "Cup"
    assert shelf.look(goods).words == ("FILTER", "price <= 2.12")
    assert shelf.look([item("a", title="Cup")]).words == ()
    assert shelf.look([]) == shelf.Look()


def test_the_generated_shop_tells_of_every_item_and_none_is_sold_before_it_came() -> None:
    created = {item: decode(record)["created"] for item, _, record in shelf.read(None, "generated", print)}  # type: ignore[index]
    told = dict(synthetic.catalogue())

    assert len(created) == 2_000
    assert all(created[event.item] <= event.t for event in synthetic.events(60_000))
    assert sum(t > synthetic.START_MS for t in created.values()) == 1_199
    assert set(told["tea-0500"]) == {"title", "category", "price", "tags", "created"}


def test_items_are_records_by_id_and_one_waits_until_they_are_in_force(tmp_path: Path) -> None:
    kafka = Kafka(address=log_address(tmp_path), items="things")
    waited = threading.Event()
    ends: dict[int, int] = {}

    def applied(partition: int) -> int:
        """Nothing is in force at first."""
        found = ends.get(partition, 0)
        ends[partition] = 1_000_000
        waited.set()
        return found

    items = list(shelf.read(None, "generated", print))
    count = shelf.publish(items, kafka, applied)
    source = open_source(kafka.address, "things", {})
    records = list[Record]()
    while len(records) < count:
        records += source.poll(1_000, 0.1)
    source.close()

    assert count == len(items) == len(records)
    assert waited.is_set()
    assert {record.key.decode(): record.payload for record in records} == {
        item: data for item, _, data in items
    }


def test_an_item_that_a_file_says_is_not_hidden_is_shown_for_good(tmp_path: Path) -> None:
    kafka, file = Kafka(address=log_address(tmp_path), items="things"), tmp_path / "items.csv"
    file.write_text("item,title,hidden\na,Lamp,no\nb,Cup,yes\nc,Rug,\n")
    refused = shelf.Refused()

    assert shelf.publish(shelf.read(file, "shop", refused), kafka) == 3
    assert not refused.count
    source = open_source(kafka.address, "things", {})
    records = source.poll(100, 1.0)
    source.close()
    assert [(record.key, record.payload) for record in records] == [
        (b"a", b'{"title":"Lamp","hidden":false}'),
        (hiding.key("a"), b'{"hidden":false}'),
        (b"b", b'{"title":"Cup","hidden":true}'),
        (b"c", b'{"title":"Rug"}'),
    ]


def test_events_without_a_file_of_items_make_no_topic_and_ask_nobody(tmp_path: Path) -> None:
    found = dataset.find(str(folder(tmp_path / "shop")), env={})

    assert shelf.publish(found.described(), Kafka(address="127.0.0.1:1")) == 0
    assert shelf.look(found.described()) == shelf.Look()


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit status of the command line; no instance is there."""
    monkeypatch.setattr("sys.argv", ["riverwalk", "produce", *words, "--set", "serve.port=1"])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_items_can_be_sent_without_events(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    items = tmp_path / "items.csv"
    items.write_text("item,title\nx,A hat\n")

    assert run(monkeypatch, "--items", str(items), "--state", str(tmp_path / "state")) == 0
    assert "1 items described on topic events.items" in capsys.readouterr().err
    assert run(monkeypatch, "--state", str(tmp_path / "state")) == 2
    assert "nothing to send" in capsys.readouterr().err
    assert run(monkeypatch, "--items", str(tmp_path / "none.csv"), "--state", str(tmp_path / "state")) == 1
    assert "none.csv: no such file" in capsys.readouterr().err
