"""Files that say what items are: what a cell becomes, which rows are refused and where, what is no such file."""

import gzip
from pathlib import Path

import pytest

from stream.catalogue.record import decode
from stream.error import BadEvent, BadSource
from stream.file import item as listing
from stream.file import movielens
from stream.generation.metadata import MOST


def read(path: Path, text: str | bytes) -> tuple[dict[str, listing.Fields], list[BadEvent]]:
    """What a file of this text says of each item, and the rows that were refused."""
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    bad: list[BadEvent] = []
    return {row.item: row.fields for row in listing.rows(path, bad.append)}, bad


@pytest.mark.parametrize("name", ["items.csv", "items.csv.gz"])
def test_a_column_has_one_kind_and_an_empty_cell_says_nothing(tmp_path: Path, name: str) -> None:
    found, bad = read(
        tmp_path / name,
        "\ufeffitem,title,Unit Price,brand,genres,new,code\r\n"
        'a,"1984, a novel",4.50,4711,War|Drama,true,007\r\n'
        "\r\n"
        'b,"two\nlines",3,Acme,Comedy,,12\r\n'
        "c,,,,,false,\r\n",
    )

    assert bad == []
    assert found == {
        "a": {
            "title": "1984, a novel",
            "unit_price": 4.5,
            "brand": "4711",
            "genres": ["War", "Drama"],
            "new": True,
            "code": "007",
        },
        "b": {"title": "two\nlines", "unit_price": 3, "brand": "Acme", "genres": ["Comedy"], "code": "12"},
        "c": {"new": False},
    }


def test_columns_with_a_meaning_are_read_by_it_whatever_they_hold(tmp_path: Path) -> None:
    found, bad = read(
        tmp_path / "i.csv",
        "sku,id,title,category,tags,categories,available,hidden\n1,a,12,7,x,3|4,1,no\n2,b,A|B,8,,,maybe,\n",
    )

    assert found == {
        "a": {
            "sku": 1,
            "title": "12",
            "category": "7",
            "tags": ["x"],
            "categories": ["3", "4"],
            "available": True,
            "hidden": False,
        }
    }
    assert [str(one) for one in bad] == [
        f"{tmp_path}/i.csv:3: 'maybe'; hidden and available are one of true, 1, yes, false, 0, no"
    ]


def test_a_bad_row_is_refused_with_its_line_and_its_neighbours_are_read(tmp_path: Path) -> None:
    found, bad = read(
        tmp_path / "i.csv", 'item,title\na,tea\nb,cup,2\nc,"milk" jug\n"d","one\ntwo"\ne\nf,pot\n'
    )

    assert list(found) == ["a", "d", "f"]
    assert [str(one).removeprefix(f"{tmp_path}/i.csv:").partition(": ")[0] for one in bad] == ["3", "4", "7"]
    assert "3 columns, the header names 2; put text with commas in quotes" in str(bad[0])
    assert "not CSV" in str(bad[1])


def test_json_lines_keep_their_kinds_and_a_bad_line_is_named(tmp_path: Path) -> None:
    found, bad = read(
        tmp_path / "i.jsonl",
        '{"item": 7, "title": "Lamp", "price": 4.5, "tags": ["a"]}\n\n{"title": "x"}\n{"item": true}\n[1]\n{"item": "b"}',
    )

    assert found == {"7": {"title": "Lamp", "price": 4.5, "tags": ["a"]}, "b": {}}
    assert [str(one).split(": ")[0].rpartition(":")[2] for one in bad] == ["3", "4", "5"]
    assert "wanted an item's id" in str(bad[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("hello\nworld\n", r"i\.csv:1: 'hello'; expected a header such as item,title,price"),
        ("item,title,title\na,b,c\n", "each named once"),
        ("item,Größe\na,b\n", "a column 'Größe'"),
        ("user,item,timestamp\na,b,1\n", "these are events, not items"),
    ],
)
def test_a_file_of_another_form_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadSource, match=message):
        read(tmp_path / "i.csv", text)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=r"none\.csv: cannot be read"):
        listing.rows(tmp_path / "none.csv", lambda bad: None)


