"""The server and its connections: pipelines, broken frames, limits, slow clients, and the end."""

import asyncio
import os
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import redis

from stream import server as server_file
from stream.resp.codec import encode
from stream.resp.connection import FULL, HIGH_BYTES
from tests.fixture.backend import Toy, ask, client, on_loop, serving

TOP = Path(__file__).parents[2]


def test_inline_requests_work_as_nc_sends_them() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            reply = await ask(server.port, b'ping\nECHO "two words"\r\n\r\nTRENDING 1\n')

            assert reply == b"+PONG\r\n$9\r\ntwo words\r\n*1\r\n$2\r\ni1\r\n"

    on_loop(test)


def test_many_requests_at_once_are_answered_in_order() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            requests = b"".join(encode([b"ECHO", b"%d" % n]) for n in range(5000))
            reply = await ask(server.port, requests)

            assert reply == b"".join(encode(str(n)) for n in range(5000))

    on_loop(test)


def test_a_broken_frame_is_answered_and_hung_up_on() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            reply = await ask(server.port, b"*1\r\n$4\r\nPING\r\n*1\r\n+huh\r\nPING\r\n", end=b"'+'\r\n")

            assert reply == b"+PONG\r\n-ERR Protocol error: expected '$', got '+'\r\n"

    on_loop(test)


def test_a_word_too_large_is_refused_by_its_header() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            reply = await ask(server.port, b"*2\r\n$4\r\nECHO\r\n$70000\r\n", end=b"taken\r\n")

            assert reply == b"-ERR Protocol error: a word of 70000 bytes; 0 to 65536 are taken\r\n"

    on_loop(test)


def test_a_browser_that_is_led_here_sends_no_commands() -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy) as server:
            reply = await ask(
                server.port, b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEVENT mallory i1\r\n", end=b"\r\n"
            )

            assert b"HTTP is on another" in reply
            assert not toy.published

    on_loop(test)


@pytest.mark.parametrize("word", [b"GET", b"HEAD", b"PUT", b"PATCH", b"OPTIONS", b"DELETE", b"POST"])
def test_a_word_of_http_from_a_redis_client_is_an_unknown_command_and_the_line_lives(word: bytes) -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            reply = await ask(server.port, encode([word, b"k"]) + word + b" k\r\n" + encode([b"PING"]))

            assert reply.count(b"-ERR unknown command '%b'" % word) == 2
            assert reply.endswith(b"+PONG\r\n")

    on_loop(test)


def test_inline_requests_each_have_their_reply_however_many_came_before() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            read, write = await asyncio.open_connection("127.0.0.1", server.port)
            for request in (
                b"ECHO abcdefgh\r\n",
                b"PING\r\n",
                b"PING\n",
                encode([b"PING"]),
                b"PING x\r\nPING\r\n",
            ):
                write.write(request)
                assert (await read.readline())[:1] in b"+$"
                if request.startswith((b"ECHO", b"PING x")):
                    await read.readline()
                if request.startswith(b"PING x"):
                    assert await read.readline() == b"+PONG\r\n"
            write.close()

    on_loop(test)


def test_the_server_ticks_its_backend() -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy):
            while toy.ticks < 3:
                await asyncio.sleep(0.01)

    on_loop(test)


def test_a_client_beyond_the_limit_is_told_and_hung_up_on() -> None:
    async def test() -> None:
        async with serving(Toy(), max_clients=1) as server:
            async with client(server.port) as first:
                assert await first.ping()
                read, write = await asyncio.open_connection("127.0.0.1", server.port)
                assert await read.read() == encode(FULL)
                write.close()
                assert await first.ping()
            while server.service.clients:
                await asyncio.sleep(0)
            async with client(server.port) as next_one:
                assert (await next_one.info())["rejected_connections"] == 1

    on_loop(test)


def test_a_client_that_takes_no_replies_is_dropped_and_others_are_answered() -> None:
    async def test() -> None:
        async with serving(Toy(), slow_s=0.2) as server, client(server.port) as other:
            slow = socket.create_connection(("127.0.0.1", server.port))
            slow.setblocking(False)
            loop = asyncio.get_running_loop()
            while True:
                try:
                    await loop.sock_sendall(slow, b"RECOMMEND u 1000\r\n" * 100)
                except OSError:  # hung up on
                    break
                assert await other.execute_command("RECOMMEND", "ann", 1) == ["i2"]
            slow.close()

            told = await other.info()
            assert told["slow_clients_dropped"] == 1
            assert told["connected_clients"] == 1

    on_loop(test)


def test_a_client_that_takes_its_replies_late_has_them_all_and_little_is_kept_for_it() -> None:
    async def test() -> None:
        async with serving(Toy(), slow_s=20.0) as server, client(server.port) as other:
            read, write = await asyncio.open_connection("127.0.0.1", server.port)
            write.write(b"RECOMMEND u 1000\r\n" * 2000)
            while (await other.info())["unsent_bytes"] < HIGH_BYTES:
                await asyncio.sleep(0)

            assert (await other.info())["unsent_bytes"] < 2 * HIGH_BYTES

            whole = encode([f"i{n}" for n in range(1, 1001)])
            for _ in range(2000):
                assert await read.readexactly(len(whole)) == whole
            write.close()
            await write.wait_closed()

    on_loop(test)


def test_the_end_of_the_server_lets_replies_under_way_be_sent() -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy) as server:
            asking = asyncio.create_task(
                ask(server.port, b"RECOMMEND u 1 AFTER 0:0 TIMEOUT 20000\r\n", end=b"i1\r\n")
            )
            while not server.service.waiting:
                await asyncio.sleep(0)
            ending = asyncio.create_task(server.close())
            await asyncio.sleep(0)
            toy.apply(1)

            assert await asking == encode(["i1"])

            await ending
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", server.port)

    on_loop(test)


def test_the_serving_process_starts_answers_and_ends_when_told() -> None:
    stop, ready, ports = threading.Event(), threading.Event(), []

    def began(port: int, http_port: int) -> None:
        ports.extend([port, http_port])
        ready.set()

    arguments = {"stop": stop, "ready": began, "version": "9"}
    listen = server_file.Listen(port=0, http_port=0)
    thread = threading.Thread(target=server_file.run, args=(Toy(), listen), kwargs=arguments)
    thread.start()
    assert ready.wait(20)
    asker = redis.Redis(port=ports[0])

    assert asker.execute_command("TRENDING", 1) == [b"i1"]

    asker.close()
    stop.set()
    thread.join(20)

    assert not thread.is_alive()


def test_as_many_clients_are_taken_as_the_system_has_files_for() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        pytest.skip("this system sets no limit")

    assert server_file._room_for(hard) < hard
    assert server_file._room_for(10) == 10


def test_nothing_the_server_imports_is_torch() -> None:
    code = (
        "import stream.server, sys; print(sorted({'torch', 'hiredis', 'confluent_kafka'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=TOP, env={**os.environ}
    )

    assert done.stdout.strip() == "[]", done.stderr
