"""The commands, as people and programs give them: redis-py, redis-cli and typed lines."""

import asyncio
import os
import pty
import subprocess
import termios

import pytest

from stream.resp.codec import encode
from stream.resp.command import COMMANDS
from tests.fixture.backend import Toy, ask, client, on_loop, serving


async def cli(*arguments: str) -> str:
    """What redis-cli prints."""
    done = await asyncio.to_thread(
        subprocess.run, ["redis-cli", *arguments], capture_output=True, timeout=20, check=False
    )
    return (done.stdout + done.stderr).decode()


async def readable(descriptor: int) -> None:
    """Wait until there is something to read."""
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_reader(descriptor, came.set)
    await came.wait()
    loop.remove_reader(descriptor)


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_connects_and_asks(protocol: int) -> None:
    async def test() -> None:
        async with serving(Toy()) as server, client(server.port, protocol=protocol) as asker:
            assert await asker.ping()
            assert await asker.execute_command("RECOMMEND", "ann", 2) == ["i2", "i3"]
            assert await asker.execute_command("SIMILAR", "i4", 1) == ["i5"]
            assert await asker.execute_command("TRENDING", 3) == ["i1", "i2", "i3"]

            told = await asker.info()
            assert (told["version"], told["share"], told["connected_clients"]) == ("1.2.3", 0.5, 1)

    on_loop(test)


def test_hello_3_gives_maps_and_doubles_and_resp2_gives_flat_texts() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            async with client(server.port, protocol=3) as asker:
                assert await asker.execute_command("RECOMMEND", "bob", 2, "WITHSCORES") == [
                    "i1",
                    1.0,
                    "i2",
                    0.5,
                ]
                told = await asker.execute_command("EXPLAIN", "bob", "i1")
                assert told == {"user": "bob", "item": "i1", "reason": "popular"}
            async with client(server.port, protocol=2) as asker:
                assert await asker.execute_command("RECOMMEND", "bob", 2, "WITHSCORES") == [
                    "i1",
                    "1.0",
                    "i2",
                    "0.5",
                ]
                told = await asker.execute_command("EXPLAIN", "bob", "i1")
                assert told == ["user", "bob", "item", "i1", "reason", "popular"]

    on_loop(test)


def test_scores_and_reasons_stand_after_their_item() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            words = b"RECOMMEND bob 2 withreasons WITHSCORES INCLUDESEEN\r\nRECOMMEND bob 1 WITHREASONS\r\n"
            reply = await ask(server.port, words)

            both = ["i1", 1.0, "popular", "i2", 0.5, "popular"]
            assert reply == encode(both) + encode(["i1", "popular"])  # type: ignore[arg-type]

    on_loop(test)


def test_k_is_ten_unless_told_and_seen_items_are_left_out_unless_asked_for() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            reply = await ask(server.port, b"RECOMMEND ann\r\nRECOMMEND ann INCLUDESEEN\r\n")

            names = [f"i{n}" for n in range(1, 12)]
            assert reply == encode(list(names[1:])) + encode(list(names[:10]))

    on_loop(test)


def test_what_a_request_names_is_left_out_or_ordered() -> None:
    async def test() -> None:
        async with serving(Toy(5)) as server:
            words = b"RECOMMEND bob 3 EXCLUDE 2 i1 i3 WITHSCORES\r\nSESSION 2 i1 i2 withscores\r\nRANK bob i4 i2 WITHSCORES\r\n"
            reply = await ask(server.port, words)

            wanted = (
                ["i2", 1 / 2, "i4", 1 / 4, "i5", 1 / 5],
                ["i3", 1 / 3, "i4", 1 / 4],
                ["i2", 1 / 2, "i4", 1 / 4],
            )
            assert reply == b"".join(encode(list(part)) for part in wanted)

    on_loop(test)


