"""Server-sent events over real connections: what is sent, to whom it is not sent any more, and what a client missed."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from stream.service.session import Service
from tests.fixture.backend import Toy, on_loop
from tests.fixture.http import get, site


class Stream:
    """The messages of a stream."""

    def __init__(self, read: asyncio.StreamReader) -> None:
        self._read = read
        self.head = ""

    async def next(self) -> dict[str, str]:
        """The fields of the next message that has data."""
        held = ""
        while True:
            size = int(await self._read.readline(), 16)
            held += (await self._read.readexactly(size + 2))[:size].decode()
            for part in held.split("\n\n")[:-1]:
                fields = dict(line.split(": ", 1) for line in part.splitlines() if not line.startswith(":"))
                if "data" in fields:
                    return fields
            held = held.split("\n\n")[-1]


@asynccontextmanager
async def stream(port: int, target: str, *headers: str) -> AsyncIterator[Stream]:
    read, write = await asyncio.open_connection("127.0.0.1", port)
    head = [f"GET {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers, "", ""]
    write.write("\r\n".join(head).encode())
    found = Stream(read)
    found.head = (await read.readuntil(b"\r\n\r\n")).decode()
    try:
        yield found
    finally:
        write.close()


def data(message: dict[str, str]) -> Any:
    return json.loads(message["data"])


class Moving(Toy):
    """A toy whose lists move on with each event."""

    def recommend(self, request: Any) -> Any:
        return self.answer(self.items[self.next : self.next + request.k])

    def stamps(self, users: Any) -> list[int]:
        return [self.next for _ in users]


def test_a_list_comes_now_and_whenever_it_changes() -> None:
    async def test() -> None:
        toy = Moving()
        async with site(toy) as port, stream(port, "/v1/stream/recommendations/ann?k=2") as found:
            first = await found.next()
            toy.apply(5)
            second = await found.next()

        assert "Content-Type: text/event-stream" in found.head
        assert [one["item"] for one in data(first)["items"]] == ["i1", "i2"]
        assert [one["item"] for one in data(second)["items"]] == ["i6", "i7"]
        assert data(second)["user"] == "ann"
        assert first["id"] != second["id"]

    on_loop(test)


def test_a_client_that_comes_again_hears_of_a_list_that_is_another_one() -> None:
    async def test() -> None:
        toy = Moving()
        async with site(toy) as port:
            async with stream(port, "/v1/stream/recommendations/ann?k=2") as found:
                last = (await found.next())["id"]
            async with stream(port, "/v1/stream/recommendations/ann?k=2", f"Last-Event-ID: {last}") as found:
                toy.apply(3)
                assert [one["item"] for one in data(await found.next())["items"]] == ["i4", "i5"]

    on_loop(test)


def test_figures_come_each_second_after_what_was() -> None:
    async def test() -> None:
        async with site(Toy()) as port, stream(port, "/v1/stream/metrics") as found:
            past, point = await found.next(), await found.next()

        assert past["event"] == "history"
        assert data(past)["points"][0]["live_mrr"].keys() == {
            "riverwalk",
            "blend",
            "own_recency",
            "popularity",
        }
        assert data(past)["newest"][0]["user"] == "ann"
        assert {"t", "events_per_s", "freshness_ms", "lag", "learned_share", "newest", "users_touched"} < set(
            data(point)
        )

    on_loop(test)


def test_streams_leave_places_to_those_who_ask() -> None:
    async def test() -> None:
        async with site(Toy(), most=8) as port:
            some = [stream(port, "/v1/stream/metrics") for _ in range(8)]
            heads = [(await one.__aenter__()).head for one in some]
            asked = await get(port, "/v1/trending")
            for one in some:
                await one.__aexit__(None, None, None)

        assert [head.split()[1] for head in heads] == ["200"] * 7 + ["503"]
        assert asked[0] == 200

    on_loop(test)


def test_a_client_that_takes_nothing_is_dropped() -> None:
    async def test() -> None:
        toy = Moving(200_000)
        service = Service(toy, rate=1000.0)
        with socket.socket() as idle:
            idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            async with site(toy, service=service) as port:
                idle.connect(("127.0.0.1", port))
                idle.sendall(b"GET /v1/stream/recommendations/ann?k=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
                async with stream(port, "/v1/stream/recommendations/bob?k=1") as other:
                    await other.next()
                    while not service.dropped:  # on_loop has a deadline
                        toy.apply(toy.next + 1)
                        await other.next()

                assert service.dropped == 1

    on_loop(test)
