"""Rules of a request over HTTP and on the socket: what is refused says why, what is told is kept."""

import json

from stream.resp.codec import encode
from tests.fixture.backend import Toy, ask, on_loop, serving
from tests.fixture.service.http import get, site


def test_what_a_page_asks_is_filtered_and_a_bad_filter_is_shown_its_place() -> None:
    async def test() -> None:
        toy = Toy(5)
        async with site(toy) as port:
            status, _, body = await get(
                port, "/recommend/bob?k=2&exclude=i1,i2&filter=price%3C5&per_category=1"
            )
            assert status == 200
            assert [row["item"] for row in json.loads(body)["items"]] == ["i3", "i4"]
            status, _, body = await get(port, "/recommend/bob?filter=price%3C")
            assert status == 400
            assert "FILTER at 7" in json.loads(body)["error"]
            status, _, body = await get(port, "/recommend/bob?per_category=0")
            assert status == 400
            assert "per_category is '0'" in json.loads(body)["error"]
            assert (await get(port, "/item/i1"))[0] == 404
            await toy.describe("i1", {"title": "Tea pot"})
            status, _, body = await get(port, "/item/i1")
            assert json.loads(body) == {"item": "i1", "fields": {"title": "Tea pot"}}

    on_loop(test)


def test_hiding_leaves_what_is_known_of_an_item_alone() -> None:
    async def test() -> None:
        toy = Toy(5)
        async with serving(toy) as server:
            words = (
                b'ITEM i1 \'{"title":"Tea pot"}\'\r\nHIDE i1\r\nUNHIDE i2\r\n'
                b"HIDE\r\nITEM i1 [1]\r\nITEM i1 x y\r\n"
            )
            reply = await ask(server.port, words)

            assert reply.startswith(encode("0:0") + encode("0:0") + encode("0:1"))
            assert toy.described == {"i1": {"title": "Tea pot"}}
            assert toy.hidden == {"i1": True, "i2": False}
            assert b"-ERR wanted HIDE item" in reply
            assert b"-ERR no description of an item: " in reply
            assert b"-ERR wanted ITEM item [{json}]" in reply

    on_loop(test)
