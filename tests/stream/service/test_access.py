"""Users and their rights, over the socket and HTTP, and the limit to guesses."""

import base64
import json

import pytest

from stream.service import access
from stream.service.access import GUESSES, MINUTE_S, Access, Role
from tests.fixture.backend import Toy, ask, on_loop, serving
from tests.fixture.service.http import get, site

PASSWORDS = {"password": "a", "reader_password": "r", "writer_password": "w"}
ASK, PUBLISH, CHANGE = (
    b"RECOMMEND u 1\r\nITEM i1\r\n",
    b"EVENT u i1\r\n",
    b"HIDE i1\r\nITEM i1 {}\r\nUNHIDE i1\r\n",
)


@pytest.mark.parametrize(
    ("login", "refused"),
    [("reader r", 5), ("writer w", 4), ("admin a", 0), ("default a", 0), ("a", 0)],
)
def test_each_user_does_what_it_may_and_no_more(login: str, refused: int) -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy, **PASSWORDS) as server:
            forget = b"FORGET u TIMEOUT 0\r\n"
            reply = await ask(server.port, f"AUTH {login}\r\n".encode() + ASK + PUBLISH + CHANGE + forget)

            assert reply.startswith(b"+OK\r\n*1\r\n$2\r\ni1\r\n$-1\r\n")
            assert reply.count(b"-NOPERM User ") == refused
            assert [event.type for event in toy.published] == {5: [], 4: ["view"], 0: ["view", "forget"]}[
                refused
            ]
            assert bool(toy.described) is (refused == 0)

    on_loop(test)


def test_what_a_user_may_not_do_is_not_queued_either() -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy, **PASSWORDS) as server:
            reply = await ask(server.port, b"AUTH writer w\r\nMULTI\r\nEVENT u i1\r\nHIDE i1\r\nEXEC\r\n")

            assert b"-NOPERM User writer has no permissions to run the 'hide' command" in reply
            assert reply.endswith(b"-EXECABORT Transaction discarded because of previous errors.\r\n")
            assert not toy.published

    on_loop(test)


def test_a_user_without_a_password_of_its_own_is_nobody() -> None:
    one = Access("a")

    assert one.role(b"reader", b"", "h") == one.role(b"writer", b"a", "h") == Role.STRANGER
    assert one.role(b"admin", b"a", "h") == Role.ADMIN
    assert Access().first == Role.ADMIN


def test_the_users_of_http_are_those_of_the_socket() -> None:
    async def test() -> None:
        toy = Toy()
        async with site(toy, access=Access("a", "r", "w")) as port:

            async def status(user: str, target: str, method: str = "GET") -> int:
                login = base64.b64encode(user.encode()).decode()
                headers = (f"Host: 127.0.0.1:{port}", f"Authorization: Basic {login}")
                return (await get(port, target, *headers, method=method))[0]

            assert [await status(user, "/trending") for user in ("reader:r", "writer:w", "admin:a")] == [
                200
            ] * 3
            assert await status("reader:w", "/trending") == 401
            assert await status("writer:w", "/user/ann?timeout=0", "DELETE") == 403
            assert not toy.published
            assert await status("admin:a", "/user/ann?timeout=0", "DELETE") == 504
            assert len(toy.published) == 1

            for _ in range(GUESSES):
                await status("admin:x", "/trending")
            assert await status("admin:a", "/trending") == 429
            assert json.loads((await get(port, "/health/live"))[2]) == {"live": True}

    on_loop(test)


def test_an_address_that_guesses_is_not_listened_to_until_its_minute_is_over() -> None:
    now = [0.0]
    one = Access("a", clock=lambda: now[0])
    for n in range(GUESSES):
        assert one.role(b"admin", b"a", "10.0.0.1") == Role.ADMIN, n
        assert one.role(b"admin", b"x", "10.0.0.1") == Role.STRANGER

    assert one.locked("10.0.0.1")
    assert one.role(b"admin", b"a", "10.0.0.1") == Role.STRANGER
    assert one.role(b"admin", b"a", "10.0.0.2") == Role.ADMIN
    now[0] = MINUTE_S
    assert not one.locked("10.0.0.1")
    assert one.role(b"admin", b"a", "10.0.0.1") == Role.ADMIN


def test_guesses_over_several_connections_are_counted_together() -> None:
    async def test() -> None:
        async with serving(Toy(), password="p") as server:
            for _ in range(GUESSES // 5):
                await ask(server.port, b"AUTH x\r\n" * 5)

            assert (await ask(server.port, b"AUTH p\r\n")).startswith(b"-WRONGPASS too many wrong passwords")

    on_loop(test)


def test_a_network_of_ipv6_is_one_address_and_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "ADDRESSES", 2)
    one = Access("a")
    for n in range(GUESSES):
        one.role(b"admin", b"x", f"2001:db8::{n:x}")

    assert one.locked("2001:db8::ffff")
    assert not one.locked("2001:db8:0:1::1")
    one.role(b"admin", b"x", "10.0.0.1")
    one.role(b"admin", b"x", "10.0.0.2")
    assert not one.locked("2001:db8::ffff")
