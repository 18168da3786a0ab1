"""The page in a headless Chromium, over an instance with an embedded log: what a person clicks, sees and hears of."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.fixture.browser import shop
from tests.fixture.browser.chromium import Tab, opened, tab
from tests.fixture.browser.figure import act, clicks, loading
from tests.fixture.browser.shop import Shop
from tests.fixture.service.served import Served

pytestmark = pytest.mark.slow
WIDTHS = (390, 800, 1600)
SERIOUS = ("serious", "critical")
ADDRESS = r"http://127\.0\.0\.1:(\d+)/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as one:
        if one is None:
            pytest.skip(
                "NO CHROMIUM: the page was not looked at; tests/fixture/browser/install.sh brings one"
            )
        yield one


@pytest.fixture(scope="module")
def open_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop.running(tmp_path_factory.mktemp("shop")) as one:
        yield one


def views(open_shop: Shop) -> dict[str, str]:
    """Every view, with what shows that it is there."""
    return {
        "#/": "Rising items",
        f"#/user/{open_shop.user}": "What they took",
        f"#/item/{open_shop.item}": "Similar now",
        "#/playground": "The same in a shell",
        "#/health": "Settings in force",
    }


def filled(one: Tab, view: str, words: str) -> None:
    """Open a view and wait until its answers are there."""
    one.go(view)
    expect(one.page.get_by_role("heading", name=words, exact=True)).to_be_visible()
    one.page.wait_for_load_state("load")
    expect(one.page.locator("main .problem")).to_have_count(0)
    expect(one.page.locator("main p", has_text=re.compile("^…$"))).to_have_count(0)


def test_a_click_as_a_user_sends_an_event_and_the_list_changes(browser: Browser, open_shop: Shop) -> None:
    with tab(browser, open_shop.base) as one:
        page = one.go(f"#/user/{open_shop.user}")
        before = page.locator(".list > li").first.get_attribute("data-item")
        applied = open_shop.served.get("/info")["applied_events"]

        took_ms = act(page)

        after = [row.get_attribute("data-item") for row in page.locator(".list > li").all()]
        assert before not in after
        assert open_shop.served.get("/info")["applied_events"] == applied + 1
        assert 0 < took_ms < 5_000
        expect(page.locator(".move:not(:empty)").first).to_be_visible()
        expect(page.locator(f'.timeline a[href="#/item/{before}"]').first).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="places of the list changed")).to_be_attached()
        assert not one.wrongs


def test_the_list_changes_too_when_somebody_else_sends_the_event(browser: Browser, open_shop: Shop) -> None:
    with tab(browser, open_shop.base) as one:
        page = one.go(f"#/user/{open_shop.user}")
        row = page.locator(".list > li").first
        item = row.get_attribute("data-item")
        listens(one)
        client = open_shop.served.client
        client.execute_command("EVENT", open_shop.user, item, "purchase")
        client.close()

        expect(page.locator(f'.list > li[data-item="{item}"]')).to_have_count(0)


def listens(one: Tab) -> None:
    """Wait until the page hears of the user's list."""
    end = time.monotonic() + 20
    while not any("stream/recommendations" in url for url in one.answered):
        assert time.monotonic() < end
        one.page.wait_for_timeout(20)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_view_fits_says_nothing_on_the_console_and_is_accessible(
    browser: Browser, open_shop: Shop, width: int, dark: bool
) -> None:
    with tab(browser, open_shop.base, width=width, dark=dark) as one:
        for view, words in views(open_shop).items():
            filled(one, view, words)
            over = one.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            found = Axe().run(one.page).response["violations"]

            assert over <= 0, f"{view} is {over} px wider than {width}"
            told = [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found if each["impact"] in SERIOUS]  # fmt: skip
            assert not told, view
        assert not one.wrongs


def test_home_shows_events_as_they_come_with_their_titles(browser: Browser, open_shop: Shop) -> None:
    with tab(browser, open_shop.base) as one:
        filled(one, "#/", "Newest events")
        expect(one.page.locator(".chart canvas")).to_have_count(4)
        client = open_shop.served.client
        client.execute_command("EVENT", "a-new-face", open_shop.item, "click")
        client.close()

        line = one.page.locator(".event", has_text="a-new-face").first
        expect(line).to_contain_text("clicked")
        expect(line.locator(".title")).not_to_have_text(open_shop.item)


