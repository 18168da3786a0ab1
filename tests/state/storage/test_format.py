"""Stores of every format since the first that is kept: this version opens them, migrates them, or says what to do."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rocksdict import Options, Rdict
from structlog.testing import capture_logs

from state.error import BadStore
from state.record.setting import GraphSettings
from state.storage.database import MARKER
from state.storage.store import FORMAT, Store
from stream.answer.recommender import Recommender
from stream.answer.request import Recommend
from stream.catalogue import hiding
from stream.generation.generation import Generation
from stream.ingest.item import ItemsTopic
from tests.fixture.catalogue.shop import Topic as Items
from tests.fixture.events import StoredWriter, Topic
from tests.fixture.store import maker

FORMATS = sorted(path.name for path in maker.FOLDER.glob("format-*"))
PRESENT = f"format-{FORMAT}"
READ = ("format-3", PRESENT)  # formats that this version reads, or writes anew
REFUSED = r"format \d+, this program reads \d+; an older Riverwalk wrote it: go back to that one, or restore a backup"


def copied(name: str, folder: Path) -> Path:
    """A copy of a fixture's stores, as `folder / store` and `learned`: opening one writes into it."""
    if (maker.FOLDER / name / "learned").is_dir():
        shutil.copytree(maker.FOLDER / name / "learned", folder / "learned")
    return Path(shutil.copytree(maker.FOLDER / name / "store", folder / "store"))


def known(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((maker.FOLDER / name / "known.json").read_text())
    return found


def marked(store: Path, **said: object) -> None:
    (store / MARKER).write_text(json.dumps(said))


def numbered(store: Path, number: int) -> None:
    """Have a store say inside that it is of another format."""
    base = Store(store)
    base.note("format", number)
    base.close()


@pytest.mark.slow
def test_the_same_events_still_make_what_the_fixture_holds(tmp_path: Path) -> None:
    maker.make(tmp_path)

    assert json.loads((tmp_path / PRESENT / "known.json").read_text()) == known(PRESENT)


def test_the_present_format_has_a_fixture_and_it_is_small() -> None:
    size = sum(path.stat().st_size for path in (maker.FOLDER / PRESENT).rglob("*") if path.is_file())

    assert PRESENT in FORMATS
    assert size < 400_000


@pytest.mark.parametrize("name", FORMATS)
def test_a_store_of_an_earlier_version_is_read_whole_or_refused_with_what_to_do(
    name: str, tmp_path: Path
) -> None:
    copied(name, tmp_path)
    if name not in READ:
        with pytest.raises(BadStore, match=REFUSED):
            Store(tmp_path / "store")
        return
    writer = StoredWriter(tmp_path, Topic(), maker.LIMITS, learn=True, tgn=maker.TGN)
    told = maker.told(writer)
    writer.drop()

    assert told == known(name)


@pytest.mark.parametrize("name", READ)
def test_a_store_that_was_opened_goes_on_where_it_was(name: str, tmp_path: Path) -> None:
    """Events after its offsets count, those before do not, and neither does one that comes again with its id."""
    copied(name, tmp_path)
    before = known(name)
    topic = Topic(list(maker.events()))
    writer = StoredWriter(tmp_path, topic, maker.LIMITS, learn=True, tgn=maker.TGN)
    assert topic.next == len(topic.payloads)

    topic.payloads += [
        json.dumps(maker.AGAIN).encode(),
        json.dumps({**maker.AGAIN, "id": "order-2", "t": before["stream_time"] + 1}).encode(),
    ]
    writer.read()
    after = maker.told(writer)
    writer.close()

    assert (after["events"], after["repeated"]) == (before["events"] + 1, before["repeated"] + 1)
    assert after["events_of_u1"] == before["events_of_u1"] + 1
    again = StoredWriter(tmp_path, topic, maker.LIMITS, learn=True, tgn=maker.TGN)
    assert maker.told(again) == after
    again.drop()


@pytest.mark.parametrize("name", READ)
def test_answers_know_what_was_hidden_disliked_described_and_forgotten(name: str, tmp_path: Path) -> None:
    copied(name, tmp_path)
    writer = StoredWriter(tmp_path, Topic(), maker.LIMITS, live=True, learn=True, tgn=maker.TGN)
    one = Recommender(
        Generation(GraphSettings(), maker.TGN, maker.LIMITS, live=tmp_path / "live", write=False)
    )
    one.items.catch_up(10_000)
    everybody = set(one.recommend(Recommend("nobody", 100)).items)
    told = one.recommend(Recommend("čeněk", 100))
    row = writer.generation.items.row

    assert len(everybody) > 20
    assert not {"i5", "i6", "nobody has named it"} & everybody
    assert "i3" not in told.items
    assert "gone" not in writer.generation.users.row
    assert one.items.catalogue.get(row["i4"]) == {"category": "cup", "price": 4}
    assert writer.generation.metadata.says(row["i6"])[0] is True
    writer.drop()


@pytest.mark.parametrize("name", READ)
def test_a_hidden_item_is_shown_again_after_an_upgrade(name: str, tmp_path: Path) -> None:
    copied(name, tmp_path)
    writer = StoredWriter(tmp_path, Topic(), maker.LIMITS, tgn=maker.TGN)
    items = Items()
    items.next = 100
    items.tell(hiding.key("i6"), hiding.record(False))
    ItemsTopic(writer.writer, items, items, "items").step()
    row = writer.generation.items.row["i6"]
    writer.drop()

    assert writer.generation.metadata.says(row)[0] is False


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (FORMAT + 1, "a newer Riverwalk wrote it: update this one"),
        (FORMAT - 2, "an older Riverwalk wrote it"),
    ],
)
@pytest.mark.parametrize("where", ["beside", "inside"])
def test_another_format_is_refused_with_what_to_do_and_left_as_it_is(
    tmp_path: Path, number: int, what: str, where: str
) -> None:
    store = copied(PRESENT, tmp_path)
    if where == "beside":
        marked(store, format=number, made=True, more="that this version does not know")
    else:
        numbered(store, number)
    before = (store / MARKER).read_bytes()

    for _ in range(2):  # the refusal lets the folder go
        with pytest.raises(BadStore, match=rf"format {number}, this program reads {FORMAT}; {what}"):
            Store(store)
    assert (store / MARKER).read_bytes() == before


