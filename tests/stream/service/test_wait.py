"""EVENT tells where an event stands, and AFTER waits until it is in the answer; nobody else waits."""

import asyncio
import socket
import struct

from stream.event.event import Event
from stream.resp.codec import encode
from tests.fixture.backend import NOW_MS, Toy, ask, client, on_loop, serving


def test_an_event_is_published_and_its_place_replied() -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy) as server, client(server.port) as asker:
            places = [
                await asker.execute_command("EVENT", "ann", "i9"),
                await asker.execute_command("EVENT", "ann", 7, "PURCHASE", "2.5", NOW_MS - 5),
                await asker.execute_command("EVENT", "ann", "i9", "like", 1, "2020-01-01T00:00:00Z"),
            ]

            assert places == ["0:0", "0:1", "0:2"]
            assert toy.published == [
                Event("ann", "i9", NOW_MS),
                Event("ann", "7", NOW_MS - 5, "purchase", 2.5),
                Event("ann", "i9", 1_577_836_800_000, "like"),
            ]

    on_loop(test)


def test_an_event_takes_an_id_and_its_source_after_its_arguments() -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy) as server, client(server.port) as asker:
            await asker.execute_command("EVENT", "ann", "i9", "ID", "e-1")
            await asker.execute_command(
                "EVENT", "ann", "i9", "like", 2, NOW_MS - 5, "source", "/shop", "id", "e-2"
            )
            refusals = [
                await ask(server.port, words + b"\r\n", end=b"\r\n")
                for words in (
                    b"EVENT u i ID",
                    b"EVENT u i ID a ID b",
                    b"EVENT u i ID a like",
                    b"EVENT u ID a",
                )
            ]

            assert toy.published == [
                Event("ann", "i9", NOW_MS, id="e-1"),
                Event("ann", "i9", NOW_MS - 5, "like", 2.0, "e-2", "/shop"),
            ]
            assert all(b"EVENT user item" in refusal for refusal in refusals[:3])

    on_loop(test)


def test_an_event_that_ingest_would_reject_as_too_far_ahead_is_refused_at_once() -> None:
    async def test() -> None:
        toy = Toy()
        toy.future_ms = 600_000
        async with serving(toy) as server, client(server.port) as asker:
            await asker.execute_command("EVENT", "ann", "i9", "view", 1, NOW_MS + 600_000)
            reply = await ask(server.port, b"EVENT u i view 1 %d\r\n" % (NOW_MS + 600_001), end=b"\r\n")

            assert b"at most 10 minutes is taken" in reply
            assert len(toy.published) == 1

    on_loop(test)


def test_an_event_that_no_broker_takes_is_an_error() -> None:
    async def test() -> None:
        toy = Toy()
        toy.broker_lives = False
        async with serving(toy) as server:
            reply = await ask(server.port, b"EVENT u i1\r\nPING\r\n")

            assert reply.startswith(b"-ERR the event is not published: 127.0.0.1:9")
            assert reply.endswith(b"\r\n+PONG\r\n")

    on_loop(test)


def test_after_replies_once_the_event_is_applied_and_others_do_not_wait() -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy) as server, client(server.port) as one, client(server.port) as other:
            place = await one.execute_command("EVENT", "ann", "i1")
            waiting = asyncio.create_task(
                one.execute_command("RECOMMEND", "ann", 1, "AFTER", place, "TIMEOUT", 20_000)
            )
            while (await other.info("clients"))["blocked_clients"] != 1:
                pass

            assert await other.execute_command("RECOMMEND", "ann", 1) == ["i2"]
            assert not waiting.done()

            toy.apply(1)

            assert await waiting == ["i2"]
            assert await one.execute_command("RECOMMEND", "ann", 1, "AFTER", "0:0", "TIMEOUT", 0) == ["i2"]

    on_loop(test)


def test_after_that_takes_too_long_says_how_far_the_partition_is() -> None:
    async def test() -> None:
        toy = Toy()
        toy.apply(41)
        async with serving(toy) as server:
            words = b"RECOMMEND u 1 AFTER 0:41 TIMEOUT 5\r\nRECOMMEND u 1 AFTER 3:0 TIMEOUT 0\r\nPING\r\n"
            late, never, pong, _ = (await ask(server.port, words)).decode().split("\r\n")

            assert late.startswith(
                "-ERR event 0:41 is not applied after 5 ms; partition 0 is applied up to offset 40;"
            )
            assert "partition 3 is not applied at all yet" in never
            assert pong == "+PONG"
            assert len(server.service.waiting) == 0

    on_loop(test)


def test_requests_behind_one_that_waits_keep_their_order() -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy) as server:
            asking = asyncio.create_task(
                ask(server.port, b"RECOMMEND u 1 AFTER 0:0 TIMEOUT 20000\r\nPING\r\nQUIT\r\n")
            )
            while not server.service.waiting:
                await asyncio.sleep(0)
            toy.apply(1)

            assert await asking == encode(["i1"]) + b"+PONG\r\n+OK\r\n"

    on_loop(test)


def test_a_client_that_leaves_while_it_waits_leaves_nothing_behind() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            line = socket.create_connection(("127.0.0.1", server.port))
            line.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )  # leave with a reset
            line.sendall(b"RECOMMEND u 1 AFTER 0:0 TIMEOUT 60000\r\n")
            while not server.service.waiting:
                await asyncio.sleep(0)
            line.close()
            while server.service.waiting or server.service.clients:
                await asyncio.sleep(0)

    on_loop(test)
