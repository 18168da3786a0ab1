"""SUBSCRIBE as clients' pub/sub knows it, in RESP2 and RESP3."""

import asyncio
import json

import pytest
import redis.asyncio

from stream.error import BadRequest
from stream.resp.codec import Push, encode
from stream.resp.server.subscribe import requested
from tests.fixture.backend import Toy, ask, client, on_loop, serving
from tests.stream.service.test_subscription import until


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_client_hears_of_a_list_that_changes(protocol: int) -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy) as server, client(server.port, protocol=protocol) as asker:
            async with asker.pubsub() as pubsub:
                await pubsub.subscribe("recommendations:bob?k=2", "recommendations:eve")
                await until(lambda: toy.recommended == 2)
                toy.change("bob", ["i9", "i8", "i7"])
                heard = await _message(pubsub)
                told = json.loads(heard["data"])

                assert heard["channel"] == "recommendations:bob?k=2"
                assert told["user"] == "bob"
                assert [row["item"] for row in told["items"]] == ["i9", "i8"]
                assert told["items"][0]["score"] == 1 / 9
                await pubsub.unsubscribe("recommendations:bob?k=2")
                await until(lambda: server.service.subscriptions.watched == ["recommendations:eve"])
            await until(lambda: len(server.service.subscriptions) == 0)

    on_loop(test)


async def _message(pubsub: redis.asyncio.client.PubSub) -> dict[str, str]:
    while True:
        found = await pubsub.get_message(timeout=5)
        assert found is not None, "no message came"
        if found["type"] == "message":
            return dict(found)


def test_the_frames_are_those_of_redis() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            said = (
                b"SUBSCRIBE recommendations:a recommendations:b\r\nPING\r\nPING x\r\nUNSUBSCRIBE\r\nPING\r\n"
            )

            assert (
                await ask(server.port, said)
                == b"".join(
                    encode(one)
                    for one in (
                        ["subscribe", "recommendations:a", 1],
                        ["subscribe", "recommendations:b", 2],
                        ["pong", ""],
                        ["pong", "x"],
                        ["unsubscribe", "recommendations:a", 1],
                        ["unsubscribe", "recommendations:b", 0],
                    )
                )
                + b"+PONG\r\n"
            )
            three = await ask(server.port, b"HELLO 3\r\nSUBSCRIBE recommendations:a\r\nPING\r\n")
            assert three.endswith(b">3\r\n$9\r\nsubscribe\r\n$17\r\nrecommendations:a\r\n:1\r\n+PONG\r\n")

    on_loop(test)


def test_in_resp3_a_client_asks_on_beside_its_channels_and_in_resp2_it_is_told_why_not() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            said = b"SUBSCRIBE recommendations:a\r\nRECOMMEND bob 1\r\nRESET\r\nRECOMMEND bob 1\r\n"
            two = await ask(server.port, said)
            three = await ask(server.port, b"HELLO 3\r\n" + said)

            assert b"-ERR Can't execute 'recommend': only SUBSCRIBE" in two
            assert two.endswith(b"+RESET\r\n" + encode(["i1"]))
            assert three.count(encode(["i1"])) == 2

    on_loop(test)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (b"SUBSCRIBE", "wanted SUBSCRIBE channel [channel"),
        (b"SUBSCRIBE news", "there is no channel 'news'; wanted recommendations:<user>"),
        (b"SUBSCRIBE recommendations:", "there is no channel"),
        (b"SUBSCRIBE recommendations:a?k=0", "k is '0'; wanted a whole number from 1 to 1000"),
        (b"SUBSCRIBE recommendations:a?titles=maybe", "titles is 'maybe'; wanted true or false"),
        (b"SUBSCRIBE recommendations:a \xff", "is not UTF-8"),
        (b"PSUBSCRIBE *", "patterns are not taken"),
        (b"PUBSUB WHAT", "wanted PUBSUB CHANNELS"),
        (b"MULTI\r\nSUBSCRIBE recommendations:a", "SUBSCRIBE is not taken between MULTI and EXEC"),
    ],
)
def test_what_cannot_be_subscribed_to_is_refused_in_words(said: bytes, wanted: str) -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            assert wanted in (await ask(server.port, said + b"\r\n")).decode()
            assert len(server.service.subscriptions) == 0

    on_loop(test)


def test_a_question_mark_is_a_part_of_an_id_unless_options_follow() -> None:
    assert requested("recommendations:who?").user == "who?"
    assert requested("recommendations:a?b=c?k=3").user == "a?b=c"
    assert requested("recommendations:a?b=c?k=3").k == 3
    assert requested("recommendations:?k=3").user == "?k=3"
    assert requested("recommendations:a?k=2&titles=true&reasons=1").with_reasons
    with pytest.raises(BadRequest, match="user has 300 bytes"):
        requested("recommendations:" + 300 * "x")


def test_a_client_that_does_not_read_hears_the_newest_list_once_it_does() -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy, slow_s=30.0) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**16)
            writer.write(b"SUBSCRIBE recommendations:bob?k=1000\r\n")
            await reader.readuntil(b":1\r\n")
            await until(lambda: toy.recommended == 1)
            connection = next(iter(server.service.clients))
            n = 0
            end = asyncio.get_running_loop().time() + 60
            while not connection._full:  # type: ignore[attr-defined]
                n += 1
                toy.change("bob", [f"i{1 + (n + k) % 1000}" for k in range(1000)])
                before = server.service.subscriptions.told
                await until(lambda before=before: server.service.subscriptions.told > before)  # type: ignore[misc]
                assert asyncio.get_running_loop().time() < end
            told = server.service.subscriptions.told
            for k in range(3):
                toy.change("bob", [f"i{7 + k}"])
                await until(lambda k=k: server.service.subscriptions.told > told + k)  # type: ignore[misc]
            held = connection.unsent
            read = b""
            while not read.endswith(b"}\r\n") or b'"i9"' not in read[-300:]:
                read = (read + await reader.read(2**20))[-(2**20) :]
            writer.close()

            assert held < 2**20
            assert b'[{"item":"i8"' not in read

    on_loop(test)


def test_subscribers_are_counted_by_channel() -> None:
    async def test() -> None:
        async with serving(Toy()) as server, client(server.port) as asker:
            async with asker.pubsub() as one, asker.pubsub() as other:
                await one.subscribe("recommendations:bob")
                await other.subscribe("recommendations:bob")
                await until(lambda: server.service.subscriptions.receivers("recommendations:bob") == 2)

                assert await asker.pubsub_numsub("recommendations:bob", "recommendations:x") == [
                    ("recommendations:bob", 2),
                    ("recommendations:x", 0),
                ]
                assert await asker.pubsub_channels() == ["recommendations:bob"]

    on_loop(test)


def test_a_push_is_an_array_in_resp2_and_no_reply_in_resp3() -> None:
    assert encode(Push(["a", 1]), 2) == b"*2\r\n$1\r\na\r\n:1\r\n"
    assert encode(Push(["a", 1]), 3) == b">2\r\n$1\r\na\r\n:1\r\n"
