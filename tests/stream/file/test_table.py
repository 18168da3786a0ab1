"""Delimited text: headers and cells as programs write them, units of times, and what is said of a file."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from stream.error import BadEvent, BadRequest, BadSource
from stream.event.event import Event
from stream.file.column import selection
from stream.file.event import columns, events

T = 1_600_000_000_000
WANTED = [("u1", "i1", T), ("u2", "i2", T + 1_000)]


def read(path: Path, text: str | bytes, told: str | None = None) -> tuple[list[Event], list[str], list[str]]:
    """The events of a file of this text, what was left out, and what is said of it."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    bad: list[str] = []
    found = events(path, chosen=selection(told), on_bad=lambda one: bad.append(str(one)))
    return list(found), bad, list(found.remarks)


PLAIN = "user,item,timestamp\nu1,i1,1600000000\nu2,i2,1600000001\n"
SAME = {
    "quoted": '"user","item","timestamp"\n"u1","i1",1600000000\n"u2","i2","1600000001"\n',
    "blanks": 'user , item , timestamp\nu1 , i1, 1600000000\n"u2" , "i2" ,1600000001 \n',
    "semicolons": "user;item;timestamp\nu1;i1;1600000000\nu2;i2;1600000001\n",
    "bars": "user|item|timestamp\nu1|i1|1600000000\nu2|i2|1600000001\n",
    "tabs": "user\titem\trating\ttimestamp\nu1\ti1\t\t1600000000\nu2\ti2\t\t1600000001\n",
    "capitals": "User ID,Item-Id,TimeStamp\nu1,i1,1600000000\nu2,i2,1600000001\n",
    "camels": "userId,movieId,timestamp\nu1,i1,1600000000\nu2,i2,1600000001\n",
    "recbole": "user_id:token\titem_id:token\ttimestamp:float\nu1\ti1\t1600000000\nu2\ti2\t1600000001.0\n",
    "index": ",user,item,timestamp\n0,u1,i1,1600000000\n1,u2,i2,1600000001\n",
    "retailrocket": "timestamp,visitorid,event,itemid,transactionid\n1600000000000,u1,view,i1,\n1600000001000,u2,view,i2,\n",
    "mark": "\ufeff" + PLAIN,
    "utf-16": PLAIN.encode("utf-16"),
    "carriage returns": PLAIN.replace("\n", "\r"),
    "blank lines": "\n" + PLAIN.replace("\n", "\n\n"),
    "order": "user,item,timestamp\nu2,i2,1600000001\nu1,i1,1600000000\n",
    "lines in cells": 'user,item,text,timestamp\nu1,i1,"two\nlines, ""quoted""",1600000000\nu2,i2,,1600000001\n',
    "milliseconds": PLAIN.replace("1600000000", "1600000000000").replace("1600000001", "1600000001000"),
    "microseconds": PLAIN.replace("1600000000", "1600000000000000").replace("1600000001", "1600000001000000"),
    "nanoseconds": PLAIN.replace("1600000000", "1600000000000000000").replace("1600000001", "1600000001000000000"),
    "seconds in t": PLAIN.replace("timestamp", "t"),
    "iso": "user,item,date\nu1,i1,2020-09-13T12:26:40Z\nu2,i2,2020-09-13T14:26:41+02:00\n",
    "slashes": "user,item,date\nu1,i1,2020/09/13 12:26:40\nu2,i2,2020/09/13 12:26:41\n",
    "utc": "user_id,product_id,event_time\nu1,i1,2020-09-13 12:26:40 UTC\nu2,i2,2020-09-13 12:26:41\n",
    "json mark": '\ufeff{"user":"u1","item":"i1","t":1600000000000}\n{"user":"u2","item":"i2","t":1600000001000}\n',
    "json seconds": '{"user":"u1","item":"i1","t":1600000000}\n{"user":"u2","item":"i2","t":"1600000001"}\n',
    "json names": '{"userId":"u1","itemId":"i1","timestamp":1600000000}\n{"userId":"u2","itemId":"i2","timestamp":1600000001}\n',
    "json iso": '{"user":"u2","item":"i2","t":"2020-09-13T12:26:41Z"}\n{"user":"u1","item":"i1","t":"2020-09-13T12:26:40Z"}\n',
}  # fmt: skip


@pytest.mark.parametrize("form", SAME)
def test_the_same_events_are_read_however_they_are_written(tmp_path: Path, form: str) -> None:
    found, bad, _ = read(tmp_path / "a.csv", SAME[form])

    assert bad == []
    assert [(event.user, event.item, event.t) for event in found] == WANTED
    assert columns(tmp_path / "a.csv").t.tolist() == [T, T + 1_000]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (SAME["milliseconds"], "milliseconds"),
        (SAME["microseconds"], "microseconds"),
        (SAME["nanoseconds"], "nanoseconds"),
        (SAME["seconds in t"], "seconds"),
        (SAME["iso"], "ISO 8601"),
        ("user,item,date\na,x,20200913\nb,x,20200914\n", "dates as YYYYMMDD"),
        ("u,i,ts,label\n0,1,0.0,0\n1,2,36.5,0\n", "seconds"),
        ("user,item,t\na,x,5\n", "milliseconds"),
    ],
)
def test_the_unit_of_times_is_found_by_their_values_and_said(tmp_path: Path, text: str, word: str) -> None:
    _, bad, remarks = read(tmp_path / "a.csv", text)

    assert bad == []
    assert f"a.csv: times are {word}" in remarks


