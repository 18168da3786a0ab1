"""Files of events: every form, bad lines, order, and the source that reads a file like a topic."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from stream.error import BadEvent, BadSource
from stream.event.batch import decode_batch
from stream.event.event import Event
from stream.file import event as event_file
from tests.fixture.source import FileSource


def write(path: Path, text: str) -> Path:
    """A file with this text, gz when its name says so."""
    data = text.encode("utf-8", "surrogateescape")
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


FORMS = {
    "wikipedia.csv": "u,i,ts,label\n0,8227,0,0\n1,8228,36.5,0\n",
    "raw.csv": "user_id,item_id,timestamp,state_label,features\n0,8227,0.0,0,-0.1,0.2\n1,8228,36.5,0,0.3,0.4\n",
    "u.data": "1\t8228\t3\t36\n0\t8227\t5\t0\n",
    "events.csv": "user,item,timestamp\n0,8227,0\n1,8228,36.5\n",
    "clock.csv": "item,user,t\n8227,0,0\n8228,1,36500\n",
    "events.jsonl": '{"user":"0","item":"8227","t":0}\n{"user":"1","item":"8228","t":36500}\n',
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_every_form_gives_the_same_users_items_and_times(tmp_path: Path, name: str, ending: str) -> None:
    path = write(tmp_path / (name + ending), FORMS[name])

    found = [(event.user, event.item, event.t // 1000) for event in event_file.events(path)]

    assert found == [("0", "8227", 0), ("1", "8228", 36)]


@pytest.mark.parametrize("name", FORMS)
def test_columns_hold_what_the_events_hold(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, FORMS[name])
    events = list(event_file.events(path))

    columns = event_file.columns(path)

    assert columns.user == [event.user for event in events]
    assert columns.item == [event.item for event in events]
    assert columns.t.tolist() == [event.t for event in events]
    assert columns.value.tolist() == [event.value for event in events]
    assert (columns.t.dtype, columns.kind.dtype, columns.value.dtype) == (np.int64, np.int8, np.float32)


def test_type_and_value_are_read_and_an_empty_one_is_the_default(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'user,item,timestamp,type,value\na,"x, y",1,purchase,2.5\nb,z,2,,\n')

    assert list(event_file.events(path)) == [
        Event(user="a", item="x, y", t=1000, type="purchase", value=2.5),
        Event(user="b", item="z", t=2000),
    ]


def test_columns_are_sorted_by_time_and_keep_the_file_order_of_equal_times(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "user,item,timestamp\nlate,x,9\nb,x,5\na,x,5\n")

    assert event_file.columns(path).user == ["b", "a", "late"]


def test_events_come_in_the_order_of_their_times_and_of_lines_where_those_are_equal(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "user,item,timestamp\nlate,x,9\nb,x,5\na,x,5\n")
    events = event_file.events(path)

    assert [event.user for event in events] == ["b", "a", "late"]
    assert "a.csv: 2 lines are out of order; events are taken in the order of their time" in events.remarks
    assert [event.user for event in event_file.events(path, sort=False)] == ["late", "b", "a"]


BAD = {
    "missing": "a,x",
    "type": "a,x,soon,view,1",
    "nan": "a,x,nan,view,1",
    "time": "a,x,-5,view,1",
    "size": "ä" * 200 + ",x,1,view,1",
    "utf8": "a\x01,x,1,view,1",
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_line_is_counted_by_reason_and_its_neighbours_are_unharmed(tmp_path: Path, reason: str) -> None:
    path = write(
        tmp_path / "a.csv", f"user,item,timestamp,type,value\na,x,1,view,1\n{BAD[reason]}\nb,x,2,view,1\n"
    )
    told: list[BadEvent] = []
    events = event_file.events(path, on_bad=told.append)

    assert [event.user for event in events] == ["a", "b"]
    assert events.rejected == {reason: 1}
    assert str(told[0]).startswith(f"{path}:3: ")


def test_bytes_that_are_not_utf8_are_a_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"user,item,timestamp\n\xff\xfe,x,1\nb,x,2\n")
    events = event_file.events(path)

    assert [event.user for event in events] == ["b"]
    assert events.rejected == {"utf8": 1}


def test_columns_name_the_first_bad_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "user,item,timestamp\na,x,1\nb,x,never\n")

    with pytest.raises(BadEvent, match=r"a\.csv:3: the timestamp 'never' is no number"):
        event_file.columns(path)


def test_blank_lines_and_a_byte_order_mark_are_no_events(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "\ufeffuser,item,timestamp\r\na,x,1\r\n\r\n")

    assert [(event.user, event.t) for event in event_file.events(path)] == [("a", 1000)]


def test_the_npz_of_ciao_is_sorted_and_keeps_its_own_ids(tmp_path: Path) -> None:
    path = tmp_path / "events.npz"
    np.savez(path, user=[1, 0], item=[0, 1], ts=[20, 10], user_ids=[7, 8], item_ids=[70, 80], rating=[5, 3])

    assert list(event_file.events(path)) == [
        Event(user="7", item="80", t=10_000, value=3.0),
        Event(user="8", item="70", t=20_000, value=5.0),
    ]


def test_a_folder_stands_for_its_one_event_file(tmp_path: Path) -> None:
    write(tmp_path / "items.csv", "item,title\nx,A hat\n")
    write(tmp_path / "mine.csv.gz", "user,item,timestamp\na,x,1\n")

    assert event_file.event_file(tmp_path).name == "mine.csv.gz"


def test_a_folder_with_two_event_files_asks_which(tmp_path: Path) -> None:
    write(tmp_path / "one.csv", "user,item,timestamp\n")
    write(tmp_path / "two.csv", "user,item,timestamp\n")

    with pytest.raises(BadSource, match=r"got one\.csv, two\.csv; name the file itself"):
        event_file.event_file(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("hello\nworld\n", "unknown format"),
        ("user,item,when\na,x,1\n", "no column"),
    ],
)
def test_a_file_of_another_form_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "a.csv", text)

    with pytest.raises(BadSource, match=message):
        list(event_file.events(path))


def test_a_gz_file_that_ends_early_is_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv.gz", "user,item,timestamp\n" + "".join(f"u{n},i{n * 7},{n}\n" for n in range(5_000))
    )
    path.write_bytes(path.read_bytes()[:-2_000])

    with pytest.raises(BadSource, match="damaged or ends early"):
        list(event_file.events(path))


def test_a_file_source_goes_on_from_any_offset(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "user,item,timestamp\n" + "".join(f"u{n},x,{n}\n" for n in range(10)))
    whole = FileSource(path).poll(100)
    source = FileSource(path, {0: 4})

    taken = source.poll(2) + source.poll(100)

    assert taken == whole[4:]
    assert (source.lag(), source.highs(), source.poll(1)) == (0, {0: 10}, [])


def test_a_file_source_hands_on_bad_lines_for_the_dead_letter_topic(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "user,item,timestamp\na,x,1\nbroken\nb,x,2\nworse\n")
    records = FileSource(path).poll(10)

    batch, rejected = decode_batch(records, now_ms=10_000)

    assert batch.user == ["a", "b"]
    assert [one.record.payload for one in rejected] == [b"broken", b"worse"]
    assert [record.offset for record in records] == [0, 1, 2, 3]
