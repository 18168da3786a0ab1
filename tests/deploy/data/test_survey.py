"""The first look through a data set: what it holds, and that a file without any event is an error."""

from pathlib import Path

import pytest

from deploy.config.schema import BadConfig
from deploy.data.dataset import find
from deploy.data.survey import survey
from stream.error import BadSource


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user,item,timestamp\n", "holds no event"),
        (
            "user,item,timestamp\na,x,soon\nb,y,later\n",
            r"none of its 2 lines is an event \(2 type\); the first: .*:2: ",
        ),
        (
            '{"reviewerID":"A1","asin":"1","unixReviewTime":1252800000}\n',
            "none of its 1 lines is an event",
        ),
    ],
)
def test_a_file_without_any_event_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadSource, match=message):
        survey(find(write(tmp_path / "a.csv", text)))


def test_lines_that_are_no_events_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    found = find(write(tmp_path / "a.csv", "user,item,timestamp\na,x,5\nb\nc,y,later\n"))

    looked = survey(found)

    assert (looked.count, looked.user) == (1, "a")
    assert looked.bad.startswith(f"2 lines are no events and left out; the first: {tmp_path / 'a.csv'}:3: ")
    assert found.remarks == ("a.csv: times are seconds",)


def test_the_columns_of_a_data_set_are_chosen_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "who,sku,ts\na,x,5\n")

    assert survey(find(path, columns="user=who,t=ts:ms")).count == 1
    assert [event.t for event in find(path, columns="user=who,t=ts:ms").events()] == [5]
    with pytest.raises(BadConfig, match=r"--columns 'who': write each of user, item"):
        find(path, columns="who")