@pytest.mark.parametrize("clock", ["99999999999", "20200913122640", "44000000000"])
def test_times_that_are_possible_in_no_unit_are_refused_with_a_word_on_units(
    tmp_path: Path, clock: str
) -> None:
    with pytest.raises(BadSource, match=r"known unit: in seconds, milliseconds.*--columns t=NAME:s"):
        read(tmp_path / "a.csv", f"user,item,timestamp\na,x,{clock}\n")


def test_one_time_of_another_unit_is_left_out_and_named(tmp_path: Path) -> None:
    lines = "".join(f"u{n},i,{1_600_000_000 + n}\n" for n in range(40))
    found, bad, _ = read(tmp_path / "a.csv", f"user,item,timestamp\nlate,i,1600000000000\n{lines}")

    assert len(found) == 40
    assert len(bad) == 1
    assert ":2: t is 1600000000000000 ms, more than a day after now" in bad[0]


def test_the_rating_is_the_value_and_what_is_not_read_is_named(tmp_path: Path) -> None:
    found, _, remarks = read(
        tmp_path / "r.csv",
        "userId,movieId,rating,timestamp,genre,mood\n1,10,4.5,964982703,x,y\n1,20,,964982800,x,y\n",
    )

    assert [(event.type, event.value) for event in found] == [("watch", 4.5), ("watch", 1.0)]
    assert remarks == [
        "r.csv: times are seconds",
        "r.csv: the column rating is the value",
        "r.csv: columns that are not read: genre, mood",
    ]


def test_columns_are_chosen_by_name_with_the_unit_of_their_times(tmp_path: Path) -> None:
    text = "visitorid,sku,when,what,user,item\na,x,5000,buy,1,2\nb,y,6000,,1,2\n"
    found, _, remarks = read(tmp_path / "a.csv", text, "user=visitorid,item=SKU,t=when:ms,type=what")

    assert found == [Event("a", "x", 5_000, "purchase"), Event("b", "y", 6_000)]
    assert "a.csv: columns that are not read: user, item" in remarks


def test_fields_of_json_are_chosen_by_name(tmp_path: Path) -> None:
    text = '{"reviewerID":"A1","asin":"0001","overall":5.0,"unixReviewTime":1252800000}\n'
    found, _, _ = read(tmp_path / "a.jsonl", text, "user=reviewerID,item=asin,t=unixReviewTime,value=overall")
    none, bad, _ = read(tmp_path / "b.jsonl", text)

    assert found == [Event("A1", "0001", 1_252_800_000_000, value=5.0)]
    assert none == []
    assert len(bad) == 1


@pytest.mark.parametrize("text", ["user", "who=a", "user=a,user=b", "t=ts:min"])
def test_a_choice_nobody_understands_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        selection(text)


@pytest.mark.parametrize(
    ("text", "told", "message"),
    [
        ("user,item,timestamp,item\na,x,1,y\n", None, "names the column 'item' twice"),
        ('"User",item,timestamp,USER\na,x,1,y\n', None, "names the column 'user' twice"),
        ("user,item,note\na,x,1\n", None, "no column 't' in the header"),
        (PLAIN, "user=visitorid", "no column 'visitorid' in the header"),
        ("a\tb\tc\td\n1\t2\t3\t4\n", None, "unknown format"),
        ("PAR1\x15\x04", None, "the Parquet file is damaged"),
        ("1,2,3,4\n", None, "--columns user=NAME"),
    ],
)
def test_a_header_that_says_too_little_or_twice_is_refused_by_name(
    tmp_path: Path, text: str, told: str | None, message: str
) -> None:
    with pytest.raises(BadSource, match=message):
        read(tmp_path / "a.csv", text, told)


def test_a_cell_of_any_length_is_read(tmp_path: Path) -> None:
    text = f'user,item,timestamp,text\nu1,i1,1600000000,"{"x" * 300_000}"\nu2,i2,1600000001,ok\n'

    assert [event.user for event in read(tmp_path / "a.csv", text)[0]] == ["u1", "u2"]


@pytest.mark.parametrize("line", ['u9,"i9,1600000000', 'u9,"i9"x,1600000000', 'u9,"i9\n"x",3'])
def test_a_quote_that_is_wrong_costs_its_own_line_alone(tmp_path: Path, line: str) -> None:
    text = PLAIN + line + '\n"u3",i3,1600000002\n"u4","i4",1600000003\n'
    found, bad, _ = read(tmp_path / "a.csv", text)

    assert [event.user for event in found] == ["u1", "u2", "u3", "u4"]
    assert ":4: not CSV" in bad[0]
    assert len(bad) == line.count("\n") + 1


