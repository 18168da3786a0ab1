"""Records in other names, units and types are read by a mapping, in one pass or field by field, with one result."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream.error import BadEvent, Ignored
from stream.event.batch import Record, decode_batch
from stream.event.event import DAY_MS, Event, decode, encode, forget
from stream.event.mapped import Mapped
from stream.event.mapping import NATIVE, Mapping, fault

NOW = 1_700_000_000_000
SHOP = Mapping(
    user="customer.id",
    item="product.sku",
    t="created_at",
    time_unit="s",
    type="action",
    value="price",
    id="",
    kinds={"add_to_cart": "click", "order": "purchase", "ping": "ignore", "erase": "forget"},
    weights={"order": 5.0},
)


def record(**more: Any) -> bytes:
    usual = {
        "customer": {"id": "ann"},
        "product": {"sku": "cup"},
        "created_at": NOW // 1000,
        "action": "add_to_cart",
    }
    return json.dumps({**usual, **more}).encode()


def test_names_units_and_types_become_ours() -> None:
    assert Mapped(SHOP)(record(), NOW) == Event("ann", "cup", NOW, "click")
    assert Mapped(SHOP)(record(price=2.5, id={"not": "ours"}), NOW) == Event("ann", "cup", NOW, "click", 2.5)


def test_a_type_weighs_what_is_said_where_a_record_has_no_value() -> None:
    shop = Mapped(SHOP)

    assert shop(record(action="order"), NOW).value == 5.0
    assert shop(record(action="order", price=None), NOW).value == 5.0
    assert shop(record(action="order", price=2), NOW).value == 2.0


@pytest.mark.parametrize(
    ("unit", "written"),
    [
        ("s", 1_700_000_000),
        ("s", 1_700_000_000.0),
        ("s", "1700000000"),
        ("ms", NOW),
        ("us", NOW * 1000 + 999),
        ("ns", NOW * 1_000_000 + 999_999),
        ("ns", str(NOW * 1_000_000)),
        ("iso", "2023-11-14T22:13:20Z"),
        ("s", "2023-11-14T23:13:20+01:00"),
    ],
)
def test_times_are_read_in_their_unit(unit: Any, written: object) -> None:
    mapped = Mapped(Mapping(user="u", item="i", t="at", time_unit=unit))

    assert mapped(json.dumps({"u": 1, "i": 2, "at": written}).encode(), NOW).t == NOW


def test_a_fraction_of_a_second_is_kept() -> None:
    assert Mapped(SHOP)(record(created_at=1_699_999_999.25), NOW).t == NOW - 750


def test_the_time_of_the_record_itself_may_be_the_events() -> None:
    mapped = Mapped(Mapping(user="u", item="i", t="@timestamp"))

    assert mapped(b'{"u": "ann", "i": "cup"}', NOW) == Event("ann", "cup", NOW)


@pytest.mark.parametrize(
    ("payload", "reason", "says"),
    [
        (
            record(customer={}),
            "missing",
            'record has no user ([event] user = "customer.id"); its fields are customer, product',
        ),
        (record(product=None), "missing", 'no item ([event] item = "product.sku")'),
        (record(created_at=None), "missing", 'no t ([event] t = "created_at")'),
        (record(created_at="soon"), "time", "t ([event] t = \"created_at\") is 'soon'"),
        (record(created_at=True), "type", "expected seconds since 1970"),
        (record(created_at=-1), "time", "expected a time since 1970"),
        (record(created_at=NOW), "future", 't ([event] t = "created_at") is 1700000000000000'),
        (record(action="logout"), "type", "expected one of add_to_cart, order"),
        (record(action=["x"]), "type", 'type ([event] type = "action") is'),
        (record(customer={"id": 1.5}), "type", 'user ([event] user = "customer.id") is 1.5'),
        (record(customer={"id": ""}), "size", 'user ([event] user = "customer.id") has 0 bytes'),
        (record(price="much"), "type", 'value ([event] value = "price") is'),
        (record(price=1e60), "nan", 'value ([event] value = "price") is'),
        (b"not json", "json", "it begins"),
        (b"\x00\x00\x00\x00\x07\x06abc", "json", "framing with schema 7"),
        (b"\x1f\x8b\x08\x00\x00", "utf8", "gzip"),
        (b"Obj\x01\x04", "json", "Avro file"),
        (b"[1]", "json", "no object"),
    ],
)
def test_what_does_not_fit_names_the_field_as_the_record_has_it(
    payload: bytes, reason: str, says: str
) -> None:
    with pytest.raises(BadEvent) as bad:
        Mapped(SHOP)(payload, NOW)

    assert (bad.value.reason, says in str(bad.value)) == (reason, True), str(bad.value)


def test_what_is_to_be_ignored_is_neither_an_event_nor_a_dead_letter() -> None:
    payloads = [record(), record(action="ping"), record(action="logout"), record(action="order")]
    records = [Record(0, 10 + k, payload, NOW) for k, payload in enumerate(payloads)]

    batch, rejected = decode_batch(records, NOW, DAY_MS, Mapped(SHOP))

    assert batch.offset.tolist() == [10, 13]
    assert [bad.record.offset for bad in rejected] == [12]
    assert batch.ends == {0: 14}


def test_a_type_may_ask_for_its_user_to_be_forgotten() -> None:
    assert Mapped(SHOP)(record(action="erase"), NOW) == Event("ann", "", NOW, "forget")


@pytest.mark.parametrize(
    "mapping", [SHOP, Mapping(time_unit="s"), Mapping(user="uid"), Mapping(time_unit="iso")]
)
def test_what_riverwalk_writes_itself_is_read_as_it_is(mapping: Mapping) -> None:
    event, mapped = Event("ann", "cup", NOW, "like", 2.0, "e-1"), Mapped(mapping)

    assert mapped(encode(event), NOW) == event
    assert mapped(forget("ann", NOW), NOW) == Event("ann", "", NOW, "forget")


def test_our_names_in_another_unit_are_still_read_in_it() -> None:
    assert Mapped(Mapping(time_unit="s"))(b'{"user":"ann","item":"cup","t":1700000000}', NOW).t == NOW


def test_a_name_with_dots_and_a_place_in_a_list_are_found() -> None:
    mapped = Mapped(Mapping(user="user.id", item="cart.1.sku", t="at"))

    assert mapped(json.dumps({"user.id": 7, "cart": [{}, {"sku": "cup"}], "at": 5}).encode(), NOW) == Event(
        "7", "cup", 5
    )


def test_a_usual_name_that_holds_something_else_is_not_read_twice() -> None:
    mapped = Mapped(Mapping(item="id"))

    assert mapped(b'{"user": "ann", "id": "cup", "t": 5}', NOW) == Event("ann", "cup", 5)


def test_cloudevents_are_opened_in_both_modes() -> None:
    mapped = Mapped(Mapping(user="uid", item="sku", kinds={"com.shop.cart.added": "click"}))
    data = {"uid": "ann", "sku": "cup"}
    envelope = {"specversion": "1.0", "id": "4", "source": "/shop", "type": "com.shop.cart.added"}
    structured = json.dumps({**envelope, "time": "2023-11-14T22:13:20Z", "data": data}).encode()
    headers = [
        ("ce_id", b"4"),
        ("ce_source", b"/shop"),
        ("ce_type", b"com.shop.cart.added"),
        ("ce_time", b"2023-11-14T22:13:20Z"),
    ]

    expected = Event("ann", "cup", NOW, "click", 1.0, "4", "/shop")
    assert mapped(structured, NOW) == expected
    assert mapped(json.dumps(data).encode(), NOW, headers=headers) == expected


def change(op: str, after: object, **more: object) -> dict[str, object]:
    return {"before": None, "after": after, "op": op, "ts_ms": NOW, "source": {"table": "orders"}, **more}


@pytest.mark.parametrize("envelope", ["auto", "debezium"])
@pytest.mark.parametrize("schema", [False, True])
def test_debeziums_rows_are_events_and_its_deletes_are_ignored(envelope: Any, schema: bool) -> None:
    mapped = Mapped(
        Mapping(user="uid", item="sku", t="at", time_unit="us", missing_type="purchase", envelope=envelope)
    )

    def written(told: dict[str, object]) -> bytes:
        return json.dumps({"schema": {}, "payload": told} if schema else told).encode()

    row = {"uid": 7, "sku": "cup", "at": NOW * 1000}
    for op in ("c", "u", "r"):
        assert mapped(written(change(op, row)), NOW) == Event("7", "cup", NOW, "purchase")
    assert mapped(written(change("c", {"uid": 7, "sku": "cup"})), NOW).t == NOW
    for ignored in (written(change("d", None)), written(change("t", None)), b""):
        with pytest.raises(Ignored):
            mapped(ignored, NOW)
    with pytest.raises(BadEvent, match="after is None"):
        mapped(written(change("c", None)), NOW)


def test_debezium_with_our_names_needs_no_mapping() -> None:
    payload = json.dumps(change("c", {"user": "ann", "item": "cup"})).encode()

    assert decode(payload, NOW) == Event("ann", "cup", NOW)
    with pytest.raises(Ignored):
        decode(json.dumps(change("d", None)).encode(), NOW)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["order", "c"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "sku", "op", "after"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "customer",
                "product",
                "created_at",
                "action",
                "price",
                "after",
                "op",
                "specversion",
                "data",
                "payload",
                "schema",
            ]
        ),
        json_values,
    )
)
@example({"data": {}, "specversion": None})
@example({"data": {}, "specversion": "1.0"})
@example({"op": "c", "after": {}})
@example({"payload": {"op": "c", "after": {"id": 1}}})
@example({"schema": None, "payload": {"op": "c", "after": {"id": 1}}})
@example({"payload": {"op": "d"}})
def test_one_pass_and_field_by_field_agree_whatever_comes(fields: dict[str, Any]) -> None:
    quick, slow = Mapped(SHOP), Mapped(SHOP)
    slow._fast = []
    payload = json.dumps({**json.loads(record()), **fields}).encode()

    def outcome(mapped: Mapped) -> object:
        try:
            return mapped(payload, NOW)
        except BadEvent as exc:
            return exc.reason, str(exc)

    assert outcome(quick) == outcome(slow)


@pytest.mark.parametrize(
    ("mapping", "setting"),
    [
        (Mapping(user=""), "user"),
        (Mapping(user="a..b"), "user"),
        (Mapping(item="@timestamp"), "item"),
        (Mapping(user="x", item="x"), "item"),
        (Mapping(kinds={"a": "buy"}), "kinds"),
        (Mapping(missing_type="buy"), "missing_type"),
        (Mapping(weights={"a": float("inf")}), "weights"),
        (Mapping(registry="registry:8081"), "registry"),
    ],
)
def test_a_mapping_that_cannot_be_names_the_setting(mapping: Mapping, setting: str) -> None:
    wrong = fault(mapping)

    assert wrong is not None
    assert wrong[0] == setting


def test_our_own_form_and_the_shops_have_no_fault() -> None:
    assert fault(NATIVE) is None
    assert fault(SHOP) is None
