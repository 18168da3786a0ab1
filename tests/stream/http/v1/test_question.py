"""GET below /v1 over real connections: every question, problems, and who may ask."""

import base64
import json

import pytest

from stream.http.v1.openapi import SCHEMAS, document
from stream.http.v1.operation import OPERATIONS
from stream.service.access import Access, Role
from tests.fixture.backend import NOW_MS, Toy, on_loop
from tests.fixture.http import get, post, site

PASSWORD, TOKEN = "kept to ourselves", "a-long-token"


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ("/v1/recommend/ann?k=2&titles=true", "items"),
        ("/v1/session/i1/i2?k=2", "items"),
        ("/v1/rank/ann/i2/i1", "items"),
        ("/v1/similar/i1?k=2", "items"),
        ("/v1/trending?k=2", "items"),
        ("/v1/explain/ann/i1", "reason"),
        ("/v1/history/ann", "items"),
        ("/v1/graph/i1", "edges"),
        ("/v1/user/ann", "events"),
        ("/v1/find/i1", "items"),
        ("/v1/busiest", "users"),
        ("/v1/newest", "events"),
        ("/v1/info", "version"),
        ("/v1/health", "ready"),
        ("/v1/openapi.json", "openapi"),
    ],
)
def test_every_question_has_an_answer(target: str, field: str) -> None:
    async def test() -> None:
        async with site() as port:
            status, head, body = await get(port, target)

        assert status == 200
        assert "Content-Type: application/json" in head
        assert json.loads(body)[field]

    on_loop(test)


def test_a_list_has_titles_where_they_are_asked_for_and_always_its_moment() -> None:
    async def test() -> None:
        async with site() as port:
            told = json.loads((await get(port, "/v1/recommend/ann?k=1&titles=true"))[2])
            plain = json.loads((await get(port, "/v1/recommend/ann?k=1"))[2])

        assert told["items"] == [{"item": "i2", "score": 0.5, "reason": "popular", "title": "Title of i2"}]
        assert told["meta"] == {
            "offsets": {"0": 0}, "stream_time_ms": NOW_MS, "generation": 1, "age_ms": 0, "lag": 0,
        }  # fmt: skip
        assert "title" not in plain["items"][0]

    on_loop(test)


@pytest.mark.parametrize(
    ("method", "target", "status", "says"),
    [
        ("GET", "/v1/recommend/ann?k=0", 400, "k is '0'; wanted a whole number from 1 to 1000"),
        ("GET", "/v1/recommend/ann?colour=red", 400, "'colour' is no option here; options are: k, "),
        ("GET", "/v1/recommend/", 400, "user has 0 bytes; wanted 1 to 256"),
        ("GET", "/v1/similar/nothing", 404, "item 'nothing' is not known"),
        ("GET", "/v1/nothing", 404, "nothing is at '/v1/nothing'; /v1/docs tells what is"),
        ("GET", "/v1/recommend", 404, "nothing is at"),
        ("PUT", "/v1/recommend/ann", 405, "PUT is not taken; wanted GET"),
        ("GET", "/v1/events", 405, "GET is not taken; wanted POST"),
        ("POST", "/v1/user/ann", 405, "POST is not taken; wanted GET or DELETE"),
        ("GET", "/v1/recommend/crash", 500, "the server's log says what did"),
    ],
)
def test_what_is_wrong_is_a_problem_in_words(method: str, target: str, status: int, says: str) -> None:
    async def test() -> None:
        async with site() as port:
            found, head, body = await get(port, target, method=method)

        told = json.loads(body)
        assert found == told["status"] == status
        assert "Content-Type: application/problem+json" in head
        assert says in told["detail"]
        assert {"type", "title", "instance"} < set(told)
        assert ("Allow: " in head) == (status == 405)

    on_loop(test)


def test_every_operation_tells_its_methods() -> None:
    async def test() -> None:
        async with site() as port:
            for one in OPERATIONS:
                path = one.path.replace("/{item}…", "").replace("{user}", "ann").replace("{item}", "i1")
                status, head, _ = await get(port, path.replace("{text}", "i"), method="OPTIONS")
                allowed = next(line for line in head.splitlines() if line.startswith("Allow: "))

                assert status == 204
                assert one.method in allowed
                assert "Access-Control" not in head

    on_loop(test)