@pytest.mark.parametrize("name", READ)
def test_what_the_fixture_learned_is_read(tmp_path: Path, name: str) -> None:
    """Format 3 keeps it in one store with what is counted, from which it moves out."""
    copied(name, tmp_path)
    writer = StoredWriter(tmp_path, Topic(), maker.LIMITS, learn=True, tgn=maker.TGN)
    learned = writer.generation.learned
    found = {table: int(np.count_nonzero(learned[table].bytes)) for table in ("item_vector", "ranker", "net")}
    writer.drop()

    assert min(found.values()) > 0


@pytest.mark.parametrize("name", READ)
def test_a_ranker_with_more_units_begins_anew_once_and_all_else_that_was_learned_stays(
    name: str, tmp_path: Path
) -> None:
    """The fixtures' rankers have 64 units a layer, those of this version have fewer."""
    copied(name, tmp_path)
    topic, steps, renewed = Topic(list(maker.events())), list[dict[str, float]](), list[set[str]]()
    for _ in range(2):
        with capture_logs() as told:
            writer = StoredWriter(tmp_path, topic, maker.LIMITS, learn=True, tgn=maker.TGN)
        learned = writer.generation.learned
        steps.append({each: float(learned[each].array[0, -1]) for each in ("ranker_moment", "net_moment")})
        renewed.append({line["table"] for line in told if "begins anew" in line["event"]})
        end = int(known(name)["stream_time"])
        topic.payloads += [
            json.dumps({"user": f"u{n % 9}", "item": f"i{n % 20}", "t": end + n}).encode() for n in range(400)
        ]
        writer.read()
        writer.close()

    assert renewed == [{"ranker", "ranker_moment"}, set()]
    assert steps[0]["ranker_moment"] == 0 < steps[1]["ranker_moment"]
    assert 0 < steps[0]["net_moment"] < steps[1]["net_moment"]


def test_a_store_of_format_3_is_written_anew_once_however_often_that_is_killed(tmp_path: Path) -> None:
    """At every piece, and before the marker says so: what is left is opened again as if nothing had happened."""
    store = copied("format-3", tmp_path)
    for point in ("migrate:1", "migrate:5", "migrated:1"):
        code = f"from pathlib import Path\nfrom state.storage.store import Store\nStore(Path({str(store)!r}))"
        environment = {**os.environ, "RIVERWALK_CRASH": point}
        done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
        assert done.returncode == -signal.SIGKILL
        assert json.loads((store / MARKER).read_text())["format"] == 3
    writer = StoredWriter(tmp_path, Topic(), maker.LIMITS, learn=True, tgn=maker.TGN)
    told = maker.told(writer)
    writer.drop()

    assert told == known("format-3")
    assert json.loads((store / MARKER).read_text()) == {"format": FORMAT, "made": True}


def test_a_damaged_store_of_format_3_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    store = copied("format-3", tmp_path)
    options = Options(raw_mode=True)
    base = Rdict(str(store), options)
    base[b"user\0" + bytes(4)] = b"\0" * 40
    base.close()
    for _ in range(2):
        with pytest.raises(BadStore, match="is corrupt"):
            Store(store)

    assert json.loads((store / MARKER).read_text())["format"] == 3
