"""Producing to a log: everything, in order, on time, and never too far ahead."""

import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.config.schema import BadConfig, Serve
from deploy.produce.producer import Consumed, Producer, Stopped
from deploy.produce.speed import Speed, parse
from stream.broker import ensure_topic, log_address, open_sink, open_source
from stream.event.event import Event, decode


@pytest.fixture
def address(tmp_path: Path) -> str:
    made = log_address(tmp_path)
    ensure_topic(made, "events")
    return made


def some(count: int) -> list[Event]:
    """Events of a few users, a millisecond of event time apart."""
    return [Event(user=f"u{n % 7}", item=f"i{n}", t=1_000 + n) for n in range(count)]


def read(address: str, count: int) -> list[Event]:
    """The events in the topic."""
    source = open_source(address, "events", {})
    found: list[Event] = []
    try:
        while len(found) < count:
            found += [decode(record.payload, 2**60) for record in source.poll(1_000, 0.1)]
    finally:
        source.close()
    return found


def test_every_event_arrives_once_with_its_own_time_and_those_of_a_user_in_order(
    address: str,
) -> None:
    events = some(500)
    sink = open_sink(address, "events")
    producer = Producer(sink, Speed("max"), total=len(events))

    sent = producer.run(events)

    found = read(address, len(events))
    sink.close()
    assert sent == producer.delivered == len(events)
    assert sorted(found, key=lambda event: event.t) == events
    for user in {event.user for event in events}:
        times = [event.t for event in found if event.user == user]
        assert times == sorted(times)


def test_events_are_spread_over_the_time_asked_for(address: str) -> None:
    sink = open_sink(address, "events")
    began = time.monotonic()

    Producer(sink, parse("0.4s"), total=100).run(some(100))

    took = time.monotonic() - began
    sink.close()
    assert 0.35 < took < 2.0


def test_a_producer_that_is_told_to_stop_ends_at_once_and_keeps_what_it_sent(address: str) -> None:
    sink = open_sink(address, "events")
    producer = Producer(sink, parse("1/s"), total=100)
    thread = threading.Thread(target=producer.run, args=(some(100),))
    thread.start()

    producer.stopping.set()
    thread.join(timeout=5)

    sink.close()
    assert not thread.is_alive()
    assert producer.sent == producer.delivered <= 1


def test_whoever_watches_hears_of_every_event(address: str) -> None:
    heard: list[Event] = []
    sink = open_sink(address, "events")

    Producer(sink, Speed("max"), total=10, on_event=heard.append).run(some(10))

    sink.close()
    assert heard == some(10)


class Info(socketserver.ThreadingTCPServer):
    """Answers every command with the offsets set here, as INFO does."""

    daemon_threads = True
    allow_reuse_address = True
    offsets: dict[int, int]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Line)
        self.offsets = {}
        self.asked = threading.Semaphore(0)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def serve(self) -> Serve:
        return Serve(port=self.server_address[1], http_port=1)


class Line(socketserver.StreamRequestHandler):
    """One connection; every command here is `INFO`, an array of one bulk string."""

    server: Info

    def handle(self) -> None:
        while self.rfile.readline():
            self.rfile.readline(), self.rfile.readline()
            text = "".join(
                f"offset_{part}:{offset}\r\n" for part, offset in self.server.offsets.items()
            ).encode()
            self.wfile.write(b"$%d\r\n%s\r\n" % (len(text), text))
            self.server.asked.release()


@pytest.fixture
def info() -> Iterator[Info]:
    server = Info()
    yield server
    server.shutdown()
    server.server_close()


def test_production_waits_for_consumption_and_goes_on_with_it(address: str, info: Info) -> None:
    stop = threading.Event()
    consumed = Consumed(info.serve, stop)
    sink = open_sink(address, "events", ahead=50, applied=consumed)
    producer = Producer(sink, Speed("max"), total=2_000, stopping=stop)
    thread = threading.Thread(target=producer.run, args=(some(2_000),))
    thread.start()
    for _ in range(20):  # it looks again and again, and there is no progress
        assert info.asked.acquire(timeout=10)
    held_at = producer.sent

    info.offsets = dict.fromkeys(range(8), 10000)
    thread.join(timeout=10)

    sink.close()
    consumed.close()
    assert held_at <= 50 * 4 + 1
    assert producer.delivered == 2_000


def test_a_producer_that_waits_for_consumption_can_be_stopped(address: str, info: Info) -> None:
    stop = threading.Event()
    consumed = Consumed(info.serve, stop)
    sink = open_sink(address, "events", ahead=50, applied=consumed)
    producer = Producer(sink, Speed("max"), total=2_000, stopping=stop)
    thread = threading.Thread(target=producer.run, args=(some(2_000),))
    thread.start()
    assert info.asked.acquire(timeout=10)

    stop.set()
    thread.join(timeout=10)

    sink.close()
    consumed.close()
    assert not thread.is_alive()
    assert producer.sent < 2_000


def test_an_instance_that_reads_something_else_is_not_waited_for_for_ever(info: Info) -> None:
    consumed = Consumed(info.serve, threading.Event(), patience_s=0.05)
    began = time.monotonic()

    while consumed(0) == 0:
        assert time.monotonic() - began < 5

    consumed.close()


def test_asking_after_the_end_ends_the_asker(info: Info) -> None:
    stop = threading.Event()
    stop.set()

    with pytest.raises(Stopped):
        Consumed(info.serve, stop)(0)


@pytest.mark.parametrize(
    ("text", "speed"),
    [
        (None, Speed("span", 60.0)),
        (2_500.0, Speed("rate", 2_500.0)),
        ("5000/s", Speed("rate", 5_000.0)),
        ("90s", Speed("span", 90.0)),
        ("2 m", Speed("span", 120.0)),
        ("100x", Speed("factor", 100.0)),
        ("max", Speed("max")),
    ],
)
def test_a_speed_is_read_as_people_write_it(text: str | float | None, speed: Speed) -> None:
    assert parse(text) == speed


@pytest.mark.parametrize("text", ["fast", "0", "-3/s", "5 parsecs"])
def test_a_speed_nobody_understands_is_refused_with_examples(text: str) -> None:
    with pytest.raises(BadConfig, match="write 5000/s, 60s"):
        parse(text)


def test_each_speed_says_when_an_event_is_due() -> None:
    assert parse("100/s").due(50, 0, 1_000) == 0.5
    assert parse("60s").due(500, 0, 1_000) == 30.0
    assert parse("10x").due(3, 20_000, 1_000) == 2.0
    assert parse("max").due(999, 999, 1_000) == 0.0


def test_a_paused_producer_sends_nothing_and_goes_on_where_it_was(address: str) -> None:
    events = some(200)
    sink = open_sink(address, "events")
    producer = Producer(sink, Speed("rate", 200.0), total=len(events))
    thread = threading.Thread(target=producer.run, args=(events,))
    thread.start()
    while not producer.sent:
        time.sleep(0.001)
    producer.going.clear()
    time.sleep(0.05)  # the one under way
    held = producer.sent
    time.sleep(0.2)
    after = producer.sent
    producer.going.set()
    began = time.monotonic()
    while producer.sent < held + 20:
        time.sleep(0.001)
    took = time.monotonic() - began
    producer.stopping.set()
    thread.join()
    sink.close()

    assert after == held
    assert took > 0.05  # at its pace: what was missed is not caught up with
