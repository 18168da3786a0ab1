"""The files of the page: what is served, how, and what they may not do."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from stream.http.page import ASSETS, Page, takes_gzip
from tests.fixture.backend import on_loop
from tests.fixture.service.http import get, site

MOST_BYTES = 250_000
SOURCES = sorted(path for path in ASSETS.rglob("*") if path.suffix in (".js", ".css", ".html"))
OWN = [path for path in SOURCES if path.parent == ASSETS]
VENDOR = ASSETS / "vendor"


def test_the_document_names_files_by_the_digest_of_all_and_they_may_be_kept_for_ever() -> None:
    async def test() -> None:
        async with site() as port:
            status, head, body = await get(port, "/")
            assert status == 200
            assert "Cache-Control: no-cache" in head
            names = set(re.findall(r'(?:href|src)="(page/[^"]+)"', body))
            imports = json.loads(re.findall(r'<script type="importmap">(.*?)</script>', body)[0])["imports"]
            assert len(names) > 5
            for name in names | {one.removeprefix("./") for one in imports.values()}:
                status, head, _ = await get(port, f"/{name}")
                assert (status, "immutable" in head) == (200, True), name
            assert (await get(port, "/page/0123456789abcdef/app.js"))[0] == 404

    on_loop(test)


def test_a_policy_lets_it_load_from_this_host_alone_and_run_no_inline_script_but_its_names() -> None:
    async def test() -> None:
        async with site() as port:
            _, head, body = await get(port, "/")
            policy = re.findall(r"Content-Security-Policy: (.*)\r", head)[0]
            assert policy.startswith("default-src 'none'; script-src 'self' 'sha256-")
            assert "unsafe" not in policy
            assert "style-src 'self';" in policy
            assert not re.search(r"<style|\sstyle=|\son\w+=", body)
            assert not re.search(r"""(src|href)=["'](https?:)?//""", body)

    on_loop(test)


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_no_file_of_the_page_names_another_host(path: Path) -> None:
    text = re.sub(r"http://www\.w3\.org/2000/svg", "", path.read_text())

    assert not re.search(r"https?://|@import|url\(", text)


def test_all_files_are_small_over_the_wire() -> None:
    assert Page(7878).size <= MOST_BYTES


def test_what_is_compressed_is_the_file() -> None:
    page = Page(7878)
    plain, small = page.find("/", ""), page.find("/", "br;q=1, gzip")

    assert gzip.decompress(small.body) == plain.body
    assert ("Content-Encoding", "gzip") in small.headers
    assert ("Content-Encoding", "gzip") not in plain.headers


@pytest.mark.parametrize(
    ("encodings", "taken"),
    [("gzip, deflate, br", True), ("*", True), ("GZIP;q=0.5", True), ("gzip;q=0", False), ("br", False), ("", False)],
)  # fmt: skip
def test_gzip_goes_to_clients_that_take_it(encodings: str, taken: bool) -> None:
    assert takes_gzip(encodings) is taken


def test_libraries_are_those_that_the_list_of_their_origins_names() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \| .* \| `([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.M
    )
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.suffix in (".js", ".css")
    }

    assert dict(rows) == found


def test_with_a_password_the_shell_is_open_and_what_it_asks_is_not() -> None:
    async def test() -> None:
        async with site(password="p:w") as port:
            status, _, body = await get(port, "/")
            assert status == 200
            assert '"locked":true' in body
            assert "p:w" not in body
            for path in ("/v1/info", "/v1/settings", "/v1/recommend/ann", "/trending"):
                assert (await get(port, path))[0] == 401

    on_loop(test)


def test_the_document_has_every_option_of_recommend_and_the_port_of_the_socket() -> None:
    async def test() -> None:
        async with site() as port:
            _, _, body = await get(port, "/")
            setup = json.loads(re.findall(r'id="setup">(.*?)</script>', body)[0])
            recommend = next(one for one in setup["commands"] if one["name"] == "RECOMMEND")
            assert setup["port"] == 1234
            assert {"DIVERSITY", "TAIL", "FILTER", "AFTER"} <= {one["word"] for one in recommend["options"]}

    on_loop(test)