@pytest.mark.parametrize(
    ("item", "fields", "reason"),
    [
        ("", {}, "missing"),
        ("a\x00", {}, "missing"),
        ("\udcff", {}, "utf8"),
        ("a", {"title": "\udcff"}, "utf8"),
        ("a", {"title": "x" * MOST}, "size"),
        ("a", {"created": "yesterday"}, "time"),
        ("a", {"Price": 1}, "type"),
        ("a", {"price": {"eur": 1}}, "type"),
    ],
)
def test_what_ingest_would_refuse_is_refused_before_it_is_sent(
    item: str, fields: listing.Fields, reason: str
) -> None:
    with pytest.raises(BadEvent) as refused:
        listing.payload(item, fields)

    assert refused.value.reason == reason


def test_a_film_has_its_title_year_genres_and_the_day_it_was_released(tmp_path: Path) -> None:
    flags = ["0"] * 19
    flags[8] = flags[17] = "1"
    lines = [
        "movie id | movie title | release date",
        "|".join(["7", "Amélie, La (V) (2001) (TV)", "4-Feb-1971", "", "url", *flags]),
        "8|Old One (1931)|01-Jan-1931||url",
        "267|unknown|||",
        "broken",
    ]
    (tmp_path / "u.item").write_bytes("\n".join(lines).encode("latin-1"))
    bad: list[BadEvent] = []

    found = {row.item: row.fields for row in movielens.rows(tmp_path / "u.item", bad.append)}

    genres = ["Drama", "War"]
    told = {
        "title": "Amélie, La (V)",
        "year": 2001,
        "genres": genres,
        "categories": genres,
        "created": "1971-02-04",
    }
    assert found == {"7": told, "8": {"title": "Old One", "year": 1931}, "267": {"title": "unknown"}}
    assert decode(listing.payload("7", told)) == {**told, "year": 2001.0, "created": 34_473_600_000.0}
    assert str(bad[0]).startswith(f"{tmp_path}/u.item:5: 'broken' is no film")


@pytest.mark.parametrize("cell", ["N/A", "-", "", "null", "?"])
def test_a_column_of_numbers_stays_numbers_beside_a_cell_that_says_there_is_none(
    tmp_path: Path, cell: str
) -> None:
    path, remarks = tmp_path / "i.csv", list[str]()
    path.write_text(f"item,title,price\nq1,Mug,3\nq2,Cup,4.5\nq3,{cell},{cell}\n")

    found = {row.item: row.fields for row in listing.rows(path, print, remarks.append)}

    assert [found[one].get("price") for one in ("q1", "q2", "q3")] == [3, 4.5, None]
    assert remarks == (
        [
            f"{path}: the column price is numbers; 1 of its 3 cells are none and are left out, the first: '{cell}' on line 4"
        ]
        if cell
        else []
    )


def test_a_few_odd_cells_among_many_numbers_are_left_out_and_more_make_it_text_which_is_said(
    tmp_path: Path,
) -> None:
    path, remarks = tmp_path / "i.csv", list[str]()
    lines = "".join(f"q{n},{n},{n if n % 3 else 'free'},00{n}\n" for n in range(30))
    path.write_text(f"item;price;stock;code\nodd;on request;5;7\n{lines.replace(',', ';')}")

    found = {row.item: row.fields for row in listing.rows(path, print, remarks.append)}

    assert found["odd"] == {"stock": "5", "code": "7"}
    assert found["q3"] == {"price": 3, "stock": "free", "code": "003"}
    assert [line.removeprefix(f"{path}: the column ") for line in remarks] == [
        "price is numbers; 1 of its 31 cells are none and are left out, the first: 'on request' on line 2",
        "stock is text, as 10 of its 31 cells are no numbers, the first: 'free' on line 3",
    ]
