"""POST /v1/events and /v1/items over real connections: what is taken, what is refused, and in which words."""

import gzip
import json

import pytest

from stream.service.load import Load
from stream.service.session import Service
from tests.fixture.backend import NOW_MS, Toy, on_loop
from tests.fixture.http import post, site

LINES = "application/x-ndjson"
GOOD = {"user": "ann", "item": "cup", "t": NOW_MS}


def test_an_event_an_array_and_lines_are_taken_and_their_places_told() -> None:
    async def test() -> None:
        toy = Toy()
        async with site(toy) as port:
            one = await post(port, "/v1/events", json.dumps(GOOD | {"type": "purchase"}))
            many = await post(port, "/v1/events", json.dumps([GOOD, GOOD | {"item": 7}]))
            lines = await post(port, "/v1/events", f"{json.dumps(GOOD)}\n\n{json.dumps(GOOD)}\n", LINES)

        assert one[0] == many[0] == lines[0] == 200
        assert one[1] == {"accepted": 1, "rejected": 0, "places": ["0:0"], "errors": []}
        assert many[1]["places"] == ["0:1", "0:2"]
        assert lines[1]["places"] == ["0:3", "0:4"]
        assert [event.item for event in toy.published] == ["cup", "cup", "7", "cup", "cup"]
        assert toy.published[0].type == "purchase"

    on_loop(test)


def test_an_event_without_a_time_happens_now() -> None:
    async def test() -> None:
        toy = Toy()
        async with site(toy, clock=lambda: NOW_MS) as port:
            assert (await post(port, "/v1/events", '{"user":"ann","item":"cup","value":2}'))[0] == 200

        assert (toy.published[0].t, toy.published[0].value) == (NOW_MS, 2.0)

    on_loop(test)


def test_wrong_events_are_named_by_line_and_the_others_are_taken() -> None:
    async def test() -> None:
        toy = Toy()
        body = "\n".join(
            [json.dumps(GOOD), "{", json.dumps(GOOD | {"t": -1}), '{"user":"ann"}', "", json.dumps(GOOD)]
        )
        async with site(toy) as port:
            status, told = await post(port, "/v1/events", body, LINES)

        assert status == 207
        assert told["places"] == ["0:0", None, None, None, "0:1"]
        assert [(one["line"], one["reason"]) for one in told["errors"]] == [
            (2, "json"),
            (3, "time"),
            (4, "missing"),
        ]
        assert "t is -1" in told["errors"][1]["detail"]
        assert len(toy.published) == 2

    on_loop(test)


def test_an_array_is_taken_as_a_whole_unless_the_request_says_otherwise() -> None:
    async def test() -> None:
        toy = Toy()
        body = json.dumps([GOOD, {"user": "ann", "item": "cup", "type": "steal", "t": 1}])
        async with site(toy) as port:
            status, told = await post(port, "/v1/events", body)
            lax = await post(port, "/v1/events?strict=false", body)
            only = await post(port, "/v1/events", "{}")

        assert (status, told["status"], told["title"]) == (400, 400, "Bad Request")
        assert told["detail"].startswith(
            "1 of 2 records are wrong, so none was taken; line 2: type is 'steal'"
        )
        assert told["instance"] == "/v1/events"
        assert told["errors"][0]["line"] == 2
        assert (only[0], only[1]["errors"][0]["reason"]) == (400, "missing")
        assert (lax[0], lax[1]["places"]) == (207, ["0:0", None])
        assert len(toy.published) == 1

    on_loop(test)