def test_redis_cli_asks_as_a_person_would() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            port = ["-p", str(server.port)]

            assert (await cli(*port, "PING")).strip() == "PONG"
            assert (await cli(*port, "RECOMMEND", "ann", "2", "WITHSCORES")).split() == [
                "i2",
                "0.5",
                "i3",
                "0.3333333333333333",
            ]
            assert "wanted a whole number from 1 to 1000" in await cli(*port, "RECOMMEND", "ann", "0")
            assert "version:1.2.3" in (await cli("-3", *port, "INFO", "riverwalk")).splitlines()
            assert int(await cli(*port, "COMMAND", "COUNT")) == len(COMMANDS)
            assert "Items that rise" in await cli(*port, "COMMAND", "DOCS", "TRENDING")

    on_loop(test)


def test_a_section_of_info_is_told_alone_and_nothing_else_is_looked_at() -> None:
    class Counted(Toy):
        looks = 0

        def info(self) -> dict[str, str | int | float]:
            self.looks += 1
            return super().info()

    async def test() -> None:
        toy = Counted()
        async with serving(toy) as server:
            port = ["-p", str(server.port)]
            memory = await cli(*port, "INFO", "memory")
            assert "used_memory:" in memory
            assert "version:1.2.3" not in memory
            assert toy.looks == 0
            both = await cli(*port, "INFO", "riverwalk", "Memory")
            assert "used_memory:" in both
            assert "version:1.2.3" in both
            assert "# Server" not in both
            assert toy.looks == 1
            assert "# Server" in await cli(*port, "INFO", "all")

    on_loop(test)


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (
            "RECOMMEND",
            "wanted RECOMMEND user [k] [WITHSCORES] [WITHREASONS] [INCLUDESEEN] [SEEN rule] [EXCLUDE n item …]",
        ),
        ("RECOMMEND u 0", "k is '0'; wanted a whole number from 1 to 1000"),
        ("RECOMMEND u 1001", "k is '1001'; wanted"),
        ("RECOMMEND u -3", "k is '-3'; wanted"),
        ("RECOMMEND u 1.5", "k is '1.5'; wanted"),
        ("RECOMMEND u 99999999999999999999", "wanted a whole number"),
        ("RECOMMEND u ten", "'ten' is no option here; wanted RECOMMEND user [k] [WITHSCORES]"),
        ("RECOMMEND u 3 WITHPRICES", "'WITHPRICES' is no option here"),
        ("RECOMMEND u 3 EXCLUDE", "EXCLUDE ''; wanted how many items follow"),
        ("RECOMMEND u 3 EXCLUDE 2 a", "EXCLUDE '2'; wanted how many items follow"),
        ("SESSION", "wanted SESSION k item"),
        ("SESSION 5", "with 1 to 1000 items; got 0"),
        ("SESSION a b", "k is 'a'; wanted a whole number"),
        ("RANK", "wanted RANK user item"),
        ("RANK u", "with 1 to 1000 items; got 0"),
        ("RECOMMEND u 3 AFTER", "AFTER is ''; wanted partition:offset as EVENT replies it"),
        ("RECOMMEND u 3 AFTER 7", "AFTER is '7'; wanted partition:offset"),
        ("RECOMMEND u 3 AFTER 0:1 AFTER 0:2", "'AFTER' is no option here"),
        ("RECOMMEND u 3 AFTER 0:1 TIMEOUT soon", "TIMEOUT is 'soon'; wanted milliseconds, 0 to 60000"),
        ("RECOMMEND u 3 TIMEOUT 5", "TIMEOUT goes with AFTER"),
        ("RECOMMEND u " + "WITHSCORES " * 40 + "x", "'x' is no option here"),
        ("RECOMMEND ''", "user has 0 bytes; wanted 1 to 256"),
        ("RECOMMEND " + "u" * 257, "user has 257 bytes"),
        (r'RECOMMEND "a\nb"', "holds a control character"),
        (r'RECOMMEND "\xff"', "is not UTF-8"),
        ("SIMILAR i1 2 3", "wanted SIMILAR item [k]"),
        ("SIMILAR nothing", "item 'nothing' is not known"),
        ("TRENDING 1 2", "wanted TRENDING [k]"),
        ("EXPLAIN u", "wanted EXPLAIN user item"),
        ("EVENT u", "wanted EVENT user item [type] [value] [t]"),
        ("EVENT u i1 stare", "no event: type is 'stare', expected one of view, click"),
        ("EVENT u i1 view nan", "value is 'nan'; wanted a finite number"),
        ("EVENT u i1 view 1e99", "no event: value is 1e+99"),
        ("EVENT u i1 view 1 yesterday", "no event: t is 'yesterday', expected integer milliseconds"),
        ("EVENT u i1 view 1 -5", "no event: t is -5"),
        ("EVENT u i1 view 1 9999999999999", "days after the record itself"),
        ("PING a b", "wanted PING [message]"),
        ("SELECT 1", "DB index '1' is out of range; wanted 0"),
        ("CLIENT KILL 7", "CLIENT 'KILL' with 1 more words is not known here"),
        ("CLIENT SETNAME 'a b'", "is no name"),
        ("COMMAND EAT", "COMMAND 'EAT' is not known here"),
        ("HELLO 3 AUTH me", "wanted HELLO [2|3"),
        ("AUTH secret", "AUTH called without any password configured"),
        ("SET a b", "unknown command 'SET'; wanted one of RECOMMEND"),
    ],
)
def test_a_bad_request_is_told_what_was_wanted_and_the_connection_lives(request_: str, wanted: str) -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            reply = await ask(server.port, f"{request_}\r\nPING\r\n".encode())

            error, pong, _ = reply.decode().split("\r\n")
            assert error.startswith("-ERR ")
            assert wanted in error
            assert pong == "+PONG"

    on_loop(test)


