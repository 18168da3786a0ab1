"""The client of the command line against a real server: protocols, a password, errors, a Unix socket."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from deploy.client.client import BadAnswer, Client
from deploy.client.gauge import Gauge
from deploy.config.schema import BadConfig, Serve
from stream.server import context
from tests.fixture.backend import Toy, on_loop, serving


def told(serve: Serve, *words: str | int, protocol: int = 2) -> object:
    with Client(serve, protocol=protocol) as client:
        return client.ask(*words)


@pytest.mark.parametrize("password", ["", "hunter2"])
def test_replies_keep_their_kinds_in_protocol_3_and_are_text_in_2(password: str, tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(Toy(), password=password, unix=str(tmp_path / "s")) as server:
            for serve in (
                Serve(port=server.port, password=password),
                Serve(unix=server.unix, password=password),
            ):
                words = ("RECOMMEND", "bob", 1, "WITHSCORES")
                assert await asyncio.to_thread(told, serve, *words) == ["i1", "1.0"]
                assert await asyncio.to_thread(told, serve, *words, protocol=3) == ["i1", 1.0]
                explained = await asyncio.to_thread(told, serve, "EXPLAIN", "bob", "i1", protocol=3)
                assert explained == {"user": "bob", "item": "i1", "reason": "popular"}
                assert "version:1.2.3" in str(await asyncio.to_thread(told, serve, "INFO"))

    on_loop(test)


def test_errors_are_what_the_instance_says() -> None:
    async def test() -> None:
        async with serving(Toy(), password="hunter2") as server:
            with pytest.raises(BadAnswer, match="invalid username-password pair"):
                await asyncio.to_thread(told, Serve(port=server.port, password="guess"), "PING")
            with pytest.raises(BadAnswer, match="Authentication required"):
                await asyncio.to_thread(told, Serve(port=server.port), "INFO")
            serve = Serve(port=server.port, password="hunter2")
            with pytest.raises(BadAnswer, match=r"^k is '0'; wanted a whole number"):
                await asyncio.to_thread(told, serve, "RECOMMEND", "ann", 0)

    on_loop(test)


def test_tls_trusts_the_certificate_of_the_instance(tmp_path: Path) -> None:
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-days", "2"]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True, timeout=30)

    async def test() -> None:
        async with serving(Toy(), tls=context(cert, key)) as server:
            serve = Serve(port=server.port, tls_cert=cert, tls_key=key)
            assert await asyncio.to_thread(told, serve, "PING") == "PONG"

    on_loop(test)


def test_a_gauge_reads_a_running_instance() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            gauge = Gauge(Serve(port=server.port, http_port=1))
            reading = await asyncio.to_thread(gauge.read)
            assert reading is not None
            assert reading.info["version"] == "1.2.3"
            gauge.close()

    on_loop(test)


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"serve.tls_cert = '.*none.pem': cannot be used"):
        Client(Serve(tls_cert=str(tmp_path / "none.pem"), tls_key="k"))
