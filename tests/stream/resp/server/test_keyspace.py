"""What a desktop client asks on connecting, and HELP."""

from typing import Any

import pytest

from stream.resp.command import COMMANDS
from tests.fixture.backend import NOW_MS, Toy, ask, client, on_loop, serving


def test_redis_insight_finds_an_empty_database() -> None:
    async def test() -> None:
        async with serving(Toy()) as server, client(server.port, protocol=3) as asker:
            told: dict[str, Any] = await asker.info()
            assert told["redis_version"] == "7.2.0"
            assert told["server_name"] == "riverwalk"
            assert told["redis_mode"] == "standalone"
            assert told["used_memory"] > 10**6
            assert await asker.client_setname("redisinsight")
            assert (await asker.client_list())[0]["name"] == "redisinsight"
            assert (await asker.client_info())["db"] == 0
            assert await asker.config_get("databases") == {"databases": "1"}
            assert await asker.config_get("max*", "nothing") == {
                "maxclients": "1024",
                "maxmemory": "0",
                "maxmemory-policy": "noeviction",
            }
            assert await asker.module_list() == []
            assert await asker.dbsize() == 0
            assert await asker.scan(0, match="*", count=500, _type="hash") == (0, [])
            assert await asker.keys("*") == []
            assert await asker.type("user") == "none"
            assert await asker.ttl("user") == -2
            assert await asker.exists("a", "b") == 0
            assert await asker.memory_usage("user") is None
            assert await asker.slowlog_len() == 0
            assert await asker.acl_whoami() == "admin"
            assert await asker.select(0)
            assert "recommend" in await asker.command_list()
            assert len(await asker.time()) == 2
            assert await asker.execute_command("ROLE") == ["master", 0, []]

    on_loop(test)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (b"SCAN", "wanted SCAN cursor"),
        (b"CONFIG SET a b", "wanted CONFIG GET pattern; settings are changed in riverwalk.toml"),
        (b"CLUSTER INFO", "This instance has cluster support disabled"),
        (b"MODULE LOAD x", "wanted MODULE LIST"),
        (b"HELP x", "there is no help on 'x'; wanted HELP, or HELP with one of RECOMMEND"),
        (b"HELP RECOMMEND RANK", "there is no help on 'RECOMMEND RANK'"),
    ],
)
def test_what_is_not_there_is_told(said: bytes, wanted: str) -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            assert wanted in (await ask(server.port, said + b"\r\n")).decode()

    on_loop(test)


def test_help_tells_every_command_and_the_options_of_one() -> None:
    async def test() -> None:
        async with serving(Toy()) as server, client(server.port) as asker:
            every = await asker.execute_command("HELP")
            one = await asker.execute_command("HELP", "similar")

            assert [line.partition(":")[0] for line in every[1:]] == [name.decode() for name in COMMANDS]
            assert one[0].startswith("SIMILAR item [k] [ALLTIME]")
            assert any(line.startswith("  FILTER expression") for line in one)
            for name in COMMANDS:
                lines = await asker.execute_command("HELP", name)
                assert lines[0].split()[0] == name.decode()
                assert lines[1]

    on_loop(test)


def test_an_event_is_told_by_names_or_by_places_and_its_time_says_whose_it_is() -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy) as server, client(server.port, protocol=3) as asker:
            tell = asker.execute_command
            await tell("EVENT", "ann", "cup", "TYPE", "purchase", "T", "5", "VALUE", "2.5", "ID", "e-1")
            await tell("EVENT", "ann", "cup", "purchase", "2.5", "5", "ID", "e-1")
            await tell("EVENT", "ann", "cup", "purchase", "t", "5", "value", "2.5", "id", "e-1")
            wall = await tell("EVENT", "ann", "cup", "WITHMETA")
            given = await tell("EVENT", "ann", "cup", "T", "7", "WITHMETA")
            toy.event_time = lambda now_ms: 99  # type: ignore[method-assign]
            past = await tell("EVENT", "ann", "cup", "WITHMETA")

            assert toy.published[0] == toy.published[1] == toy.published[2]
            assert (toy.published[0].type, toy.published[0].t, toy.published[0].value) == ("purchase", 5, 2.5)
            assert wall == {"place": "0:3", "t": NOW_MS, "clock": "wall"}
            assert given == {"place": "0:4", "t": 7, "clock": "given"}
            assert past == {"place": "0:5", "t": 99, "clock": "stream"}

    on_loop(test)


@pytest.mark.parametrize(
    "said",
    [b"purchase TYPE view", b"T 5 T 6", b"T", b"purchase 1 5 T 6", b"TYPE view x", b"WITHMETA WITHMETA"],
)
def test_what_is_said_of_an_event_twice_or_half_is_refused(said: bytes) -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy) as server:
            reply = (await ask(server.port, b"EVENT ann cup " + said + b"\r\n")).decode()

            assert "is no option here; wanted EVENT user item [type] [value] [t] [TYPE type]" in reply
            assert not toy.published

    on_loop(test)


def test_titles_the_moment_and_a_cursor_come_by_name() -> None:
    async def test() -> None:
        async with serving(Toy()) as server, client(server.port, protocol=3) as asker:
            flat = await asker.execute_command("RECOMMEND", "bob", 2, "WITHTITLES", "WITHSCORES")
            named = await asker.execute_command("SIMILAR", "i1", 1, "WITHMETA")
            old = await ask(server.port, b"TRENDING 1 WITHMETA\r\n")

            assert flat == ["i1", 1.0, "Title of i1", "i2", 0.5, "Title of i2"]
            assert named["items"] == ["i2"]
            assert named["meta"] == {
                "offsets": {"0": 0}, "stream_time_ms": NOW_MS, "generation": 1, "age_ms": 0, "lag": 0
            }  # fmt: skip
            assert old.startswith(b"*4\r\n$5\r\nitems\r\n*1\r\n$2\r\ni1\r\n$4\r\nmeta\r\n*10\r\n")

    on_loop(test)


def test_history_graph_user_and_find_reply_by_name() -> None:
    async def test() -> None:
        async with serving(Toy()) as server, client(server.port, protocol=3) as asker:
            history = await asker.execute_command("HISTORY", "ann", 5)
            graph = await asker.execute_command("GRAPH", "i1", 2)
            user = await asker.execute_command("USER", "ann")
            found = await asker.execute_command("FIND", "i99", 3)

            assert [(one["item"], one["type"], one["t"]) for one in history] == [("i1", "view", NOW_MS)]
            assert [(one["item"], one["weight"], one["age_ms"]) for one in graph] == [
                ("i2", 0.5, 1000),
                ("i3", 0.5, 1000),
            ]
            assert (user["known"], user["events"], user["last"][0]["item"]) == (True, 2, "i1")
            assert [one["item"] for one in found["items"]] == ["i99", "i990", "i991"]
            assert await asker.execute_command("HISTORY", "nobody") == []

    on_loop(test)
