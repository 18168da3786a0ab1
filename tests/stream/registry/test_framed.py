"""Records in Confluent's framing are read by the schemas of a registry: here one of the test's own."""

import io
import json
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fastavro
import pytest

from stream.error import Away, BadEvent, BadSource
from stream.event.batch import Record
from stream.event.event import DAY_MS, Event
from stream.event.mapped import Mapped
from stream.event.mapping import Mapping
from stream.ingest.order import Order
from stream.registry.client import Client
from stream.registry.framed import Framed

NOW = 1_700_000_000_000
AVRO = {
    "type": "record",
    "name": "Action",
    "fields": [
        {
            "name": "customer",
            "type": {"type": "record", "name": "Customer", "fields": [{"name": "id", "type": "long"}]},
        },
        {"name": "sku", "type": ["null", "string"]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "what", "type": {"type": "enum", "name": "What", "symbols": ["VIEWED", "BOUGHT"]}},
        {
            "name": "paid",
            "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}],
        },
    ],
}
PROTO = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "shop/customer.proto";
message Other { string x = 1; }
message Action {
  shop.Customer customer = 1;
  string sku = 2;
  google.protobuf.Timestamp at = 3;
  enum What { VIEWED = 0; BOUGHT = 1; }
  What what = 4;
  optional double paid = 5;
}
"""
CUSTOMER = 'syntax = "proto3"; package shop; message Customer { int64 id = 1; }'
NAMES = Mapping(
    user="customer.id",
    item="sku",
    t="at",
    type="what",
    value="paid",
    kinds={"VIEWED": "view", "BOUGHT": "purchase"},
)


class Registry:
    """A schema registry on a port of its own."""

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.asked: list[str] = []
        self.login: str | None = None
        self.status = 200
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.asked.append(self.path)
                registry.login = self.headers.get("Authorization")
                found = registry.answers.get(self.path)
                status = registry.status if registry.status != 200 else 200 if found is not None else 404
                body = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def add(self, number: int, kind: str, text: str, references: object = None) -> None:
        told = {"schema": text, "schemaType": kind, "references": references or []}
        self.answers[f"/schemas/ids/{number}"] = told

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def registry() -> Iterator[Registry]:
    one = Registry()
    yield one
    one.close()


@pytest.fixture
def decode(registry: Registry) -> Callable[..., Event]:
    return Mapped(NAMES, Framed(Client(registry.address + "/", "ann", "secret")))


def framed(number: int, body: bytes) -> bytes:
    return struct.pack(">bI", 0, number) + body


def avro(**fields: object) -> bytes:
    written = io.BytesIO()
    usual = {"customer": {"id": 7}, "sku": "cup", "at": NOW, "what": "BOUGHT", "paid": None}
    fastavro.schemaless_writer(written, AVRO, {**usual, **fields})
    return written.getvalue()


def varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])


ACTION = b"\x0a\x02\x08\x07" + b"\x12\x03cup" + b"\x1a\x06\x08" + varint(1_700_000_000) + b"\x20\x01"


def test_avro_is_read_by_its_schema_which_is_asked_for_once(
    registry: Registry, decode: Callable[..., Event]
) -> None:
    registry.add(42, "AVRO", json.dumps(AVRO))

    events = [decode(framed(42, avro()), NOW) for _ in range(3)]

    assert events == [Event("7", "cup", NOW, "purchase")] * 3
    assert registry.asked == ["/schemas/ids/42"]
    assert registry.login == "Basic YW5uOnNlY3JldA=="


def test_a_decimal_of_avro_is_a_value(registry: Registry, decode: Callable[..., Event]) -> None:
    from decimal import Decimal

    registry.add(42, "AVRO", json.dumps(AVRO))

    assert decode(framed(42, avro(paid=Decimal("4.50"))), NOW).value == 4.5


def test_protobuf_is_read_with_what_its_schema_refers_to(
    registry: Registry, decode: Callable[..., Event]
) -> None:
    registry.add(
        7, "PROTOBUF", PROTO, [{"name": "shop/customer.proto", "subject": "shop/customer", "version": 1}]
    )
    registry.answers["/subjects/shop%2Fcustomer/versions/1"] = {"schema": CUSTOMER}

    event = decode(framed(7, b"\x02\x02" + ACTION), NOW)  # one index, zigzag: message 1

    assert event == Event("7", "cup", NOW, "purchase")


def test_json_in_a_frame_is_read_with_and_without_a_registry(
    registry: Registry, decode: Callable[..., Event]
) -> None:
    registry.add(3, "JSON", "{}")
    body = json.dumps({"customer": {"id": 7}, "sku": "cup", "at": NOW, "what": "VIEWED"}).encode()

    assert decode(framed(3, body), NOW) == Mapped(NAMES)(framed(3, body), NOW) == Event("7", "cup", NOW)


@pytest.mark.parametrize(
    ("record", "reason", "says"),
    [
        (framed(42, avro()[:3]), "schema", "does not fit its schema 42"),
        (framed(42, avro() + b"more"), "schema", "4 bytes are left over"),
        (framed(42, avro(sku=None)), "missing", 'record has no item ([event] item = "sku")'),
        (framed(43, avro()), "schema", "has no schema 43"),
        (framed(44, avro()), "schema", "schema 44 cannot be read"),
        (framed(45, avro()), "schema", "of type 'THRIFT'"),
        (framed(46, b"\x00\xff"), "schema", "schema 46 cannot be read"),
    ],
)
def test_what_does_not_fit_its_schema_says_so(
    registry: Registry, decode: Callable[..., Event], record: bytes, reason: str, says: str
) -> None:
    registry.add(42, "AVRO", json.dumps(AVRO))
    registry.add(44, "AVRO", '{"type": "record"}')
    registry.add(45, "THRIFT", "struct")
    registry.add(46, "PROTOBUF", "no proto at all")

    with pytest.raises(BadEvent) as bad:
        decode(record, NOW)

    assert (bad.value.reason, says in str(bad.value)) == (reason, True), str(bad.value)


def test_a_registry_that_refuses_us_says_what_to_set(
    registry: Registry, decode: Callable[..., Event]
) -> None:
    registry.status = 401

    with pytest.raises(BadSource, match="registry_user"):
        decode(framed(42, avro()), NOW)


def test_records_wait_while_the_registry_is_away_and_none_is_lost(registry: Registry) -> None:
    registry.status = 503
    decode = Mapped(NAMES, Framed(Client(registry.address)))
    topic = Topic([Record(0, k, framed(42, avro(sku=f"cup-{k}")), NOW) for k in range(3)])
    order = Order(topic, lambda: NOW, DAY_MS, decode=decode)

    assert order.take(10, 0.001) is None
    assert "503" in order.trouble

    registry.status = 200
    registry.add(42, "AVRO", json.dumps(AVRO))
    taken = None
    while taken is None:
        taken = order.take(10, 0.01)

    assert taken.batch.item == ["cup-0", "cup-1", "cup-2"]
    assert not order.trouble


def test_an_address_where_nothing_listens_is_away(registry: Registry) -> None:
    registry.close()

    with pytest.raises(Away, match="does not answer"):
        Client(registry.address).schema(1)


class Topic:
    """A source of these records, all in one poll."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records

    def poll(self, limit: int, wait_s: float) -> list[Record]:
        found, self.records = self.records, []
        return found

    def waiting(self) -> dict[int, int]:
        return {0: len(self.records)}

    def only(self, partitions: set[int] | None) -> None:
        """Read all of them all the same."""
