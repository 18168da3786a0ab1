"""Pipelined EVENTs: published together, replied to in order."""

import asyncio

from stream.resp.codec import encode
from stream.resp.pipeline import MOST
from tests.fixture.backend import Toy, ask, client, on_loop, serving


def events(count: int) -> bytes:
    """As many EVENTs, of users that are numbered."""
    return b"".join(encode([b"EVENT", b"u%d" % n, b"i1"]) for n in range(count))


def test_pipelined_events_are_published_together_in_order_and_bounded() -> None:
    async def test() -> None:
        toy = Toy()
        toy.publish_s = 0.005
        async with serving(toy) as server:
            began = asyncio.get_running_loop().time()
            reply = await ask(server.port, events(2000))
            took = asyncio.get_running_loop().time() - began

            assert reply == b"".join(encode(f"0:{n}") for n in range(2000))
            assert [event.user for event in toy.published] == [f"u{n}" for n in range(2000)]
            assert 100 < toy.most_under_way <= MOST
            assert took < 1.0  # one after the other they take 10 s

    on_loop(test)


def test_a_command_between_events_runs_after_those_before_it() -> None:
    class Counting(Toy):
        def info(self) -> dict[str, str | int | float]:
            return {"under_way": self.under_way, "published": len(self.published)}

    async def test() -> None:
        toy = Counting()
        toy.publish_s = 0.005
        async with serving(toy) as server:
            words = events(50) + b"INFO riverwalk\r\n" + events(50) + b"EVENT u i nonsense\r\n" + b"PING\r\n"
            reply = await ask(server.port, words)

            first = b"".join(encode(f"0:{n}") for n in range(50))
            told = encode("# Riverwalk\r\nunder_way:0\r\npublished:50\r\n")
            then = b"".join(encode(f"0:{n}") for n in range(50, 100))
            assert reply.startswith(first + told + then + b"-ERR no event")
            assert reply.endswith(b"+PONG\r\n")

    on_loop(test)


def test_a_broken_frame_behind_events_is_told_after_their_replies() -> None:
    async def test() -> None:
        toy = Toy()
        toy.publish_s = 0.005
        async with serving(toy) as server:
            reply = await ask(server.port, events(3) + b"*x\r\n")

            assert reply.startswith(b"".join(encode(f"0:{n}") for n in range(3)) + b"-ERR Protocol error")

    on_loop(test)


def test_events_of_a_client_that_does_not_await_the_replies_are_published() -> None:
    async def test() -> None:
        toy = Toy()
        toy.publish_s = 0.005
        async with serving(toy) as server, client(server.port) as other:
            _, write = await asyncio.open_connection("127.0.0.1", server.port)
            write.write(events(100))
            await write.drain()
            write.close()
            while len(toy.published) < 100 or toy.under_way:
                assert await other.ping()

    on_loop(test)
