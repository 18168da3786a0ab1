"""Riverwalk with trust: what those whom a user trusts took is found, and only then."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deploy.compare import comparison
from deploy.compare.screen import Screen
from deploy.compare.setting import CompareSettings
from deploy.config.schema import BadConfig
from tests.fixture.ring import evaluate, write

LEADERS, ITEMS, EACH = 40, 4_000, 60


def led(folder: Path) -> Path:
    """Write a log in which leaders take items in turn, and newcomers what the leader took whom they trust."""
    chance, events = np.random.default_rng(3), []
    last = [f"i{k}" for k in range(LEADERS)]
    for k in range(LEADERS * EACH):
        leader = k % LEADERS
        events.append((f"f{k}", last[leader], float(4_000 * k + 2_000)))
        last[leader] = f"i{chance.integers(ITEMS)}"
        events.append((f"leader{leader}", last[leader], float(4_000 * k + 3_000)))
    return write(folder / "events.csv", events)


def trust(folder: Path) -> Path:
    path = folder / "trust.csv"
    path.write_text("".join(f"f{k},leader{k % LEADERS}\n" for k in range(LEADERS * EACH)))
    return path


def compare(log: Path, **asked: Any) -> dict[str, Any]:
    settings = CompareSettings(log=str(log), models="riverwalk,riverwalk-trust", **asked)
    return comparison.compare(settings, Screen(quiet=True))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_what_a_trusted_user_took_ranks_higher_and_the_verdict_says_so(tmp_path: Path) -> None:
    log = led(tmp_path)
    report = compare(log, trust=str(trust(tmp_path)))
    recall = {row["model"]: row["recall"]["10"] for row in report["rows"]}

    assert recall["riverwalk-trust"] > recall["riverwalk"] + 0.1
    assert any(one.startswith("Trust: riverwalk-trust is ") for one in report["verdict"])


def test_without_trust_it_is_left_out_with_words(tmp_path: Path) -> None:
    rows = {row["model"]: row for row in compare(led(tmp_path))["rows"]}

    assert rows["riverwalk"]["mrr"] > 0
    assert "give --trust FILE" in rows["riverwalk-trust"]["skipped"]


def test_evaluate_finds_trust_beside_the_log_and_says_where_it_lacks(tmp_path: Path) -> None:
    log = led(tmp_path)
    with pytest.raises(BadConfig, match="give --trust FILE"):
        evaluate(str(log), models="riverwalk-trust", part="validation")
    trust(tmp_path)

    assert evaluate(str(log), models="riverwalk-trust", part="validation")["rows"][0]["mrr"] > 0
