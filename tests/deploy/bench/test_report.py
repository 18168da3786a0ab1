"""The report of all benches: what a tiny plan measures and writes, and how parts are left out."""

import json
from pathlib import Path

import pytest

from deploy.bench.bench import run as bench
from deploy.bench.report import page, report
from deploy.bench.report.plan import FULL, QUICK, Plan
from deploy.bench.throughput import costs
from deploy.config.schema import BadConfig, Config, Learn

TINY = Plan(
    backlog=0, lesson=False, served=0, users=(200, 400), items=(300, 600), history=(1, 20), k=(5, 10),
    requests=20, rows=500,
)  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report")
    report.run(Config(learn=Learn(save_seconds=7.0)), TINY, str(place))
    return place


def test_every_figure_of_a_plan_is_in_the_json(written: Path) -> None:
    found = json.loads((written / "figures.json").read_text())

    for name in ("users", "items", "history", "k"):
        assert [row[name] for row in found[name]] == list(getattr(TINY, name))
        assert {row["ranker"] for row in found[name]} == {"riverwalk"}
        assert all(0 < row["p50_us"] <= row["p99_us"] for row in found[name])
    assert 300 < found["bytes"]["bytes_an_active_user"] < 30_000
    assert 50 < found["bytes"]["bytes_an_item"] < 30_000
    assert {"cpu", "cores", "memory_gib", "version", "python"} <= found["machine"].keys()
    assert len(found["load_before"]) == len(found["load_after"]) == 3
    assert found["left_out"] == {}
    assert found["seconds_by_part"].keys() == TINY.minutes().keys()


def test_the_report_names_the_machine_and_the_settings_and_has_a_table_a_size(written: Path) -> None:
    text = (written / "report.md").read_text()
    found = json.loads((written / "figures.json").read_text())

    assert found["machine"]["cpu"] in text
    assert "`learn.save_seconds = 7.0`" in text
    assert text.count("| p50 µs | p99 µs |") == len(page.SWEEPS)
    assert (written / "report.png").read_bytes().startswith(b"\x89PNG")


def test_a_part_that_cannot_be_measured_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no redis-benchmark
    only = Plan(backlog=0, lesson=False, served=1_000, users=(), items=(), history=(), k=(), rows=0)
    found = report.run(Config(), only, str(tmp_path / "report"))

    assert list(found["left_out"]) == ["readers"]
    assert "redis-benchmark is missing" in (tmp_path / "report" / "report.md").read_text()


def test_steps_and_what_is_left_add_up_to_the_time_of_an_event() -> None:
    found = costs({"ids": 0.2, "state": 0.5, "store": 0.1, "save": 3.0}, 100_000, 50_000)
    steps = found["us_per_event_by_step"]

    assert found["us_per_event"] == 20.0
    assert steps["state_and_describe"] == 5.0
    assert steps["poll_decode_and_rest"] == 12.0
    assert sum(steps.values()) == pytest.approx(20.0)
    assert found["us_per_event_beside"] == {"write": 30.0}


def test_plans_keep_to_their_minutes() -> None:
    assert sum(FULL.minutes().values()) < 10
    assert sum(QUICK.minutes().values()) < 2
    assert TINY.minutes().keys() == {"bytes", "users and items", "history and k"}


def test_only_all_writes_a_report() -> None:
    with pytest.raises(BadConfig, match="only all"):
        bench("walk", Config(), quick=True)


def test_a_report_needs_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BadConfig, match="name another folder"):
        bench("all", Config(), report=str(tmp_path / "file"))
