"""MULTI, EXEC and DISCARD, as redis-py's pipeline sends them and as they are typed."""

import asyncio

import pytest
import redis.asyncio

from stream.resp import transaction
from stream.resp.codec import encode
from tests.fixture.backend import Toy, ask, client, on_loop, serving


def test_the_default_pipeline_of_redis_py_publishes_and_asks() -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy) as server, client(server.port) as asker:
            pipe = asker.pipeline()
            pipe.execute_command("EVENT", "ann", "i5", "purchase")
            pipe.execute_command("RECOMMEND", "ann", 2)
            pipe.execute_command("RECOMMEND", "ann", 0)
            pipe.execute_command("EVENT", "ann", "i6")
            replies = await pipe.execute(raise_on_error=False)

            assert replies[:2] == ["0:0", ["i2", "i3"]]
            assert isinstance(replies[2], redis.ResponseError)
            assert replies[3] == "0:1"
            assert [event.item for event in toy.published] == ["i5", "i6"]

    on_loop(test)


def test_a_pipeline_that_watches_works() -> None:
    async def test() -> None:
        async with serving(Toy()) as server, client(server.port) as asker, asker.pipeline() as pipe:
            await pipe.watch("anything")
            pipe.multi()
            pipe.execute_command("TRENDING", 1)

            assert await pipe.execute() == [["i1"]]

    on_loop(test)


def test_what_waits_waits_inside_exec_and_the_replies_keep_their_order() -> None:
    async def test() -> None:
        toy = Toy()
        toy.publish_s = 0.005
        async with serving(toy) as server:
            words = b"MULTI\r\nEVENT ann i5\r\nRECOMMEND ann 1 AFTER 0:0 TIMEOUT 20000\r\nFORGET ann\r\nPING\r\nEXEC\r\nPING\r\n"
            asking = asyncio.create_task(ask(server.port, words))
            while not server.service.waiting:
                await asyncio.sleep(0)
            assert len(toy.published) == 1
            toy.apply(2)
            reply = await asking

            head = b"+OK\r\n" + b"+QUEUED\r\n" * 4 + b"*4\r\n"
            assert reply.startswith(head + encode("0:0") + encode(["i2"]) + b"*")
            assert reply.endswith(b"+PONG\r\n+PONG\r\n")
            assert [event.type for event in toy.published] == ["view", "forget"]

    on_loop(test)


@pytest.mark.parametrize("wrong", [b"SET a b", b"HELLO 3", b"AUTH p"])
def test_a_request_that_cannot_be_queued_makes_exec_do_nothing(wrong: bytes) -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy) as server:
            reply = await ask(
                server.port, b"MULTI\r\nEVENT u i1\r\n" + wrong + b"\r\nEXEC\r\nEXEC\r\nPING\r\n"
            )

            lines = reply.splitlines()
            assert lines[1] == b"+QUEUED"
            assert lines[2].startswith(b"-ERR")
            assert lines[3] == b"-EXECABORT Transaction discarded because of previous errors."
            assert lines[4:] == [b"-ERR EXEC without MULTI", b"+PONG"]
            assert not toy.published

    on_loop(test)


@pytest.mark.parametrize(("end", "reply"), [(b"DISCARD", b"+OK"), (b"RESET", b"+RESET")])
def test_discard_and_reset_drop_what_was_queued(end: bytes, reply: bytes) -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy) as server:
            words = b"MULTI\r\nEVENT u i1\r\n" + end + b"\r\nDISCARD\r\nMULTI\r\nEXEC\r\n"
            lines = (await ask(server.port, words)).splitlines()

            assert lines == [b"+OK", b"+QUEUED", reply, b"-ERR DISCARD without MULTI", b"+OK", b"*0"]
            assert not toy.published

    on_loop(test)


def test_multi_in_multi_and_watch_in_multi_are_refused_and_the_queue_stays() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            reply = await ask(
                server.port, b"WATCH k\r\nUNWATCH\r\nMULTI\r\nMULTI\r\nWATCH k\r\nPING\r\nEXEC\r\n"
            )

            assert reply.splitlines() == [
                *(b"+OK", b"+OK", b"+OK", b"-ERR MULTI calls can not be nested"),
                *(b"-ERR WATCH inside MULTI is not allowed", b"+QUEUED", b"*1", b"+PONG"),
            ]

    on_loop(test)


def test_what_is_queued_is_bounded() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            count = transaction.MAX_BYTES // 60_000 + 1
            reply = await ask(
                server.port, b"MULTI\r\n" + encode([b"ECHO", b"x" * 60_000]) * count + b"EXEC\r\n"
            )

            assert reply.count(b"+QUEUED") == count - 1
            assert b"-ERR over 4194304 bytes between MULTI and EXEC" in reply
            assert reply.endswith(b"-EXECABORT Transaction discarded because of previous errors.\r\n")

    on_loop(test)
