"""The HTTP endpoint over real connections: answers in JSON, health, metrics, the page, and who may ask."""

import asyncio
import json

import pytest

from tests.fixture.address import own_address
from tests.fixture.backend import NOW_MS, Toy, on_loop
from tests.fixture.service.http import get, raw, site


def test_recommendations_come_as_json() -> None:
    async def test() -> None:
        async with site() as port:
            status, head, body = await get(port, "/recommend/ann?k=2")

            assert status == 200
            assert "Content-Type: application/json" in head
            assert json.loads(body) == {
                "user": "ann",
                "items": [
                    {"item": "i2", "score": 0.5, "reason": "popular"},
                    {"item": "i3", "score": 1 / 3, "reason": "popular"},
                ],
                "as_of": NOW_MS,
                "offsets": {"0": 0},
            }

    on_loop(test)


def test_options_and_names_in_the_path_are_understood() -> None:
    async def test() -> None:
        async with site() as port:
            seen = json.loads((await get(port, "/recommend/ann?k=1&include_seen=true"))[2])
            odd = json.loads((await get(port, "/recommend/a%2Fb%20%C3%A9?k=1"))[2])
            near = json.loads((await get(port, "/similar/i4?k=1"))[2])
            rising = json.loads((await get(port, "/trending"))[2])
            why = json.loads((await get(port, "/explain/ann/i1"))[2])
            told = json.loads((await get(port, "/recommend/bob?k=1&reasons=1"))[2])
            bare = json.loads((await get(port, "/recommend/bob?k=1&reasons=0"))[2])

            assert seen["items"][0]["item"] == "i1"
            assert odd["user"] == "a/b é"
            assert near["items"] == [{"item": "i5", "score": 0.2}]
            assert len(rising["items"]) == 10
            assert why["reason"] == "popular"
            assert told["items"] == [{"item": "i1", "score": 1.0, "reason": "popular"}]
            assert bare["items"] == [{"item": "i1", "score": 1.0}]

    on_loop(test)


def test_the_numbers_of_the_stream_come_as_json_as_info_tells_them() -> None:
    async def test() -> None:
        async with site() as port:
            assert json.loads((await get(port, "/info"))[2]) == Toy().info()

    on_loop(test)


def test_a_fault_outside_the_questions_is_a_reply_too() -> None:
    class Broken(Toy):
        def ready(self) -> tuple[bool, str]:
            raise ZeroDivisionError("a bug")

    async def test() -> None:
        async with site(Broken()) as port:
            status, _, body = await get(port, "/health/ready")

            assert status == 500
            assert "the server's log says what did" in json.loads(body)["error"]

    on_loop(test)


@pytest.mark.parametrize(
    ("target", "status", "wanted"),
    [
        ("/recommend/ann?k=0", 400, "k is '0'; wanted a whole number from 1 to 1000"),
        ("/recommend/ann?k=1&k=2", 400, "an option is given twice"),
        ("/recommend/ann?kk=1", 400, "'kk' is no option here; options are: k, reasons, include_seen"),
        ("/recommend/ann?include_seen=perhaps", 400, "include_seen is 'perhaps'; wanted true or false"),
        ("/recommend/ann?reasons=few", 400, "reasons is 'few'; wanted true or false"),
        ("/info?k=1", 400, "'k' is no option here"),
        ("/recommend/ann?after=7", 400, "wanted partition:offset"),
        ("/recommend/ann?timeout=5", 400, "timeout goes with after partition:offset"),
        ("/recommend/ann?after=0:4&timeout=1", 504, "event 0:4 is not applied after 1 ms"),
        ("/recommend/", 400, "user has 0 bytes"),
        ("/recommend/%FF", 400, "is not UTF-8"),
        ("/recommend/a%0Ab", 400, "holds a control character"),
        ("/recommend/crash", 500, "the server's log says what did"),
        ("/similar/nothing", 404, "item 'nothing' is not known"),
        ("/trending?k=%FF", 400, "cannot be read"),
        ("/nowhere/at/all", 404, "nothing is at '/nowhere/at/all'"),
        ("/metrics/", 404, "nothing is at"),
    ],
)
def test_a_bad_question_is_told_what_was_wanted(target: str, status: int, wanted: str) -> None:
    async def test() -> None:
        async with site() as port:
            told, _, body = await get(port, target)

            assert told == status
            assert wanted in json.loads(body)["error"]

    on_loop(test)


def test_after_waits_for_its_event() -> None:
    async def test() -> None:
        toy = Toy()
        async with site(toy) as port:
            asking = asyncio.create_task(get(port, "/recommend/ann?k=1&after=0:0&timeout=20000"))
            await toy.looked.wait()

            assert (await get(port, "/health/live"))[0] == 200
            assert not asking.done()

            toy.apply(1)

            assert (await asking)[0] == 200

    on_loop(test)


