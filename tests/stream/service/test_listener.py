"""Readers that share listening sockets: who takes a client, and what they tell of each other."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stream.resp.codec import encode
from stream.resp.connection import FULL
from stream.server import Listen, Server, serve
from stream.service.listener import open_tcp, open_unix
from stream.service.load import Field, Load
from tests.fixture.backend import Toy, client, on_loop

CLIENTS = 16


@asynccontextmanager
async def readers(folder: Path, count: int = 2, **options: Any) -> AsyncIterator[list[Server]]:
    """Readers of one port and one Unix socket, as their processes are but on one loop."""
    path = folder / "page"
    Load(readers=count, path=path, make=True).close()
    opened = [*open_tcp("127.0.0.1", 0), open_unix(str(folder / "socket"))]
    async with AsyncExitStack() as stack:
        servers = []
        for reader in range(count):
            sockets = [one.dup() for one in opened]
            server = await serve(Toy(), Listen(**options), sockets=sockets, load=Load(reader, count, path))
            stack.push_async_callback(server.close, 1.0)
            servers.append(server)
        for one in opened:
            one.close()
        yield servers


@pytest.mark.parametrize("way", ["tcp", "unix"])
def test_clients_that_come_at_once_are_shared_evenly(tmp_path: Path, way: str) -> None:
    async def test() -> None:
        async with readers(tmp_path) as servers:
            if way == "tcp":
                opening = [asyncio.open_connection("127.0.0.1", servers[0].port) for _ in range(CLIENTS)]
            else:
                opening = [asyncio.open_unix_connection(str(tmp_path / "socket")) for _ in range(CLIENTS)]
            lines = await asyncio.gather(*opening)
            for read, write in lines:
                write.write(b"PING\r\n")
                assert await read.readline() == b"+PONG\r\n"

            shares = [len(server.service.clients) for server in servers]
            assert sum(shares) == CLIENTS
            assert max(shares) - min(shares) <= 2

            for _, write in lines:
                write.close()

    on_loop(test)


def test_each_client_has_a_number_of_its_own_also_of_a_reader_that_is_started_again(tmp_path: Path) -> None:
    async def test() -> None:
        async with readers(tmp_path) as servers:
            port = servers[0].port
            clients = [client(port, single_connection_client=True) for _ in range(4)]
            numbers = {await one.client_id() for one in clients}
            again = await serve(
                Toy(),
                Listen(port=0),
                load=Load(1, 2, tmp_path / "page"),
            )
            later = client(again.port, single_connection_client=True)
            numbers.add(await later.client_id())

            assert len(numbers) == 5

            for one in (*clients, later):
                await one.aclose()
            await again.close(1.0)

    on_loop(test)


def test_limits_and_info_are_the_instances_whichever_reader_is_asked(tmp_path: Path) -> None:
    async def test() -> None:
        async with readers(tmp_path, max_clients=3) as servers:
            port = servers[0].port
            clients = [client(port, single_connection_client=True) for _ in range(3)]
            for one in clients:
                assert await one.ping()

            read, write = await asyncio.open_connection("127.0.0.1", port)
            assert await read.read() == encode(FULL)
            write.close()

            told = [await one.info() for one in clients]
            assert [info["connected_clients"] for info in told] == [3] * 3
            assert {info["reader"] for info in told} == {1, 2}
            assert all(info["readers"] == info["readers_up"] == 2 for info in told)
            for one in clients:
                await one.aclose()

    on_loop(test)


def test_a_client_is_taken_by_a_reader_that_has_more_when_the_other_does_not_come(tmp_path: Path) -> None:
    async def test() -> None:
        async with readers(tmp_path, count=3) as servers:
            hung = Load(2, 3, tmp_path / "page")
            await servers[2].close(1.0)
            hung.begin()
            async with client(servers[0].port) as one, client(servers[0].port) as two:
                assert await one.ping()
                assert await two.ping()

    on_loop(test)


def test_a_reader_that_has_ended_counts_for_nothing_and_what_it_did_stays(tmp_path: Path) -> None:
    one, other = (Load(reader, 2, tmp_path / "page", make=reader == 0) for reader in (0, 1))
    other.begin()
    other.set(Field.CLIENTS, 7)
    other.set(Field.ANSWERED, 70)
    assert (one.up(), one.least(Field.CLIENTS), one.others(Field.CLIENTS)) == (1, 7, 7)

    one.end(1)

    assert (one.up(), one.least(Field.CLIENTS), one.others(Field.CLIENTS)) == (0, None, 0)
    assert one.others(Field.ANSWERED) == 70


def test_a_host_of_several_addresses_is_listened_on_at_all_of_them_with_one_port() -> None:
    opened = open_tcp("localhost", 0)
    try:
        ports = {one.getsockname()[1] for one in opened}
        found = {info[4][0] for info in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)}

        assert len(ports) == 1
        assert {one.getsockname()[0] for one in opened} <= found
    finally:
        for one in opened:
            one.close()
