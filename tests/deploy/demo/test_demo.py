"""What the demo shows: the picture from a snapshot, the followed user, what is read from an instance."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from deploy.client.gauge import Reading, fields
from deploy.config.schema import Config
from deploy.data import dataset
from deploy.data.survey import survey
from deploy.demo import screen
from deploy.demo.follow import Follow, Pick, Taken
from deploy.demo.tip import tips
from stream.event.event import Event

INFO = """# riverwalk
version:0.1.0\r
applied_events:245100\r
stream_time_ms:1313157900000\r
lag:120\r
users:3201\r
items:2950\r
edges:102345\r
ranker:riverwalk\r
live_mrr_riverwalk:0.182\r
live_recall10_riverwalk:0.312\r
live_mrr_own_recency:0.103\r
live_recall10_own_recency:0.201\r
live_mrr_popularity:nan\r
live_recall10_popularity:nan\r
offset_0:7\r
offset_3:9\r
"""


def shot() -> screen.Snapshot:
    """A moment in the middle of a demo."""
    return screen.Snapshot(
        source="Online Retail, purchases in a gift shop 2010-2011, from $RIVERWALK_DATA",
        elapsed_s=37.0,
        sent=245_100,
        total=397_924,
        reading=Reading(fields(INFO), events_per_s=6_632.0, table_bytes=84e6),
        rates=tuple(float(n) for n in range(200)),
        fresh_p50=8.2,
        fresh_p99=38.0,
        user="17841",
        taken=(Taken("White hanging heart t-light holder", 1_313_157_900_000), Taken("Party bunting", 1)),
        picks=(
            Pick("Jumbo bag red retrospot", ("bought ", "Six ribbons rustic charm", " yesterday"), 2),
            Pick("Lunch bag suki design", ("rising now", "", ""), None),
            Pick(
                "A very long title of an item that no screen of any usual width can ever hold",
                (
                    "bought ",
                    "Another very long title that has no room beside it in any way at all",
                    " 13 days ago",
                ),
                -1,
            ),
        ),
        changes=41,
    )


def drawn(shot: screen.Snapshot, width: int) -> list[str]:
    """The picture as plain text lines."""
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(screen.picture(shot, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_the_picture_fits_its_terminal_and_shows_every_figure(width: int) -> None:
    lines = drawn(shot(), width)
    text = "\n".join(lines)

    assert len(lines) <= 23
    assert {len(line.rstrip()) for line in lines[:-1]} == {min(width, 120)}
    assert len(lines[-1].rstrip()) <= min(width, 120)  # the legend, below the boxes
    for figure in (
        "245,100 of 397,924",
        "6,632",
        "120 events",
        "8.2 ms",
        "38 ms",
        "3,201",
        "2,950",
        "102,345",
    ):
        assert figure in text
    for figure in (
        "0.182",
        "0.312",
        "0.103",
        "0.201",
        "Riverwalk ◂ serves",
        "own items, newest",
        "user 17841",
    ):
        assert figure in text


def test_the_picture_stays_as_high_as_it_was_before_anything_is_known() -> None:
    empty = screen.Snapshot(source="x", elapsed_s=0.0, sent=0, total=0, reading=Reading({}), user="u")

    assert len(drawn(empty, 80)) == len(drawn(shot(), 80))


def test_the_picture_marks_what_rose_what_fell_and_what_is_new() -> None:
    lines = drawn(shot(), 120)

    for mark, title in (("▲", "Jumbo bag"), ("●", "Lunch bag"), ("▼", "A very long")):
        assert any(mark in line and title in line for line in lines)


def test_a_reason_keeps_what_was_done_and_when_on_80_columns() -> None:
    lines = drawn(shot(), 80)

    assert any("bought Six ribbons rustic charm yesterday" in line or "… yesterday" in line for line in lines)
    assert any("bought Another" in line and "… 13 days ago" in line for line in lines)


def test_figures_nobody_knows_yet_are_dashes() -> None:
    empty = screen.Snapshot(
        source="x", elapsed_s=0.0, sent=0, total=9, reading=Reading(fields("users:0\r\nlag:-1\r\n"))
    )
    text = "\n".join(drawn(empty, 80))

    for name in ("events/s", "lag", "users", "items", "tables"):
        assert re.search(rf"{name} +– ", text), name


def test_a_quality_that_no_event_has_been_judged_by_is_a_dash() -> None:
    told = INFO.replace("0.182", "0.0").replace("0.103", "0.0")
    none, some = (
        Reading(fields(f"{told}live_events:{events}\r\n"), events_per_s=1.0, table_bytes=1.0)
        for events in (0, 64)
    )
    early = screen.Snapshot(source="x", elapsed_s=0.0, sent=0, total=9, reading=none)

    assert "MRR –;" in screen.line(early)
    assert none.quality == {}
    assert some.quality["riverwalk"].mrr == 0.0


def test_the_legend_tells_the_marks_and_the_keys_where_there_is_a_keyboard() -> None:
    assert drawn(shot(), 80)[-1].split() == ["▲", "rose", "▼", "fell", "●", "new", "on", "the", "list"]
    console = Console(file=io.StringIO(), width=80, color_system=None, legacy_windows=False)
    console.print(screen.picture(shot(), 80, keys=True))
    last = console.file.getvalue().splitlines()[-1]  # type: ignore[attr-defined]

    for words in ("n next user", "p pause", "e an event", "q quit"):
        assert words in last


def test_the_plain_line_is_one_line_with_the_same_figures() -> None:
    line = screen.line(shot())

    assert "\n" not in line
    for figure in ("245,100 of 397,924", "6,632/s", "lag 120", "p50 8.2 ms", "riverwalk 0.182", "17841"):
        assert figure in line
    assert "White hanging heart t-light holder -> Jumbo bag red retrospot" in line


def test_the_picture_for_a_page_loads_nothing_from_elsewhere() -> None:
    drawn = screen.svg(shot())

    assert drawn.startswith("<svg")
    assert "url(http" not in drawn.replace('url("', "url(")
    assert "245,100" in drawn


def test_a_sparkline_shows_the_last_values_against_the_highest() -> None:
    assert screen.sparkline([0, 1, 4, 8], 10) == " ▁▄█"
    assert screen.sparkline([9, 9, 1, 8], 2) == "▁█"
    assert screen.sparkline([], 10) == ""


def test_a_reading_tells_offsets_and_the_quality_that_is_known() -> None:
    reading = Reading(fields(INFO))

    assert reading.applied == {0: 7, 3: 9}
    assert set(reading.quality) == {"riverwalk", "own_recency"}
    assert reading.number("lag") == 120
    assert reading.number("nothing") == 0


def test_the_user_who_is_there_from_beginning_to_end_is_followed(tmp_path: Path) -> None:
    often = "".join(f"{'steady' if n % 50 == 0 else n},i,{n}\n" for n in range(3_000))
    burst = "".join(f"burst,i,{3_000 + n}\n" for n in range(30))
    (tmp_path / "events.csv").write_text(f"user,item,timestamp\nbroken\n{often}{burst}")

    looked = survey(dataset.find(str(tmp_path), env={}))

    assert (looked.user, looked.count) == ("steady", 3_030)
    assert looked.bad.startswith("1 lines are no events and left out; the first: ")
    assert "events.csv:2: " in looked.bad


def test_a_followed_user_keeps_three_items_and_sees_what_moved_since_the_last_event() -> None:
    follow = Follow(["ann", "bob"], {"a": "RED HAT", "b": "BLUE HAT"})
    follow.note(["a", "b"], ["popular", "because you had a 3 hours ago: often taken together"])
    before = list(follow.picks)
    for n, item in enumerate("xyabz"):
        follow.see(Event(user="ann" if item != "z" else "bob", item=item, t=n))

    follow.note(["b", "c", "a"], ["popular", "new", "popular"])

    assert before == [
        Pick("Red hat", ("popular", "", ""), 0, "a"),
        Pick("Blue hat", ("had ", "Red hat", " 3 hours ago"), 0, "b"),
    ]
    assert [one.title for one in follow.taken()] == ["Blue hat", "Red hat", "y"]
    assert [(pick.title, pick.moved) for pick in follow.picks] == [
        ("Blue hat", 1),
        ("c", None),
        ("Red hat", -2),
    ]
    assert follow.changes == 1

    follow.next()

    assert (follow.user, follow.item, follow.changes) == ("bob", "z", 0)


def test_what_to_try_names_the_ports_the_user_and_a_real_item() -> None:
    text = tips(Config(), "some one", "85123A")

    for words in (
        "redis-cli -p 7878 RECOMMEND 'some one' 5",
        "redis-cli -p 7878 SIMILAR 85123A 5",
        "curl 'http://127.0.0.1:7879/recommend/some%20one?k=5'",
        "http://127.0.0.1:7879/metrics",
    ):
        assert words in text


def test_what_to_try_chooses_by_what_items_are_where_that_is_known() -> None:
    words = ("FILTER", "price <= 2.1", "PERCATEGORY", "2")
    text = tips(Config(), "ann", "cup 7", words)

    assert "  redis-cli -p 7878 RECOMMEND ann 5 FILTER 'price <= 2.1' PERCATEGORY 2\n" in text
    assert "  redis-cli -p 7878 ITEM 'cup 7'\n" in text
    assert "ITEM" not in tips(Config(), "ann", "cup 7")