def test_a_browser_lets_listed_pages_alone_read_replies() -> None:
    async def test() -> None:
        asks = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")
        async with site(origins=["https://shop.example"]) as port:
            host = f"Host: 127.0.0.1:{port}"
            yes = await get(port, "/v1/events", host, "Origin: https://shop.example", *asks, method="OPTIONS")
            no = await get(port, "/v1/events", host, "Origin: https://evil.example", *asks, method="OPTIONS")
            read = await get(port, "/v1/trending", host, "Origin: https://shop.example")
            hidden = await get(port, "/v1/trending", host, "Origin: https://evil.example")

        assert "Access-Control-Allow-Origin: https://shop.example" in yes[1]
        assert "Access-Control-Allow-Methods: POST" in yes[1]
        assert "Access-Control-Allow" not in no[1]
        assert "Access-Control-Allow-Origin: https://shop.example" in read[1]
        assert "Access-Control-Allow" not in hidden[1]

    on_loop(test)


def test_a_token_or_a_password_opens_what_its_role_may_do() -> None:
    access = Access(PASSWORD, reader="r", tokens={Role.WRITER: TOKEN, Role.READER: "read-only"})

    async def test() -> None:
        event = '{"user":"ann","item":"i1","t":1}'
        basic = base64.b64encode(b"reader:r").decode()
        async with site(access=access) as port:
            host = f"Host: 127.0.0.1:{port}"
            for login, asks, tells, forgets in (
                (f"Bearer {TOKEN}", 200, 200, 403),
                ("Bearer read-only", 200, 403, 403),
                (f"Basic {basic}", 200, 403, 403),
                ("Bearer wrong", 401, 401, 401),
                (f"Bearer {PASSWORD}", 401, 401, 401),
            ):
                head = f"Authorization: {login}"
                assert (await get(port, "/v1/trending", host, head))[0] == asks
                assert (await post(port, "/v1/events", event, "application/json", head))[0] == tells
                assert (await get(port, "/v1/user/ann", host, head, method="DELETE"))[0] == forgets
            _, head, body = await get(port, "/v1/trending")

        assert "WWW-Authenticate: Basic" in head
        assert "WWW-Authenticate: Bearer" in head
        assert json.loads(body)["status"] == 401

    on_loop(test)


def test_a_wrong_password_is_told_before_a_large_body_is_sent() -> None:
    async def test() -> None:
        toy = Toy()
        async with site(toy, password=PASSWORD) as port:
            head = ("Expect: 100-continue", "Content-Length: 5000000")
            status, told = await post(port, "/v1/events", b"", "application/json", *head)

        assert (status, told["title"]) == (401, "Unauthorized")

    on_loop(test)


def test_guesses_are_limited() -> None:
    async def test() -> None:
        async with site(access=Access(PASSWORD, tokens={Role.READER: TOKEN}, guesses=3)) as port:
            wrong = [
                (await get(port, "/v1/trending", "Host: x", f"Authorization: Bearer {n}"))[0]
                for n in range(4)
            ]
            right = await get(port, "/v1/trending", "Host: x", f"Authorization: Bearer {TOKEN}")

        assert wrong == [401, 401, 429, 429]
        assert right[0] == 429

    on_loop(test)


def test_the_reference_page_asks_nothing_of_anybody() -> None:
    async def test() -> None:
        async with site() as port:
            status, head, body = await get(port, "/v1/docs")

        assert status == 200
        assert "default-src 'none'" in head
        assert "<script" not in body
        assert all(one.command.summary.split(":")[0][:20] in body for one in OPERATIONS)
        assert "http://" not in body.replace("http://127.0.0.1", "")

    on_loop(test)


def test_the_document_has_every_operation_and_what_its_parameters_may_be() -> None:
    told = document("1.2.3", locked=True)
    paths = told["paths"] | told["x-streams"]

    assert sum(len(methods) for methods in paths.values()) == len(OPERATIONS)
    assert {one.kind for item in OPERATIONS for one in item.command.options if one.http} <= set(SCHEMAS)
    assert told["security"] == [{"basic": []}, {"bearer": []}]
    recommend = told["paths"]["/v1/recommend/{user}"]["get"]
    waits = next(one for one in recommend["parameters"] if one["name"] == "timeout")
    assert "at most 5000." in waits["description"]
    assert {one["name"] for one in recommend["parameters"]} >= {"user", "k", "titles", "filter", "after"}


def test_what_is_not_known_is_not_known_also_while_the_instance_is_behind() -> None:
    async def test() -> None:
        toy = Toy()
        toy.is_ready = False
        async with site(toy) as port:
            assert (await get(port, "/v1/similar/nothing"))[0] == 404
            assert (await get(port, "/similar/nothing"))[0] == 503

    on_loop(test)
