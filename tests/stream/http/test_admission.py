"""Who is taken when HTTP connections are few: idle and slow clients give way, health is always answered."""

import asyncio

from stream.service.session import STRANGERS
from tests.fixture.address import own_address
from tests.fixture.backend import Toy, on_loop
from tests.fixture.service.http import get, site

RIGHT = "Authorization: Basic ZGVmYXVsdDpw"  # default:p


async def opened(
    host: str, port: int, data: bytes = b""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that has sent this much."""
    read, write = await asyncio.open_connection(host, port)
    write.write(data)
    await write.drain()
    return read, write


async def is_open(read: asyncio.StreamReader, write: asyncio.StreamWriter, *headers: str) -> bool:
    """Whether a connection still answers."""
    try:
        write.write("\r\n".join(("GET /trending?k=1 HTTP/1.1", "Host: x", *headers, "", "")).encode())
        head = await read.readuntil(b"\r\n\r\n")
        await read.readuntil(b"\n")
        return b" 200 " in head
    except (ConnectionError, asyncio.IncompleteReadError):
        return False


def test_health_is_answered_however_many_clients_dribble_their_headers() -> None:
    async def test() -> None:
        async with site(most=8) as port:
            slow = [
                await opened("127.0.0.1", port, b"GET /trending HTTP/1.1\r\nHost: loc") for _ in range(40)
            ]
            for _, write in slow:
                write.write(b"a")

            for _ in range(10):
                assert (await get(port, "/health/live"))[0] == 200
            for _, write in slow:
                write.close()

    on_loop(test)


def test_strangers_take_one_place_in_eight_and_give_way_to_each_other() -> None:
    async def test() -> None:
        address = own_address()
        async with site(host="0.0.0.0", password="p", most=STRANGERS) as port:
            known = await opened(address, port)
            assert await is_open(*known, RIGHT)
            silent = [await opened(address, port, b"GET / HT") for _ in range(3 * STRANGERS)]

            assert (await get(port, "/health/live", host=address))[0] == 200
            assert (await get(port, "/trending", "Host: x", RIGHT, host=address))[0] == 200
            assert (await get(port, "/trending", "Host: x", RIGHT))[0] == 200
            assert await is_open(*known, RIGHT)
            for _, write in (known, *silent):
                write.close()

    on_loop(test)


def test_a_request_under_way_gives_no_place_up() -> None:
    async def test() -> None:
        toy = Toy()
        async with site(toy, most=1) as port:
            asking = asyncio.create_task(get(port, "/recommend/ann?k=1&after=0:0&timeout=20000"))
            await toy.looked.wait()

            status, _, body = await get(port, "/health/live")

            assert status == 503
            assert "serve.max_clients" in body
            toy.apply(1)
            assert (await asking)[0] == 200
            assert (await get(port, "/health/live"))[0] == 200

    on_loop(test)