def test_lines_keep_their_numbers_behind_a_row_of_several(tmp_path: Path) -> None:
    text = 'user,item,text,timestamp\nu1,i1,"a\nb\nc",1600000000\nu2,i2,,never\n'

    assert ":5: the timestamp 'never'" in read(tmp_path / "a.csv", text)[1][0]
    with pytest.raises(BadEvent, match=r"a\.csv:5"):
        columns(tmp_path / "a.csv")


def test_ids_of_events_are_read(tmp_path: Path) -> None:
    found, _, _ = read(tmp_path / "a.csv", "user,item,t,event_id\na,x,5,e-1\nb,x,6,\n")

    assert [event.id for event in found] == ["e-1", None]


def test_the_dat_file_of_movielens_is_read_like_u_data(tmp_path: Path) -> None:
    found, _, _ = read(tmp_path / "ratings.dat", "1::1193::5::978300760\n1::661::3::978302109\n")

    assert found[0] == Event("1", "1193", 978_300_760_000, "watch", 5.0)


def test_a_file_that_changed_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    assert [event.user for event in read(path, PLAIN)[0]] == ["u1", "u2"]
    found = read(path, PLAIN.replace("1600000000", "1600000009.5"))[0]

    assert [event.user for event in found] == ["u2", "u1"]


PACKED = {"bz2": bz2.compress, "xz": lzma.compress, "gz": gzip.compress}


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_packed_files_are_told_by_their_first_bytes(tmp_path: Path, kind: str, encoding: str) -> None:
    whole = PACKED[kind]("user,item,timestamp\nö,x,1600000000\n".encode(encoding))
    (tmp_path / "a.csv").write_bytes(whole)
    (tmp_path / "cut.csv").write_bytes(whole[:-9])

    assert [event.user for event in events(tmp_path / "a.csv")] == ["ö"]
    with pytest.raises(BadSource, match="damaged or ends early"):
        list(events(tmp_path / "cut.csv"))


@pytest.mark.parametrize(
    ("head", "told"),
    [(b"PK\x03\x04", "an Excel workbook"), (b"\x28\xb5\x2f\xfd", "zstd -d"), (b"Obj\x01", "an Avro file")],
)
def test_other_kinds_of_files_are_refused_by_what_they_are(tmp_path: Path, head: bytes, told: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(head + bytes(99))

    with pytest.raises(BadSource, match=told):
        events(path)


def test_an_export_of_excel_is_read_with_its_first_line_and_its_commas(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("sep=;\r\nuser;item;time;rating\r\nä;x;2023-11-14 22:13:20;4,5\r\n".encode("utf-16"))

    assert list(events(path)) == [Event("ä", "x", 1_700_000_000_000, "view", 4.5)]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_types_under_other_names_are_read_and_others_are_bad_with_the_nearest(
    tmp_path: Path, form: str
) -> None:
    names = ["addtocart", "Add to Cart", "transaction", "pv", "FAV", "purchse", "explode"]
    path = tmp_path / f"a.{form}"
    line = (
        '{{"visitorid":"u","itemid":"i","timestamp":1433221332117,"event":"{}"}}\n'
        if form == "jsonl"
        else "1433221332117,u,{},i,\n"
    )
    head = "" if form == "jsonl" else "timestamp,visitorid,event,itemid,transactionid\n"
    path.write_text(head + "".join(line.format(name) for name in names))
    bad: list[str] = []

    found = [event.type for event in events(path, on_bad=lambda one: bad.append(f"{one.reason} {one}"))]

    assert found == ["like", "like", "purchase", "view", "like"]
    assert bad[0].startswith("type ")
    assert "did you mean purchase?" in bad[0]
    assert "expected one of view, click" in bad[1]
    assert "--columns type=" in bad[1]


@pytest.mark.parametrize("name", ["t", "timestamp"])
def test_a_column_half_of_seconds_and_half_of_milliseconds_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.csv"
    times = [1_600_000_000 + k for k in range(50)] + [1_600_000_000_000 + k for k in range(50)]
    path.write_text(f"user,item,{name}\n" + "".join(f"u,i,{t}\n" for t in times))

    with pytest.raises(BadSource, match="no known unit"):
        events(path)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_few_seconds_among_milliseconds_are_bad_and_no_events_of_1970(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"a.{form}"
    times = [*(1_600_000_000_000 + k for k in range(50)), 1_600_000_000]
    line = '{{"user":"u","item":"i","t":{}}}\n' if form == "jsonl" else "u,i,{}\n"
    path.write_text(("" if form == "jsonl" else "user,item,t\n") + "".join(line.format(t) for t in times))
    bad: list[str] = []

    found = [event.t for event in events(path, on_bad=lambda one: bad.append(f"{one.reason} {one}"))]

    assert found == times[:-1]
    assert len(bad) == 1
    assert bad[0].startswith("time ")
    assert "seconds among milliseconds" in bad[0]


def test_times_from_a_beginning_of_their_own_may_be_of_any_length(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user,item,t\nu,a,0\nu,b,1600000000\nu,c,1700000000\n")

    assert [event.t for event in events(path, chosen=selection("t=t:ms"))] == [
        0,
        1_600_000_000,
        1_700_000_000,
    ]