def test_the_drawer_shows_the_shares_and_gives_the_focus_back(browser: Browser, open_shop: Shop) -> None:
    with tab(browser, open_shop.base) as one:
        page = one.go(f"#/user/{open_shop.user}")
        why = page.get_by_role("button", name=re.compile("^Why ")).first
        why.focus()
        page.keyboard.press("Enter")

        drawer = page.get_by_role("complementary")
        expect(drawer.locator(".shares tr")).to_have_count(7)
        page.keyboard.press("Escape")
        expect(drawer).to_have_count(0)
        expect(why).to_be_focused()
        assert not one.wrongs


def test_keys_alone_search_walk_the_graph_and_go_back(browser: Browser, open_shop: Shop) -> None:
    with tab(browser, open_shop.base) as one:
        page = one.go("#/")
        page.keyboard.press("/")
        page.keyboard.type(open_shop.item)
        expect(page.get_by_role("option").first).to_contain_text(open_shop.item)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(f"#/item/{open_shop.item}$"))

        node = page.locator("svg.graph a.node:not(.middle)").first
        expect(node).to_be_visible()
        node.focus()
        page.keyboard.press("Enter")
        expect(page).not_to_have_url(re.compile(f"#/item/{open_shop.item}$"))
        expect(page.locator(".trail")).to_be_visible()
        page.go_back()
        expect(page).to_have_url(re.compile(f"#/item/{open_shop.item}$"))
        assert not one.wrongs


def test_the_lines_of_the_playground_give_its_answer(browser: Browser, open_shop: Shop) -> None:
    with tab(browser, open_shop.base) as one:
        page = one.go("#/playground")
        page.get_by_role("textbox", name="user needed").fill(open_shop.user)
        page.get_by_label("k", exact=True).fill("4")
        page.get_by_label("FILTER").fill("price < 30 and category is known")
        page.get_by_label("DIVERSITY").fill("0.2")
        page.get_by_label("EXPLORE").fill("0")
        expect(page.get_by_role("region", name="Answer")).not_to_have_attribute("aria-busy", "true")
        expect(page.locator(".answer > li")).to_have_count(4)
        links = [link.get_attribute("href") or "" for link in page.locator(".answer .item").all()]
        shown = [link.rpartition("/")[2] for link in links]
        lines = [line.inner_text() for line in page.locator(".line code").all()]

        socket, http = (run(line) for line in lines)
        assert [one for one in socket.splitlines() if one in shown] == shown
        assert re.findall(r'"item":"([^"]*)"', http) == shown
        assert not one.wrongs


def run(line: str) -> str:
    """What a line of a shell prints."""
    return subprocess.run(["sh", "-c", line], check=True, capture_output=True, text=True, timeout=30).stdout


def test_with_a_password_the_page_asks_for_it_itself(browser: Browser, tmp_path: Path) -> None:
    served = Served(tmp_path / "state", "--set", "serve.password=open sesame")
    try:
        base = f"http://127.0.0.1:{served.until(ADDRESS)[1]}"
        with tab(browser, base) as one:
            page = one.go("#/health")
            page.get_by_label("Password", exact=True).fill("wrong")
            page.get_by_role("button", name="Go on").click()
            expect(page.get_by_role("alert")).to_contain_text("do not fit")

            page.get_by_label("Password", exact=True).fill("open sesame")
            page.get_by_role("button", name="Go on").click()
            expect(page.get_by_role("heading", name="Partitions")).to_be_visible()
            expect(page.locator("code", has_text="open sesame")).to_have_count(0)
        assert served.end() == 0
    finally:
        served.close()


def test_the_page_is_small_and_soon_there(browser: Browser, open_shop: Shop) -> None:
    told = loading(browser, open_shop.base)

    assert told["wire_bytes"] <= 250_000
    assert told["first_paint_ms"] <= 500


@pytest.mark.bench
def test_clicks_change_the_list_soon(browser: Browser, open_shop: Shop) -> None:
    told = clicks(browser, open_shop, 50)

    print(told)
    assert told["click_to_list_p50_ms"] < 1_000
