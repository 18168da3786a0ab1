"""Parquet files: events and items by the names of columns, typed times, nulls, and files that are damaged."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stream.error import BadEvent, BadSource
from stream.event.event import Event
from stream.file import event as event_file
from stream.file import item
from stream.file.column import selection
from stream.file.plan import plan

AT = datetime(2023, 11, 14, 22, 13, 20, 125_000, tzinfo=UTC)
MS = 1_700_000_000_125


def write(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    """A file of these columns; values may be arrays of a type."""
    pq.write_table(pa.table(columns), path, **options)
    return path


def read(path: Path, columns: str = "") -> tuple[list[Event], list[BadEvent]]:
    """The events of a file in the order of their times, and what was bad."""
    bad: list[BadEvent] = []
    found = list(event_file.events(path, chosen=selection(columns), on_bad=bad.append))
    return found, bad


@pytest.mark.parametrize(
    "times",
    [
        pa.array([AT], pa.timestamp("ms")),
        pa.array([AT], pa.timestamp("us", tz="UTC")),
        pa.array([MS * 1_000_000 + 999_999], pa.timestamp("ns")),
        pa.array([AT.astimezone(timezone(timedelta(hours=2)))], pa.timestamp("ns", tz="+02:00")),
        pa.array([AT.astimezone(timezone(timedelta(hours=-5)))], pa.timestamp("us", tz="America/Lima")),
        pa.array([MS]),
        pa.array([MS * 1_000]),
        pa.array([MS / 1_000]),
        pa.array([Decimal("1700000000.125")]),
        pa.array(["2023-11-14T22:13:20.125Z"]),
        pa.array(["2023-11-14T22:13:20.125Z"]).dictionary_encode(),
    ],
    ids=str,
)
def test_times_of_every_type_are_the_same_instant(tmp_path: Path, times: pa.Array) -> None:
    path = write(tmp_path / "a.parquet", {"user": ["ann"], "item": ["cup"], "timestamp": times})

    assert read(path) == ([Event("ann", "cup", MS)], [])


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        (pa.array([7], pa.uint64()), "7"),
        (pa.array([7.0]), "7"),  # as pandas has whole numbers beside nulls
        (pa.array([Decimal("7.00")]), "7"),
        (pa.array(["ö 7"]).dictionary_encode(), "ö 7"),
        (pa.array([b"u7"]), "u7"),
        (pa.array(["u7"], pa.string_view()), "u7"),
    ],
    ids=str,
)
def test_ids_of_every_type_are_text(tmp_path: Path, ids: pa.Array, text: str) -> None:
    path = write(tmp_path / "a.parquet", {"visitorId": ids, "SKU": ids, "t": [MS]})

    assert read(path)[0] == [Event(text, text, MS)]


def test_columns_types_and_values_are_read_as_in_a_table_of_text(tmp_path: Path) -> None:
    columns = {
        "who": ["b", "a", "c"],
        "what": ["x", "y", "z"],
        "day": [date(2023, 11, 15), date(2023, 11, 14), date(2023, 11, 16)],
        "kind": ["transaction", None, "addtocart"],
        "stars": pa.array([4.5, None, float("nan")]),
        "rest": [1, 2, 3],
    }
    path = write(tmp_path / "a.parquet", columns)

    found, bad = read(path, "user=who,item=what,t=day,type=kind,value=stars")

    day = 86_400_000
    assert found == [
        Event("a", "y", 19_675 * day),
        Event("b", "x", 19_676 * day, "purchase", 4.5),
        Event("c", "z", 19_677 * day, "like"),
    ]
    assert not bad
    how = plan(path, None, selection("user=who,item=what,t=day,type=kind,value=stars"))
    assert "a.parquet: times are timestamps" in how.remarks
    assert "a.parquet: columns that are not read: rest" in how.remarks


def test_rows_that_lack_something_are_bad_and_named(tmp_path: Path) -> None:
    columns = {
        "user": pa.array([1.0, None, float("nan"), 4.0, 5.0]),
        "item": ["a", "b", "c", None, "e"],
        "ts": pa.array([AT, AT, AT, AT, None], pa.timestamp("us")),
    }
    path = write(tmp_path / "a.parquet", columns)

    found, bad = read(path)

    assert found == [Event("1", "a", MS)]
    assert [(one.reason, str(one).partition(": ")[0]) for one in bad] == [
        ("missing", f"{path}:{row}") for row in (2, 3, 4, 5)
    ]


def test_a_file_of_many_row_groups_is_read_whole_and_in_order(tmp_path: Path) -> None:
    count = 40_000
    columns = {
        "user": [f"u{k % 9}" for k in range(count)],
        "item": [f"i{k}" for k in range(count)],
        "t": [MS + count - k for k in range(count)],
    }
    path = write(tmp_path / "a.parquet", columns, row_group_size=1_000, compression="zstd")

    found, bad = read(path)

    assert [event.item for event in found] == columns["item"][::-1]
    assert not bad


def test_a_damaged_or_cut_file_is_a_named_error(tmp_path: Path) -> None:
    columns = {"user": ["ann"] * 999, "item": [f"i{k}" for k in range(999)], "t": [MS] * 999}
    whole = write(tmp_path / "whole.parquet", columns, write_page_checksum=True).read_bytes()
    path = tmp_path / "a.parquet"
    step = len(whole) // 40

    for at in range(4, len(whole) - 1, step):
        path.write_bytes(whole[:at])
        with pytest.raises(BadSource, match=r"a\.parquet: the Parquet file is damaged or ends early"):
            read(path)
    for at in range(40, len(whole) // 2, step):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        with pytest.raises(BadSource, match="damaged"):
            read(path)


def test_text_under_the_name_of_a_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_text("user,item,t\nann,cup,1700000000\n")

    with pytest.raises(BadSource, match=r"a\.parquet: the Parquet file is damaged"):
        read(path)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"user": ["a"], "t": [1]}, "no column 'item' among user, t; .* --columns item=NAME"),
        ({"user": ["a"], "item": [["b"]], "t": [1]}, r"the column item \(list<.*>\) holds no single values"),
        ({"user": ["a"], "item": ["b"], "Item": ["b"], "t": [1]}, "names the column 'item' twice"),
    ],
)
def test_a_file_that_cannot_be_events_says_what_is_wanted(
    tmp_path: Path, columns: dict[str, Any], told: str
) -> None:
    path = write(tmp_path / "a.parquet", columns)

    with pytest.raises(BadSource, match=told):
        read(path)


def test_items_are_read_with_the_types_they_have(tmp_path: Path) -> None:
    columns = {
        "item_id": pa.array([7, 8]),
        "title": ["Lamp", None],
        "price": pa.array([Decimal("4.50"), Decimal("5.00")]),
        "tags": [["garden", "light"], None],
        "category": pa.array(["home", "home"]).dictionary_encode(),
        "hidden": [False, True],
        "created": pa.array([AT, None], pa.timestamp("us", tz="UTC")),
        "weight": pa.array([float("nan"), 2.5]),
    }
    path = write(tmp_path / "items.parquet", columns)
    bad: list[BadEvent] = []

    found = {row.item: row.fields for row in item.rows(path, bad.append)}

    assert found == {
        "7": {
            "title": "Lamp",
            "price": 4.5,
            "tags": ["garden", "light"],
            "category": "home",
            "hidden": False,
            "created": "2023-11-14T22:13:20.125000+00:00",
        },
        "8": {"price": 5, "category": "home", "hidden": True, "weight": 2.5},
    }
    assert [item.payload(one, fields) for one, fields in found.items()]
    assert not bad


def test_without_pyarrow_the_extra_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"user": ["a"], "item": ["b"], "t": [MS]})
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from stream.file.event import events\n"
        f"events({str(path)!r})"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "BadSource" in found.stderr
    assert "pip install 'riverwalk[files]'" in found.stderr
