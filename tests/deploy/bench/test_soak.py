"""The soak: what it measures of a short run, and what it calls growth."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from deploy.bench import soak
from deploy.bench.bench import run
from deploy.config.schema import BadConfig, Config, State
from deploy.main import app


@pytest.fixture(autouse=True)
def logging() -> Iterator[None]:
    """What a command set up to report to does not outlive its test."""
    yield
    structlog.reset_defaults()


def samples(*values: float) -> list[dict[str, float]]:
    return [{"shared_mib": value} for value in values]


def test_a_short_run_fills_its_budget_and_a_restart_finds_the_same(tmp_path: Path) -> None:
    config = Config(state=State(folder=str(tmp_path)))
    found = run("soak", config, sizes={"events": 24_000, "users": 4_000, "budget": 800})
    marks = found["samples"]

    assert found["restart_same"]
    assert found["users_let_go"] > 1_000
    assert found["items_let_go"] > 100
    assert len(marks) == soak.MARKS
    assert marks[-1]["events"] == found["events"] == 24_000
    assert max(mark["users"] for mark in marks) <= 800
    assert all(mark["shared_mib"] > 0 and mark["disk_mib"] > 0 and mark["resident_mib"] > 0 for mark in marks)
    assert found["flat"] == all(one <= soak.GROWTH for one in found["growth"].values())


@pytest.mark.parametrize(
    ("values", "grown"),
    [
        ([10.0, 50.0, 300.0, 400.0, 400.0, 401.0, 399.0, 402.0], 0.0),
        ([10.0, 300.0, 350.0, 400.0, 380.0, 400.0, 406.0, 404.0], 0.0),  # some MiB are none
        ([100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0], (800 - 600 - soak.SLACK_MIB) / 600),
    ],
)
def test_growth_is_what_the_last_quarter_takes_more_than_the_one_before(
    values: list[float], grown: float
) -> None:
    assert soak.growth(samples(*values), "shared_mib") == pytest.approx(grown, abs=1e-4)


def test_a_budget_that_is_not_filled_in_time_is_refused() -> None:
    with pytest.raises(BadConfig, match=r"users do not fill a budget .* at least 3,000"):
        run("soak", Config(), sizes={"users": 2_000, "budget": 1_000})


def test_only_soak_is_told_how_much() -> None:
    with pytest.raises(BadConfig, match="soak and fidelity"):
        run("walk", Config(), sizes={"events": 2_000})


def test_memory_that_grows_is_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "GROWTH", -1.0)  # nothing is flat
    done = CliRunner().invoke(
        app, ["bench", "soak", "--events", "2000", "--users", "900", "--budget", "300", "--json"]
    )

    assert done.exit_code == 1
    assert json.loads(done.stdout.splitlines()[-1])["flat"] is False