def test_health_tells_a_living_process_from_a_ready_one() -> None:
    async def test() -> None:
        toy = Toy()
        async with site(toy) as port:
            assert (await get(port, "/health/ready"))[0] == 200
            toy.is_ready = False
            status, _, body = await get(port, "/health/ready")
            assert (status, json.loads(body)) == (
                503,
                {"ready": False, "reason": "the state is being loaded"},
            )
            assert (await get(port, "/health/live"))[0] == 200

    on_loop(test)


def test_metrics_are_told_in_the_format_of_prometheus() -> None:
    async def test() -> None:
        async with site() as port:
            status, head, _ = await get(port, "/metrics")

            assert status == 200
            assert "Content-Type: text/plain; version=0.0.4" in head

    on_loop(test)


def test_head_is_get_without_the_body_and_nothing_else_is_taken() -> None:
    async def test() -> None:
        async with site() as port:
            status, head, body = await get(port, "/trending", method="HEAD")
            assert (status, body) == (200, "")
            assert "Content-Length: 378" in head

            status, head, _ = await get(port, "/trending", method="POST")
            assert status == 405
            assert "Allow: GET, HEAD" in head

    on_loop(test)


def test_requests_of_one_connection_are_answered_in_order() -> None:
    async def test() -> None:
        async with site() as port:
            one = b"GET /trending?k=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
            last = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            reply = await raw(port, one * 50 + last)

            assert reply.count(b"HTTP/1.1 200 OK") == 51
            assert reply.count(b'"item":"i1"') == 50
            assert reply.endswith(b'{"live":true}\n')

    on_loop(test)


def test_what_is_no_http_is_refused_and_hung_up_on() -> None:
    async def test() -> None:
        async with site() as port:
            assert (await raw(port, b"\x16\x03\x01\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
            huge = b"GET / HTTP/1.1\r\nHost: " + b"x" * 20_000
            assert (await raw(port, huge)).startswith(b"HTTP/1.1 431 ")
            body = b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99_999
            assert (await raw(port, body)).startswith(b"HTTP/1.1 413 ")

    on_loop(test)


def test_a_client_that_never_asks_is_hung_up_on() -> None:
    async def test() -> None:
        async with site(patience_s=0.05) as port:
            assert await raw(port, b"GET / HT") == b""

    on_loop(test)


def test_a_page_of_another_site_that_points_here_gets_nothing() -> None:
    async def test() -> None:
        async with site() as port:
            status, _, body = await get(port, "/trending", "Host: evil.example")
            assert status == 403
            assert "'evil.example' is no name of this machine" in json.loads(body)["error"]

            for name in ("localhost", f"localhost:{port}", "127.0.0.1", f"[::1]:{port}", "[::1]"):
                assert (await get(port, "/trending", f"Host: {name}"))[0] == 200

    on_loop(test)


def test_without_a_password_other_machines_learn_of_health_alone() -> None:
    async def test() -> None:
        address = own_address()
        async with site(host="0.0.0.0") as port:
            assert (await get(port, "/health/ready", host=address))[0] == 200
            for target in ("/trending", "/metrics", "/"):
                assert (await get(port, target, host=address))[0] == 403

    on_loop(test)


def test_with_a_password_questions_want_it_and_metrics_do_not() -> None:
    async def test() -> None:
        async with site(password="p:w") as port:
            status, head, _ = await get(port, "/trending")
            assert status == 401
            assert 'WWW-Authenticate: Basic realm="riverwalk"' in head
            for login in ("Basic ZGVmYXVsdDp4", "Basic ???", "Bearer p:w", "Basic"):
                assert (await get(port, "/trending", "Host: x", f"Authorization: {login}"))[0] == 401

            right = "Authorization: Basic ZGVmYXVsdDpwOnc="  # default:p:w
            assert (await get(port, "/trending", "Host: any.example", right))[0] == 200
            assert (await get(port, "/metrics", "Host: riverwalk:7879"))[0] == 200
            assert (await get(port, "/health/live"))[0] == 200

    on_loop(test)


def test_a_client_that_waits_for_100_continue_is_told_to_go_on() -> None:
    async def test() -> None:
        async with site() as port:
            read, write = await asyncio.open_connection("127.0.0.1", port)
            head = f"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nExpect: 100-continue\r\n"
            write.write(f"{head}Content-Length: 5\r\n\r\n".encode())

            assert (await read.readline()).startswith(b"HTTP/1.1 100 ")

            write.write(b"hello")
            assert b'{"live":true}' in await read.readuntil(b"}")
            write.write(f"{head}Content-Length: 70000\r\n\r\n".encode())
            assert b" 413 " in await read.read()
            write.close()

    on_loop(test)
