"""`riverwalk compare`: the report others read, runs that are kept, and what is refused."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deploy.compare import comparison
from deploy.compare.screen import Screen
from deploy.compare.setting import CompareSettings
from deploy.config.schema import BadConfig
from tests.fixture.ring import ring, write

TOP = {"data", "protocol", "visible", "seeds", "rows", "verdict"}
ROW = {
    *("model", "family", "part", "mrr", "recall", "precision", "ndcg", "hit", "train_s", "query_ms"),
    *("peak_rss_mib", "bytes", "cold_users", "cold_items", "skipped"),
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own; compiled kernels stay where they are."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/riverwalk/compare"


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    return ring(tmp_path / "chain.csv", 1_600)


def compare(log: Path, **asked: Any) -> dict[str, Any]:
    return comparison.compare(CompareSettings(log=str(log), **asked), Screen(quiet=True))


def test_the_report_has_the_agreed_shape_and_nothing_runs_twice(chain: Path, cache: Path) -> None:
    report = compare(chain, models="popularity,transitions,social-gcn")

    assert report.keys() >= TOP
    rows = {row["model"]: row for row in report["rows"]}
    assert list(rows) == ["popularity", "transitions", "social-gcn"]
    for row in rows.values():
        assert row.keys() >= ROW
        assert row["recall"].keys() == row["precision"].keys() == row["hit"].keys() == {"10", "20"}
    assert "give --trust FILE" in rows["social-gcn"]["skipped"]
    assert rows["social-gcn"]["mrr"] is None
    assert rows["transitions"]["mrr"] > rows["popularity"]["mrr"] > 0
    assert rows["transitions"]["recall"]["10"] == rows["transitions"]["hit"]["10"]
    assert rows["transitions"]["cold_users"].keys() == {"how", "n", "mrr", "recall"}
    assert any("transitions" in sentence for sentence in report["verdict"])
    times = {path.name: path.stat().st_mtime_ns for path in cache.glob("*.json") if path.name != "pace.json"}
    assert len(times) == 2
    again = compare(chain, models="popularity,transitions")
    assert again["rows"] == report["rows"][:2]
    assert times == {
        path.name: path.stat().st_mtime_ns for path in cache.glob("*.json") if path.name != "pace.json"
    }


@pytest.mark.slow
def test_one_fit_gives_a_frozen_row_and_a_live_one_and_a_report_with_pictures(
    chain: Path, tmp_path: Path
) -> None:
    words = ["compare", str(chain), "--models", "popularity,lightgcn,riverwalk-counted", "--json"]
    command = [sys.executable, "-P", "-m", "deploy.main", *words, "--report", str(tmp_path / "report")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = {row["model"]: row for row in json.loads(done.stdout)["rows"]}

    assert list(rows) == ["popularity", "lightgcn", "lightgcn-live", "riverwalk-counted"]
    assert rows["lightgcn"]["train_s"] == rows["lightgcn-live"]["train_s"] > 0
    assert all(row["query_ms"] > 0 and row["bytes"] > 0 for row in rows.values())
    text = (tmp_path / "report/report.md").read_text()
    for name in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (tmp_path / "report" / name).read_bytes().startswith(b"\x89PNG")
    assert {"quality.png", "curves.png", "layers.png"} <= {
        path.name for path in (tmp_path / "report").iterdir()
    }
    assert (tmp_path / "report/rows.csv").read_text().count("\n") == 5


def test_what_no_split_has_later_events_for_has_one_row(chain: Path) -> None:
    report = compare(chain, models="popularity,popularity-frozen,own-recency", protocol="random", seeds=2)
    rows = {row["model"]: row for row in report["rows"]}

    assert rows["popularity"]["seeds"] == 2
    assert rows["popularity"]["precision"]["20"] > 0
    assert "a random split has no later events" in rows["popularity-frozen"]["skipped"]
    assert "do not compete" in rows["own-recency"]["skipped"]


def test_a_quick_look_takes_a_part_of_the_users_with_all_their_events(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    events = [(f"u{chance.integers(2_000)}", f"i{chance.integers(50)}", float(k)) for k in range(40_000)]
    report = compare(write(tmp_path / "e.csv", events), models="popularity", quick=True)

    assert report["share"] == 0.5
    assert 900 < report["users"] < 1_100
    assert report["judged"] <= 3_000


def test_a_budget_that_is_spent_leaves_the_rest_out(chain: Path) -> None:
    report = compare(chain, models="popularity,pyg-tgn,gat,ngcf,lightgcn", budget="1s")
    said = {row["model"]: row["skipped"] for row in report["rows"]}

    assert said["popularity"] is None
    assert any("budget" in why for why in said.values() if why)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"models": "lightgnc"}, "--models lightgnc: no such model; known: riverwalk"),
        ({"models": "lightgnc"}, "did you mean lightgcn?"),
        ({"models": ","}, "no name in it"),
        ({"ladder": "long"}, "--ladder long: no such ladder; known: short, full"),
        ({"models": "ease", "ladder": "short"}, "--models and --ladder"),
        ({"protocol": "dice"}, "dice: no such protocol"),
        ({"budget": "soon"}, "--budget soon: no span of time"),
        ({"models": "edgebank", "new_only": True}, "--models edgebank: it ranks items the user had"),
        ({"items": "nowhere.csv"}, "--items nowhere.csv: no such file"),
        ({"trust": "nowhere.csv"}, "--trust nowhere.csv: no such file"),
    ],
)
def test_what_is_unknown_is_said_so(chain: Path, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(BadConfig, match=re.escape(says)):
        compare(chain, **wrong)


def log_of(path: Path, events: list[tuple[str, str, float]]) -> Path:
    return write(path / "e.csv", events)


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([("a", "x", 1.0)], "1 events are too few"),
        ([("a", f"i{k}", float(k)) for k in range(40)], "one user alone"),
        ([(f"u{k}", "x", float(k)) for k in range(40)], "one item alone"),
        ([(f"u{k}", f"i{k % 7}", 5.0) for k in range(40)], "share a stamp"),
    ],
)
def test_a_log_on_which_models_cannot_differ_is_refused(
    tmp_path: Path, events: list[tuple[str, str, float]], says: str
) -> None:
    with pytest.raises(BadConfig, match=says):
        compare(log_of(tmp_path, events))


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ("items", "item,category\nnobody,a\n", "none of its 1 ids is an item of the log: it has 'nobody'"),
        ("users", "id,age\nnobody,3\n", "none of its 1 ids is a user of the log"),
        ("trust", "user,trusts\nx,y\n", "no two of its users are in the log"),
        ("trust", "", "it is empty"),
        ("items", "", "is empty"),
    ],
)
def test_a_file_that_names_nobody_is_refused(
    chain: Path, tmp_path: Path, option: str, text: str, says: str
) -> None:
    (tmp_path / "more.csv").write_text(text)
    with pytest.raises(BadConfig, match=re.escape(says)):
        compare(chain, **{option: str(tmp_path / "more.csv")})


def test_a_model_that_fails_leaves_the_others(
    chain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "broken/torch"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('no torch today')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'broken'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    report = compare(chain, models="popularity,riverwalk-counted")
    said = {row["model"]: row["skipped"] for row in report["rows"]}

    assert said["popularity"] is None
    assert "no torch today" in said["riverwalk-counted"]
