"""What lists and reasons are asked with, on the socket and over HTTP."""

import json

import pytest

from stream.answer.request import Similar, Trending
from stream.catalogue.filter import parse
from stream.resp.codec import encode
from tests.fixture.backend import Toy, ask, on_loop, serving
from tests.fixture.service.http import get, site

DAY_MS = 86_400_000


def test_on_the_socket_options_come_in_any_order() -> None:
    async def test() -> None:
        toy = Toy()
        async with serving(toy) as server:
            words = b"SIMILAR i4 2 category cup WITHSCORES filter 'price < 5' AllTime\r\n"
            assert await ask(server.port, words) == encode(["i5", 1 / 5, "i6", 1 / 6])
            assert toy.asked == Similar("i4", 2, True, True, parse("price < 5"), "cup")

            words = b"TRENDING CATEGORY cup HALFLIFE 1.5h\r\nTRENDING 1 WITHSCORES HALFLIFE 7D\r\n"
            assert (await ask(server.port, words)).endswith(encode(["i1", 1.0]))
            assert toy.asked == Trending(1, 7 * DAY_MS, True)

            reply = await ask(server.port, b"EXPLAIN bob i1 FILTER 'price<5'\r\n")
            assert reply == encode(["user", "bob", "item", "i1", "reason", "popular", "filter", "price < 5"])

    on_loop(test)


def test_over_http_the_same_is_asked() -> None:
    async def test() -> None:
        toy = Toy()
        async with site(toy) as port:
            await get(port, "/similar/i4?alltime=1&k=3&category=caf%C3%A9&filter=price%3C5")
            assert toy.asked == Similar("i4", 3, True, filter=parse("price < 5"), category="café")

            await get(port, "/trending?half_life=30m&k=2")
            assert toy.asked == Trending(2, 30 * 60_000)

            told = json.loads((await get(port, "/explain/ann/i1?filter=price%3C5"))[2])
            assert told == {"user": "ann", "item": "i1", "reason": "popular", "filter": "price < 5"}

    on_loop(test)


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        ("SIMILAR", "wanted SIMILAR item [k] [ALLTIME]"),
        ("SIMILAR i1 CATEGORY a category b", "'category' is no option here; wanted SIMILAR item [k]"),
        ("SIMILAR i1 CATEGORY", "CATEGORY is ''; wanted the name of a category"),
        ("SIMILAR i1 FILTER 'price <'", "FILTER at 8: expected a value"),
        ("SIMILAR i1 0", "k is '0'; wanted a whole number from 1 to 1000"),
        ("TRENDING HALFLIFE", "HALFLIFE is ''; wanted a duration such as 90s, 30m, 1h, 7d or 4w"),
        ("TRENDING 3 HALFLIFE 7", "HALFLIFE is '7'; wanted a duration"),
        ("TRENDING 3 HALFLIFE 0h", "HALFLIFE is '0h'; wanted a duration"),
        ("TRENDING 3 HALFLIFE 99999999w", "HALFLIFE is '99999999w'; wanted a duration"),
        (
            "TRENDING 3 WITHREASONS",
            "'WITHREASONS' is no option here; wanted TRENDING [k] [HALFLIFE duration]",
        ),
        ("EXPLAIN u i1 i2", "'i2' is no option here; wanted EXPLAIN user item [FILTER expression]"),
    ],
)
def test_a_bad_request_is_told_the_syntax(request_: str, wanted: str) -> None:
    async def test() -> None:
        async with serving(Toy()) as server:
            reply = (await ask(server.port, f"{request_}\r\n".encode())).decode()

            assert reply.startswith("-ERR ")
            assert wanted in reply

    on_loop(test)


@pytest.mark.parametrize(
    ("target", "status", "wanted"),
    [
        ("/similar/i1?alltime=perhaps", 400, "alltime is 'perhaps'; wanted true or false"),
        ("/similar/i1?all=1", 400, "'all' is no option here; options are: k, alltime, filter, category"),
        ("/similar/nothing", 404, "item 'nothing' is not known"),
        ("/trending?half_life=soon", 400, "half_life is 'soon'; wanted a duration such as 90s"),
        ("/trending?filter=price", 400, "FILTER at 6: expected one of"),
        ("/explain/ann/nothing", 404, "item 'nothing' is not known"),
        ("/explain/ann/i1?k=3", 400, "'k' is no option here; options are: filter"),
    ],
)
def test_a_bad_question_is_told_the_options(target: str, status: int, wanted: str) -> None:
    async def test() -> None:
        async with site() as port:
            told, _, body = await get(port, target)

            assert told == status
            assert wanted in json.loads(body)["error"]

    on_loop(test)
