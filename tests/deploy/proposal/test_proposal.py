"""What is proposed for a topic reads its records, and says how sure it is; nothing is committed."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from deploy.config.loader import load
from deploy.config.schema import BadConfig, Config
from deploy.proposal.proposal import Proposal, propose, toml
from deploy.proposal.role import named, time_unit
from deploy.proposal.sample import Sample, from_file, from_topic
from stream.broker import ensure_topic, log_address, open_sink, open_source
from stream.event.batch import Record
from stream.event.event import Event, encode
from stream.event.mapped import Mapped
from stream.event.mapping import Mapping

NOW = 1_700_000_000_000


def proposed(records: list[Any], **headers: bytes) -> Proposal:
    payloads = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in records]
    told = tuple(headers.items())
    return propose(
        Config(), Sample([Record(0, k, one, NOW, b"", told) for k, one in enumerate(payloads)], "here")
    )


def shop(k: int) -> dict[str, Any]:
    kind = ("add_to_cart", "order", "detail_page_view")[k % 3]
    return {
        "eventId": f"e{k}",
        "customer": {"id": f"c{k % 7}", "country": "DE"},
        "product": {"sku": f"cup-{k % 5}", "title": "A cup"},
        "created_at": NOW // 1000 + k,
        "action": kind,
        "id": 1,
    }


def test_a_nested_topic_in_seconds_is_proposed_whole() -> None:
    found = proposed([shop(k) for k in range(30)])

    assert found.mapping == Mapping(
        user="customer.id",
        item="product.sku",
        t="created_at",
        time_unit="s",
        type="action",
        id="eventId",
        kinds={"add_to_cart": "like", "order": "purchase", "detail_page_view": "view"},
    )
    assert found.fit is not None
    assert found.fit.events == 30
    assert all(0.7 < one.confidence <= 1 for one in found.places.values())


def test_what_is_proposed_can_be_pasted(tmp_path: Path) -> None:
    found = proposed([shop(k) for k in range(30)] + [{**shop(1), "action": "log out"}])
    file = tmp_path / "riverwalk.toml"
    file.write_text(toml(found))

    assert tomllib.loads(toml(found))["event"]["user"] == "customer.id"
    assert load(file, {}).config.event == found.mapping
    assert '# "log out" = "ignore"   # not known, in 1 records' in toml(found)


def test_our_own_form_needs_nothing() -> None:
    found = proposed([encode(Event("ann", f"cup-{k}", NOW + k)) for k in range(5)])

    assert found.well
    assert found.mapping is None


def test_debeziums_rows_are_seen_through() -> None:
    row = {"order_id": 5, "customer_id": 7, "product_id": 9, "ordered_at": NOW * 1000}
    changes = [{"before": None, "after": row | {"order_id": k}, "op": "c", "ts_ms": NOW} for k in range(9)]
    found = proposed([*changes, {"before": row, "after": None, "op": "d", "ts_ms": NOW}])

    assert found.mapping is not None
    assert found.fit is not None
    assert (found.mapping.user, found.mapping.item, found.mapping.t) == (
        "customer_id",
        "product_id",
        "ordered_at",
    )
    assert (found.mapping.time_unit, found.mapping.envelope) == ("us", "debezium")
    assert (found.fit.events, found.fit.ignored) == (9, 1)


def test_a_cloudevents_type_and_time_are_its_envelopes() -> None:
    about = {
        "specversion": "1.0",
        "source": "/shop",
        "type": "com.shop.order",
        "time": "2023-11-14T22:13:20Z",
    }
    found = proposed(
        [{**about, "id": str(k), "data": {"visitorId": "ann", "sku": f"cup-{k}"}} for k in range(5)]
    )

    assert found.mapping == Mapping(
        user="visitorId", item="sku", kinds={"com.shop.order": "purchase"}, envelope="cloudevents"
    )
    decode = Mapped(found.mapping)
    assert decode(found.sample.records[3].payload, NOW) == Event(
        "ann", "cup-3", NOW, "purchase", 1.0, "3", "/shop"
    )


def test_without_a_time_the_records_own_is_proposed_and_is_less_sure() -> None:
    found = proposed([{"user_id": k, "item_id": k + 1} for k in range(5)])

    assert found.mapping is not None
    assert found.mapping.t == "@timestamp"
    assert found.places["t"].confidence == 0.5


def test_what_does_not_fit_is_shown_with_its_reason() -> None:
    found = proposed([*(shop(k) for k in range(9)), {**shop(9), "product": None}])

    assert found.fit is not None
    assert [(bad.record.offset, bad.reason) for bad in found.fit.rejected] == [(9, "missing")]


def test_records_without_anything_like_a_user_name_their_fields() -> None:
    found = proposed([{"colour": "red", "item": "cup", "t": NOW} for _ in range(5)])

    assert found.mapping is None
    assert (
        found.lacking == 'no field looks like the user: name it in [event]; there are colour, such as "red"'
    )


def test_bytes_nobody_can_read_say_what_they_look_like() -> None:
    found = proposed([b"\x00\x00\x00\x00\x07\x06ann"] * 3)

    assert "framing with schema 7: set event.registry" in found.lacking


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([NOW / 1000], "s"),
        ([str(NOW // 1000)], "s"),
        ([NOW], "ms"),
        ([NOW * 1000], "us"),
        ([NOW * 1_000_000], "ns"),
        (["2023-11-14T22:13:20Z"], "iso"),
        ([5, 7], ""),
        (["cup"], ""),
    ],
)
def test_a_unit_is_told_by_the_values(values: list[Any], unit: str) -> None:
    assert time_unit(values, NOW + 1) == unit


@pytest.mark.parametrize(
    ("role", "better", "worse"),
    [
        ("user", "customer.id", "order.id"),
        ("user", "userId", "user_agent"),
        ("item", "product_id", "product_name"),
        ("item", "payload.item.id", "payload.id"),
        ("t", "occurredAt", "duration"),
        ("type", "event_type", "colour"),
    ],
)
def test_names_in_use_go_first(role: str, better: str, worse: str) -> None:
    assert named(role, better) > named(role, worse)


@pytest.fixture
def topic(tmp_path: Path) -> Path:
    """A log with 250 records of a shop in two partitions' worth of users."""
    address = log_address(tmp_path)
    ensure_topic(address, "shop")
    sink = open_sink(address, "shop")
    for k in range(250):
        sink.send(b"", json.dumps(shop(k)).encode())
    sink.flush()
    sink.close()
    return tmp_path


