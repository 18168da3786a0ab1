"""Who is let in: passwords, protected mode, TLS and the Unix socket."""

import asyncio
import os
import socket
import ssl
import stat
import subprocess
from pathlib import Path

import pytest
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from stream import server as server_file
from stream.resp.codec import encode
from stream.resp.connection import STRANGER_BYTES
from stream.service.address import is_loopback
from tests.fixture.address import own_address
from tests.fixture.backend import Toy, ask, client, on_loop, serving


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for localhost and its key, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert]
    subprocess.run(["openssl", *words.split(), *names], check=True, capture_output=True)
    return cert, key


def test_without_the_password_nothing_is_told() -> None:
    async def test() -> None:
        async with serving(Toy(), password="wéll") as server:
            reply = await ask(server.port, b"PING\r\nRECOMMEND u 1\r\nINFO\r\nSET a\r\nQUIT\r\n")

            assert reply == b"-NOAUTH Authentication required.\r\n" * 4 + b"+OK\r\n"

    on_loop(test)


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_gives_the_password(protocol: int) -> None:
    async def test() -> None:
        async with serving(Toy(), password="wéll") as server:
            async with client(server.port, password="wéll", protocol=protocol) as asker:
                assert await asker.execute_command("TRENDING", 1) == ["i1"]
            once = Retry(NoBackoff(), 0)
            async with client(server.port, password="bad", protocol=protocol, retry=once) as asker:
                with pytest.raises(redis.asyncio.AuthenticationError):
                    await asker.ping()

    on_loop(test)


def test_auth_and_hello_take_the_password_of_the_user_default_alone() -> None:
    async def test() -> None:
        async with serving(Toy(), password="p") as server:
            wrong = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"

            assert (
                await ask(server.port, b"AUTH bob p\r\nAUTH x\r\nAUTH p\r\nPING\r\n")
                == wrong * 2 + b"+OK\r\n+PONG\r\n"
            )
            assert (await ask(server.port, b"HELLO 3 AUTH default x\r\n")) == wrong
            assert (await ask(server.port, b"HELLO 3\r\n")).startswith(b"-NOAUTH HELLO must be called")
            assert (await ask(server.port, b"AUTH p\r\nRESET\r\nPING\r\n")).endswith(
                b"+RESET\r\n-NOAUTH Authentication required.\r\n"
            )

    on_loop(test)


def test_a_client_that_guesses_is_hung_up_on() -> None:
    async def test() -> None:
        async with serving(Toy(), password="p") as server:
            reply = await ask(server.port, b"AUTH x\r\n" * 9 + b"AUTH p\r\n")

            assert reply.count(b"-WRONGPASS") == 5
            assert b"+OK" not in reply

    on_loop(test)


def test_little_is_taken_before_the_password_and_all_after_it() -> None:
    async def test() -> None:
        async with serving(Toy(), password="p") as server:
            large = b"x" * (STRANGER_BYTES + 1)

            refusal = await ask(server.port, b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % len(large), end=b"taken\r\n")
            assert refusal.startswith(b"-ERR Protocol error: a word of 16385 bytes; 0 to 16384")

            many = await ask(server.port, b"*17\r\n", end=b"taken\r\n")
            assert many == b"-ERR Protocol error: a request of 17 words; at most 16 are taken\r\n"

            known = await ask(server.port, encode([b"AUTH", b"p"]) + encode([b"ECHO", large]))
            assert known == b"+OK\r\n" + encode(large)

    on_loop(test)


def test_a_client_that_never_gives_the_password_is_hung_up_on() -> None:
    async def test() -> None:
        async with serving(Toy(), password="p", login_s=0.05) as server:
            read, write = await asyncio.open_connection("127.0.0.1", server.port)
            assert await read.read() == b"-NOAUTH no password within 0.05 s\r\n"
            write.close()
            async with client(server.port, password="p") as asker:
                assert await asker.ping()
                while server.service.refused < 1:
                    await asyncio.sleep(0)

    on_loop(test)


def test_protected_mode_answers_this_machine_alone() -> None:
    async def test() -> None:
        address = own_address()
        async with serving(Toy(), host="0.0.0.0") as server:
            read, write = await asyncio.open_connection(address, server.port)
            assert (await read.read()).startswith(
                b"-DENIED Riverwalk is in protected mode: it has no password"
            )
            write.close()

            assert await ask(server.port, b"PING\r\n") == b"+PONG\r\n"

        async with serving(Toy(), host="0.0.0.0", password="p") as server:
            read, write = await asyncio.open_connection(address, server.port)
            write.write(b"AUTH p\r\nQUIT\r\n")
            assert await read.read() == b"+OK\r\n+OK\r\n"
            write.close()

    on_loop(test)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        *(("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True)),
        *(("10.0.0.1", False), ("::ffff:10.0.0.1", False), ("fe80::1%eth0", False), ("localhost", False)),
    ],
)
def test_an_address_is_loopback_or_not(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def test_tls_clients_are_answered_and_plain_ones_are_not(pem: tuple[str, str]) -> None:
    async def test() -> None:
        async with serving(Toy(), tls=server_file.context(*pem)) as server:
            async with client(server.port, ssl=True, ssl_ca_certs=pem[0]) as asker:
                assert await asker.execute_command("TRENDING", 1) == ["i1"]
                assert len(await asker.execute_command("RECOMMEND", "ann", 999)) == 999
            read, write = await asyncio.open_connection("127.0.0.1", server.port)
            write.write(b"PING\r\n")
            assert b"PONG" not in await read.read()
            write.close()

    on_loop(test)


def test_a_certificate_that_cannot_be_read_is_an_os_error(tmp_path: Path, pem: tuple[str, str]) -> None:
    with pytest.raises(OSError, match="No such file"):
        server_file.context(str(tmp_path / "none.pem"), pem[1])
    with pytest.raises(ssl.SSLError):
        server_file.context(pem[1], pem[1])


def test_a_unix_socket_answers_its_owner_and_goes_with_the_server(tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "s"
        async with serving(Toy(), unix=str(path)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            async with redis.asyncio.Redis(unix_socket_path=str(path)) as asker:
                assert await asker.execute_command("TRENDING", 1) == [b"i1"]

        assert not path.exists()

    on_loop(test)


def test_the_socket_a_killed_server_left_is_taken_over(tmp_path: Path) -> None:
    async def test() -> None:
        path = tmp_path / "s"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        async with (
            serving(Toy(), unix=str(path)),
            redis.asyncio.Redis(unix_socket_path=str(path)) as asker,
        ):
            assert await asker.ping()

    on_loop(test)


def test_the_socket_of_a_living_server_and_other_files_are_left_alone(tmp_path: Path) -> None:
    async def test() -> None:
        path, other = tmp_path / "s", tmp_path / "file"
        other.write_text("mine")
        async with serving(Toy(), unix=str(path)):
            with pytest.raises(OSError, match="another server listens there"):
                async with serving(Toy(), unix=str(path)):
                    pass
            with pytest.raises(FileExistsError, match="is no socket"):
                async with serving(Toy(), unix=str(other)):
                    pass
            async with redis.asyncio.Redis(unix_socket_path=str(path)) as asker:
                assert await asker.ping()

        assert os.listdir(tmp_path) == ["file"]

    on_loop(test)
