"""Who is taken when connections are few, who is hung up on when bytes are many, and who is silent for too long."""

import asyncio

import pytest

from stream.resp.codec import encode
from stream.resp.connection import FULL, HOLDS
from stream.service.session import STRANGERS
from tests.fixture.address import own_address
from tests.fixture.backend import Toy, ask, client, on_loop, serving

PONG = b"+PONG\r\n"


async def connect(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(host, port)


def test_strangers_make_room_for_clients_that_give_the_password_and_for_this_machine() -> None:
    async def test() -> None:
        async with serving(Toy(), host="0.0.0.0", password="p", max_clients=STRANGERS) as server:
            known_read, known = await connect(own_address(), server.port)
            known.write(b"AUTH p\r\n")
            assert await known_read.readline() == b"+OK\r\n"
            silent_read, silent = await connect(own_address(), server.port)
            silent.write(b"AUTH x\r\n")
            assert (await silent_read.readline()).startswith(b"-WRONGPASS")

            other_read, other = await connect(own_address(), server.port)
            assert await silent_read.read() == encode(FULL)
            other.write(b"AUTH p\r\n")
            assert await other_read.readline() == b"+OK\r\n"
            assert (await ask(server.port, b"AUTH p\r\nPING\r\n")).endswith(PONG)
            known.write(b"PING\r\n")
            assert await known_read.readline() == PONG
            for write in (known, silent, other):
                write.close()

    on_loop(test)


def test_the_last_place_goes_to_a_known_client_rather_than_to_a_stranger() -> None:
    async def test() -> None:
        async with serving(Toy(), host="0.0.0.0", password="p", max_clients=1) as server:
            read, write = await connect(own_address(), server.port)
            write.write(b"AUTH x\r\n")
            assert (await read.readline()).startswith(b"-WRONGPASS")
            async with client(server.port, password="p") as asker:
                assert await asker.ping()
                assert await read.read() == encode(FULL)
                late_read, late = await connect(own_address(), server.port)
                assert await late_read.read() == encode(FULL)
                assert await asker.ping()
                late.close()
            write.close()

    on_loop(test)


@pytest.mark.parametrize("start", [b"*2\r\n$4\r\nECHO\r\n$60000\r\n", b"MULTI\r\nECHO "])
def test_of_all_clients_the_one_that_holds_most_is_hung_up_on(start: bytes) -> None:
    async def test() -> None:
        async with serving(Toy()) as server, client(server.port) as asker:
            assert await asker.ping()
            server.service.max_unfinished = 50_000
            read, write = await connect("127.0.0.1", server.port)
            few_read, few = await connect("127.0.0.1", server.port)
            few.write(b"*1\r\n$40000\r\n" + b"x" * 9_990)
            end = b"\n" if start.startswith(b"MULTI") else b""
            write.write(start + b"x" * 45_000 + end)

            assert (await read.read()).endswith(encode(HOLDS))
            few.write(b"x" * 30_010 + b"\r\n")
            assert (await few_read.readline()).startswith(b"-ERR unknown command")
            while len(server.service.clients) > 2:
                await asyncio.sleep(0)
            assert server.service.unfinished == 0
            assert (await asker.info())["unfinished_bytes"] == 0
            write.close()
            few.close()

    on_loop(test)


def test_a_client_that_is_silent_for_too_long_is_hung_up_on_and_one_that_waits_is_not() -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy, idle_s=0.1) as server:
            waiting = asyncio.create_task(
                ask(server.port, b"RECOMMEND u 1 AFTER 0:0 TIMEOUT 20000\r\n", end=b"i1\r\n")
            )
            read, write = await connect("127.0.0.1", server.port)
            write.write(b"PING\r\n")
            assert await read.readline() == PONG
            began = asyncio.get_running_loop().time()
            assert await read.read() == b""
            assert asyncio.get_running_loop().time() - began > 0.05
            write.close()
            toy.apply(1)
            assert await waiting == encode(["i1"])

    on_loop(test)
