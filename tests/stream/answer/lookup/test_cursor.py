"""Cursors: pages have no item twice, and end."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.record.setting import GraphSettings
from stream.answer.lookup import cursor
from stream.answer.reader import Reader
from stream.answer.request import Recommend
from stream.error import BadRequest
from tests.fixture.pair import LIMITS, Pair, shop
from tgn.inference.layout import TgnSettings


@given(st.sets(st.integers(1, 1 << 22), min_size=1, max_size=999))
def test_a_cursor_holds_its_rows(rows: set[int]) -> None:
    made = cursor.write("ann", rows)

    assert cursor.read("ann", made) == sorted(rows)
    assert len(made) <= 8_192


@pytest.mark.parametrize("given_", ["x", "AAAA", "AAAAAA", "AAAAAAAA", "0_0", "_" * 8_000])
def test_what_is_no_cursor_is_refused(given_: str) -> None:
    with pytest.raises(BadRequest, match="is none that was given for this user; wanted 0"):
        cursor.read("ann", given_)


def test_a_cursor_is_for_one_user() -> None:
    made = cursor.write("ann", [1, 2])

    assert cursor.read("ann", made) == [1, 2]
    with pytest.raises(BadRequest, match="for this user"):
        cursor.read("bob", made)


def test_pages_have_no_item_twice_also_where_the_list_moves_in_between(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.learn(shop())
    reader = Reader(GraphSettings(), TgnSettings(), LIMITS, tmp_path)
    items = {item for _, item, _ in shop()}
    told: list[str] = []
    at, pages = cursor.FIRST, 0
    while pages == 0 or at != cursor.FIRST:
        answer = reader.recommend(Recommend("new", 7, cursor=at))
        told += answer.items
        at, pages = answer.cursor, pages + 1
        pair.learn([("u1", "i50", 10**9 + pages), ("u2", "i3", 10**9 + pages)])

    assert len(told) == len(set(told))
    assert set(told) == items
    assert pages == len(items) // 7 + 1


def test_the_last_page_has_the_first_cursor(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.learn([("ann", "tea", 1), ("ann", "cup", 2)])
    reader = Reader(GraphSettings(), TgnSettings(), LIMITS, tmp_path)

    first = reader.recommend(Recommend("bob", 2, cursor="0"))
    last = reader.recommend(Recommend("bob", 2, cursor=first.cursor))

    assert sorted(first.items) == ["cup", "tea"]
    assert (last.items, last.cursor) == ([], "0")
