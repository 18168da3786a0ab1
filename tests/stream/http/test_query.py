"""Targets and query strings as clients write them: absolute form, lists, repeated options."""

import json

import pytest

from stream.answer.request import Answer, Recommend, Similar
from stream.catalogue.syntax import Filter
from stream.error import BadFilter
from tests.fixture.backend import Toy, on_loop
from tests.fixture.service.http import get, site


@pytest.mark.parametrize("scheme", ["http", "HTTPS"])
def test_a_target_in_absolute_form_is_answered_as_its_path_under_its_own_name(scheme: str) -> None:
    async def test() -> None:
        async with site() as port:
            _, _, body = await get(port, f"{scheme}://127.0.0.1:{port}/trending?k=1")
            own = json.loads(body)["items"]
            page, _, _ = await get(port, f"{scheme}://localhost")
            foreign, _, _ = await get(port, f"{scheme}://evil.example/trending")

            assert [one["item"] for one in own] == ["i1"]
            assert (page, foreign) == (200, 403)

    on_loop(test)


def test_a_comma_separates_items_and_an_encoded_one_belongs_to_an_item() -> None:
    class Asked(Toy):
        def recommend(self, request: Recommend) -> Answer:
            self.excluded = request.exclude
            return super().recommend(request)

    async def test() -> None:
        toy = Asked()
        async with site(toy) as port:
            status, _, _ = await get(port, "/recommend/bob?exclude=a%2Cb,c&exclude=d+e,%2B")
            twice, _, body = await get(port, "/recommend/bob?k=1&k=2")

            assert (status, list(toy.excluded)) == (200, ["a,b", "c", "d e", "+"])
            assert (twice, json.loads(body)) == (400, {"error": "an option is given twice"})

    on_loop(test)


def test_a_wrong_filter_is_the_requests_fault_wherever_it_stands() -> None:
    class Picky(Toy):
        def similar(self, request: Similar) -> Answer:
            raise BadFilter("no such field")

        def explain(self, user: str, item: str, filter: Filter | None = None) -> dict[str, str]:
            raise BadFilter("no such field")

    async def test() -> None:
        async with site(Picky()) as port:
            for target in ("/similar/i1?filter=a=1", "/explain/ann/i1?filter=a=1"):
                status, _, body = await get(port, target)
                assert (status, json.loads(body)) == (400, {"error": "no such field"})

    on_loop(test)
