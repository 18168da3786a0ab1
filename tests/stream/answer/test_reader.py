"""Readers: they load no torch, and move to a new generation when there is one."""

import subprocess
import sys
from pathlib import Path

import pytest

from state.record.setting import GraphSettings
from stream.answer.reader import Reader
from stream.answer.request import Recommend, Similar, Trending
from stream.catalogue.filter import parse
from stream.error import BadFilter, BadRequest
from stream.generation.generation import Generation, current
from tests.fixture.pair import LIMITS, Pair
from tgn.inference.layout import TgnSettings

SERVE = """
import sys
from pathlib import Path
from state.record.setting import GraphSettings
from stream.generation.generation import Limits
from stream.answer.reader import Reader
from stream import server, metric
import stream.http.connection, stream.kafka.source
from tgn.inference.layout import TgnSettings
import deploy.service.ingest, deploy.service.worker
reader = Reader(GraphSettings(), TgnSettings(), Limits(max_users=500, max_items=300), Path(sys.argv[1]))
reader.recommender.warm()
print(reader.info()["users"], [name for name in sys.modules if name.split(".")[0] in ("torch", "torch_geometric")])
"""


def reader(folder: Path) -> Reader:
    return Reader(GraphSettings(), TgnSettings(), LIMITS, folder, version="1")


def test_a_reader_process_has_not_loaded_torch(tmp_path: Path) -> None:
    Pair(tmp_path).learn([("ann", "tea", 1), ("bob", "cup", 2)])
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert done.stdout.splitlines()[-1:] == ["2 []"], done.stderr


def test_names_learned_after_the_start_are_known(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    one = reader(tmp_path)
    pair.learn([("ann", "tea", 1), ("ann", "cup", 2), ("bob", "tea", 3)])

    assert one.recommend(Recommend("bob", 1)).items == ["cup"]
    assert one.similar(Similar("tea", 5)).items == ["cup"]
    assert one.applied(0) == 3
    told = one.info()
    assert told["applied_events"] == 3
    assert sum(float(told[name]) for name in told if name.startswith("source_")) == pytest.approx(1, abs=0.01)


def test_an_unknown_item_says_what_was_wanted(tmp_path: Path) -> None:
    Pair(tmp_path)

    with pytest.raises(BadRequest, match="'nothing' is not known; wanted an item"):
        reader(tmp_path).similar(Similar("nothing", 3))


def test_before_the_first_generation_a_reader_says_so(tmp_path: Path) -> None:
    one = reader(tmp_path)

    assert one.ready() == (False, "the state is being loaded")
    with pytest.raises(BadRequest, match="being loaded"):
        one.recommend(Recommend("ann"))


def test_a_new_generation_takes_over_and_the_old_files_go(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.learn([("ann", "tea", 1)])
    one = reader(tmp_path)
    second = Generation(GraphSettings(), TgnSettings(), LIMITS, live=tmp_path, number=current(tmp_path) + 1)
    one.tick()
    assert one.info()["generation"] == 1
    second.publish()
    assert one.recommend(Recommend("bob", 1)).items == ["tea"]
    one.tick()

    assert one.info()["generation"] == 2
    assert not (tmp_path / "1").exists()


def test_explain_tells_the_features_of_a_candidate(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.learn([("ann", "tea", 1), ("ann", "cup", 2), ("bob", "tea", 3)])
    told = reader(tmp_path).explain("bob", "cup")

    assert told["reason"] == "because you viewed tea just now: often taken right after it"
    assert told["rank"].isdigit()
    assert float(told["push"]) > 0


def test_a_filter_on_a_field_no_item_has_is_refused_whatever_is_asked(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    pair.learn([("ann", "tea", 1), ("bob", "cup", 2)])
    one, wrong = reader(tmp_path), parse("prise < 5")
    generation = pair.writer.generation
    generation.metadata.put(generation.items.row["cup"], b'{"price": 4}', False)
    for ask in (
        lambda: one.recommend(Recommend("ann", 3, filter=wrong)),
        lambda: one.recommend(Recommend("", 3, visited=["tea"], filter=wrong)),
        lambda: one.similar(Similar("tea", 3, filter=wrong)),
        lambda: one.trending(Trending(3, filter=wrong)),
        lambda: one.explain("ann", "cup", wrong),
    ):
        with pytest.raises(BadFilter, match='no item has a field "prise"; the nearest is "price"'):
            ask()
    assert one.recommend(Recommend("ann", 3, filter=parse("price < 5"))).items == ["cup"]