def test_the_newest_records_are_read_and_nothing_is_committed(topic: Path) -> None:
    config = load(None, {}, {"state.folder": str(topic), "kafka.topic": "shop"}).config
    before = sorted(
        (path.name, path.read_bytes()) for path in (topic / "log").iterdir() if path.suffix == ".bell"
    )

    sample = from_topic(config, 100)

    assert [record.offset for record in sample.records] == list(range(150, 250))
    assert before == sorted(
        (path.name, path.read_bytes()) for path in (topic / "log").iterdir() if path.suffix == ".bell"
    )
    source = open_source(log_address(topic), "shop", {})
    assert source.offsets.next == {0: 0}
    source.close()


def test_a_file_is_read_by_lines_or_as_an_array(tmp_path: Path) -> None:
    lines, array, table = tmp_path / "a.jsonl", tmp_path / "b.json", tmp_path / "c.csv"
    lines.write_text("\n".join(json.dumps(shop(k)) for k in range(5)) + "\n")
    array.write_text(json.dumps([shop(k) for k in range(5)], indent=1))
    table.write_text("user,item\na,b\n")

    assert len(from_file(lines, 3).records) == 3
    assert [json.loads(one.payload) for one in from_file(array, 9).records] == [shop(k) for k in range(5)]
    with pytest.raises(BadConfig, match="riverwalk produce"):
        from_file(table, 3)
    with pytest.raises(BadConfig, match="no such file"):
        from_file(tmp_path / "d", 3)