def test_a_packed_body_is_unpacked_and_one_that_swells_is_refused() -> None:
    async def test() -> None:
        toy = Toy()
        packed = gzip.compress(json.dumps(GOOD).encode())
        bomb = gzip.compress(b" " * (20 << 20))
        async with site(toy) as port:
            send = ("Content-Encoding: gzip",)
            assert (await post(port, "/v1/events", packed, LINES, *send))[0] == 200
            assert (await post(port, "/v1/events", packed + packed, LINES, *send))[0] == 400  # one line
            assert (await post(port, "/v1/events", bomb, LINES, *send))[0] == 413
            cut = await post(port, "/v1/events", packed[:-9], LINES, *send)
            none = await post(port, "/v1/events", b"no gzip", LINES, *send)
            assert (cut[0], none[0]) == (400, 400)
            assert "cannot be unpacked" in none[1]["detail"]

        assert len(toy.published) == 1

    on_loop(test)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"]
)
def test_what_a_page_of_another_site_could_post_unasked_is_not_read(kind: str) -> None:
    async def test() -> None:
        toy = Toy()
        async with site(toy) as port:
            status, told = await post(port, "/v1/events", json.dumps(GOOD), kind)

        assert status == 415
        assert "wanted application/json" in told["detail"]
        assert not toy.published

    on_loop(test)


def test_a_page_of_another_site_changes_nothing_unless_it_is_listed() -> None:
    async def test() -> None:
        toy = Toy()
        async with site(toy, origins=["https://shop.example"]) as port:
            here = f"http://127.0.0.1:{port}"
            for origin, status in (("https://evil.example", 403), ("https://shop.example", 200), (here, 200)):
                found = await post(
                    port, "/v1/events", json.dumps(GOOD), "application/json", f"Origin: {origin}"
                )
                assert found[0] == status

        assert len(toy.published) == 2

    on_loop(test)


def test_too_much_is_refused_before_it_is_read() -> None:
    async def test() -> None:
        toy = Toy()
        async with site(toy) as port:
            status, told = await post(port, "/v1/events", b"x", LINES, "Content-Length: 999999999")
            many = await post(port, "/v1/events", "{}\n" * 10_001, LINES)

        assert (status, many[0]) == (413, 400)
        assert "at most 8388608 bytes are read" in told["detail"]
        assert "more than 10000 records" in many[1]["detail"]

    on_loop(test)


def test_a_user_is_not_forgotten_by_an_event() -> None:
    async def test() -> None:
        async with site() as port:
            status, told = await post(port, "/v1/events", '{"user":"ann","type":"forget","t":1}')

        assert status == 400
        assert "DELETE /v1/user/{user}" in told["detail"]

    on_loop(test)


def test_events_that_cannot_be_written_may_be_sent_again() -> None:
    async def test() -> None:
        toy = Toy()
        toy.broker_lives = False
        async with site(toy) as port:
            status, told = await post(port, "/v1/events", json.dumps([GOOD, GOOD]))

        assert status == 503
        assert told["places"] == [None, None]
        assert "0 of 2 records were written, the others may be sent again: 127.0.0.1:9" in told["detail"]

    on_loop(test)


def test_items_are_described_and_wrong_ones_named() -> None:
    async def test() -> None:
        toy = Toy()
        body = [
            {"item": "cup", "fields": {"title": "A cup", "price": 3}},
            {"item": "pot", "fields": None},
            {"item": "lid", "fields": {"price": {"eur": 1}}},
            {"item": "lid"},
            {"item": "lid", "fields": {}, "title": "x"},
        ]
        async with site(toy) as port:
            status, told = await post(port, "/v1/items?strict=false", json.dumps(body))

        assert status == 207
        assert told["places"] == ["0:0", "0:1", None, None, None]
        assert [one["reason"] for one in told["errors"]] == ["type", "missing", "type"]
        assert toy.described == {"cup": {"title": "A cup", "price": 3.0}, "pot": None}

    on_loop(test)


def test_bodies_that_are_too_much_together_are_sent_again_later() -> None:
    async def test() -> None:
        toy = Toy()
        load = Load(0, 1024)  # the share of one reader of many: 64 KiB of bodies
        async with site(toy, service=Service(toy, load=load)) as port:
            status, told = await post(port, "/v1/events", b" " * 100_000, LINES)
            small = await post(port, "/v1/events", json.dumps(GOOD))

        assert (status, small[0]) == (503, 200)
        assert "send this again in a moment" in told["detail"]

    on_loop(test)