def test_a_fault_of_ours_is_told_and_the_connection_lives() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            reply = await ask(server.port, b"RECOMMEND crash\r\nPING\r\n")

            assert reply == b"-ERR this should not have happened; the server's log says what did\r\n+PONG\r\n"

    on_loop(test)


def test_clients_say_who_they_are_and_reset_forgets_it() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            words = (
                b"HELLO 3 SETNAME me\r\nCLIENT GETNAME\r\nCLIENT SETINFO LIB-NAME x\r\nCLIENT NO-EVICT ON\r\n"
                b"CLIENT ID\r\nRESET\r\nCLIENT GETNAME\r\nSELECT 0\r\n"
            )
            reply = await ask(server.port, words)
            hello, rest = reply.split(b"*0\r\n", 1)

            assert hello.startswith(
                b"%7\r\n$6\r\nserver\r\n$9\r\nriverwalk\r\n$7\r\nversion\r\n$5\r\n1.2.3\r\n$5\r\nproto\r\n:3\r\n"
            )
            assert rest == b"$2\r\nme\r\n+OK\r\n+OK\r\n:1\r\n+RESET\r\n$-1\r\n+OK\r\n"

    on_loop(test)


def test_hello_of_an_unknown_protocol_is_refused() -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            assert (await ask(server.port, b"HELLO 4\r\n")).startswith(
                b"-NOPROTO unsupported protocol version"
            )

    on_loop(test)


def test_redis_cli_at_a_terminal_hints_at_the_words_of_a_command() -> None:
    """It reads COMMAND DOCS when it starts, and ends at once when a part is of another kind than Redis sends."""

    async def test() -> None:
        async with serving(Toy()) as server:
            near, far = pty.openpty()
            termios.tcsetwinsize(far, (24, 200))
            os.set_blocking(near, False)
            # A terminal called dumb gets no hints; and no subprocess of the loop's own: uvloop waits for those
            # for ever when a test fails.
            process = subprocess.Popen(
                ["redis-cli", "-p", str(server.port)],
                stdin=far,
                stdout=far,
                stderr=far,
                env=os.environ | {"TERM": "xterm"},
            )
            os.close(far)
            try:
                shown = b""
                for typed, wanted in (
                    (b"", b"> "),
                    (b"RECOMMEND u ", b"[k] [WITHSCORES]"),
                    (b"1\r", b'1) "i1"'),
                    (b"help TRENDING\r", b"Items that rise"),
                ):
                    os.write(near, typed)
                    prompt = b"> " if typed.endswith(b"\r") else b""  # what is typed before it is thrown away
                    while wanted not in shown or prompt not in shown.partition(wanted)[2]:
                        await readable(near)
                        shown += os.read(near, 4096)
                os.write(near, b"quit\r")
                assert await asyncio.to_thread(process.wait, 20) == 0
            finally:
                process.kill()
                process.wait()
                os.close(near)

    on_loop(test)
