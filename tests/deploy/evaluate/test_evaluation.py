"""Evaluation: the engine's backtest, the baselines' ranks, and the report others read."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deploy.config.schema import BadConfig
from deploy.evaluate import evaluation, runner, setting
from deploy.evaluate.backtest import Backtest, BacktestSettings
from deploy.evaluate.model import engine
from deploy.evaluate.protocol import split
from deploy.evaluate.setting import EvaluationSettings, Job
from state.ranking.column import USER_N
from state.ranking.sample import Sample
from stream.learning.guard import Judged
from tests.fixture.ring import evaluate, ring, write

TOP = {
    "data",
    "protocol",
    "visible",
    "learning",
    "ranked_share",
    "new_only",
    "seeds",
    "events",
    "times",
    "rows",
    "compare",
}
TOP |= {"verdict", "legend", "left_out"}
ROW = {
    *(
        "model",
        "part",
        "mrr",
        "recall",
        "precision",
        "hit",
        "ndcg",
        "seconds",
        "events_per_s",
        "peak_rss_mib",
    ),
    *("by_kind", "newcomers", "seeds", "mrr_std", "recall_std"),
}


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    return ring(tmp_path / "chain.csv", 1_600)


def run(log, name, learning="online"):
    asked = EvaluationSettings(data="", protocol="stream", visible="strict", learning=learning)
    return engine.run(log, Job(asked, "", model=name), lambda n: None)[0]


@pytest.mark.parametrize("name", setting.WITHOUT)
def test_riverwalk_ranks_without_each_of_its_parts(tmp_path: Path, name: str) -> None:
    log = split(ring(tmp_path / "e.csv", 300), "stream", None).until(1)
    ranks = run(log, name)

    assert list(ranks) == [name, *(["riverwalk-served"] if name == "riverwalk" else [])]
    for each in ranks.values():
        assert (each[log.judged] >= 1).all()
        assert np.isnan(each[log.part == 0]).all()


def test_learning_online_goes_on_where_frozen_weights_stay(chain: Path) -> None:
    log = split(chain, "stream", None)
    frozen, online = (
        run(log, "riverwalk-counted", learning)["riverwalk-counted"] for learning in ("frozen", "online")
    )
    first = int(np.flatnonzero(log.judged)[0])

    assert frozen[first] == online[first]
    assert not np.array_equal(frozen[log.part == 2], online[log.part == 2])


@pytest.mark.parametrize(("protocol", "new_only"), [("tgb", False), ("tgb", True), ("stream", False)])
def test_a_baseline_ranks_as_the_words_of_the_protocol_say(
    tmp_path: Path, protocol: str, new_only: bool
) -> None:
    chance = np.random.default_rng(7)
    events = [(f"u{chance.integers(4)}", f"i{chance.integers(9)}", float(k // 4)) for k in range(200)]
    log = split(write(tmp_path / "e.csv", events), protocol, "strict", new_only=new_only)
    ranks = runner.baseline(log, runner.MAKERS["popularity"](log))

    for i in np.flatnonzero(log.judged):
        user, item, t = log.users[i], log.items[i], log.t[i]
        earlier, mine = (log.t < t) | ((log.t == t) & (log.part < log.part[i])), log.users == user
        out = set(log.items[mine & (log.t == t) & log.judged]) if protocol == "tgb" else set()
        out |= set(log.items[mine & earlier]) if new_only else set()
        count = [int((log.items[earlier] == k).sum()) for k in range(log.n_items)]
        others = [count[k] for k in range(log.n_items) if k != item and k not in out]
        wanted = 1 + sum(c > count[item] for c in others) + sum(c == count[item] for c in others) / 2
        assert ranks[i] == wanted
    assert np.isnan(ranks[~log.judged]).all()


def test_the_report_has_the_agreed_shape(chain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = EvaluationSettings(
        data=str(chain), protocol="tgb", visible="online", models="own-recency,popularity"
    )
    evaluation.run(asked, as_json=True)
    report = json.loads(capsys.readouterr().out)

    assert set(report) == TOP
    assert report["events"] == {"train": 1120, "validation": 240, "test": 240}
    assert [(row["model"], row["part"]) for row in report["rows"]] == [
        (model, part) for model in ("own-recency", "popularity") for part in ("validation", "test")
    ]
    for row in report["rows"]:
        assert set(row) == ROW
        assert set(row["recall"]) == set(row["ndcg"]) == {"10", "20"}
        kinds = [row["by_kind"][name] for name in ("repeat", "known_user_new_item", "new_user", "new_item")]
        assert sum(kind["n"] for kind in kinds) == 240
        assert sum(kind["n"] * kind["mrr"] for kind in kinds) / 240 == pytest.approx(row["mrr"], abs=2e-5)


def test_every_model_meets_the_best_baseline_with_an_interval(chain: Path) -> None:
    report = evaluate(str(chain), models="popularity,transitions,own-recency", part="validation")
    mrr = {row["model"]: row["mrr"] for row in report["rows"]}

    assert [(pair["model"], pair["against"]) for pair in report["compare"]] == [
        ("popularity", "transitions"),
        ("own-recency", "transitions"),
    ]
    for pair in report["compare"]:
        assert pair["mrr_difference"] == pytest.approx(mrr[pair["model"]] - mrr["transitions"], abs=2e-5)
        assert pair["low"] < pair["mrr_difference"] < pair["high"] < 0
        assert pair["significant"]


def test_what_the_guard_served_is_judged_in_the_run_of_riverwalk(tmp_path: Path) -> None:
    path = str(ring(tmp_path / "e.csv", 600))
    report = evaluate(path, protocol="stream", models="riverwalk-served,riverwalk")
    served, whole = (row for row in report["rows"] if row["part"] == "validation")

    assert [row["model"] for row in (served, whole)] == ["riverwalk-served", "riverwalk"]
    assert served["seconds"] == whole["seconds"]
    assert {pair["against"] for pair in report["compare"]} == {"riverwalk"}
    assert report["learning"] == "online"


def test_a_validation_that_reads_no_test_gives_the_same_figures(chain: Path) -> None:
    both, alone = (
        evaluate(str(chain), protocol="stream", models="ease", part=part, new_only=True)
        for part in ("both", "validation")
    )
    figures = [
        [row["by_kind"] for row in report["rows"] if row["part"] == "validation"] for report in (both, alone)
    ]

    assert figures[0] == figures[1]
    assert [row["part"] for row in alone["rows"]] == ["validation"]
    assert both["events"] == alone["events"]


def test_the_engine_ranks_validation_alike_whether_a_test_follows_or_not(chain: Path) -> None:
    log = split(chain, "stream", None)
    whole, cut = (run(one, "riverwalk-counted")["riverwalk-counted"] for one in (log, log.until(1)))

    assert np.array_equal(whole[log.part == 1], cut[log.part[: cut.shape[0]] == 1])


def test_a_drawn_split_is_averaged_over_its_seeds(tmp_path: Path) -> None:
    report = evaluate(
        str(ring(tmp_path / "e.csv", 300)),
        protocol="random",
        models="popularity",
        seeds=2,
    )

    assert report["events"] == {"train": 240, "validation": 0, "test": 60}
    assert [(row["part"], row["seeds"]) for row in report["rows"]] == [("test", 2)]
    assert report["rows"][0]["mrr_std"] > 0
    assert set(report["rows"][0]["precision"]) == {"10", "20"}


def test_the_usual_models_leave_out_what_is_slow_and_an_ablation_adds_each_part() -> None:
    assert evaluation.chosen(None, False) == list(setting.MODELS)
    assert setting.PYG not in setting.MODELS
    assert evaluation.chosen("popularity", True) == ["popularity", "riverwalk", *setting.ABLATIONS]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"models": "magic"}, "magic: no such model; known: riverwalk"),
        ({"models": "popularity,edgebonk"}, "did you mean edgebank?"),
        ({"protocol": "dice"}, "dice: no such protocol"),
        ({"visible": "lag=x"}, "wanted online, strict or lag=N"),
        (
            {"learning": "frosen"},
            "--learning frosen: no such rule; known: frozen, online; did you mean frozen?",
        ),
        ({"part": "exam"}, "--part exam: no such part"),
        ({"protocol": "chronological", "new_only": True}, "--new-only: chronological ranks only what is new"),
        ({"protocol": "random", "part": "validation"}, "random has a training and a test part alone"),
        ({"data": "nowhere.csv"}, "nowhere.csv: no such file"),
    ],
)
def test_what_is_unknown_is_said_so(chain: Path, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(BadConfig, match=re.escape(says)):
        evaluate(**{"data": str(chain), **wrong})


@pytest.mark.parametrize(
    ("lines", "says"),
    [("a,b,1\n", r"e\.csv: 1 events are too few"), ("a,b,1\nx,,\n", r"e\.csv:3: the item is empty")],
)
def test_a_file_that_cannot_be_used_is_told_before_anything_runs(
    tmp_path: Path, lines: str, says: str
) -> None:
    (tmp_path / "e.csv").write_text("user,item,timestamp\n" + lines)
    with pytest.raises(BadConfig, match=says):
        evaluate(str(tmp_path / "e.csv"), models="popularity")


def test_the_command_prints_one_json_value_and_draws(chain: Path, tmp_path: Path) -> None:
    words = ["evaluate", str(chain), "--protocol", "stream", "--part", "validation", "--models", "popularity"]
    command = [sys.executable, "-P", "-m", "deploy.main", *words, "--json", "--plot", str(tmp_path / "a.svg")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout)["rows"][0]["model"] == "popularity"
    assert (tmp_path / "a.svg").read_text().count("<svg") == 1


def test_published_figures_of_edgebank_are_met() -> None:
    path = Path(os.environ.get("RIVERWALK_DATA", "../shared/data")) / "jodie-wikipedia"
    if not path.exists():
        pytest.skip(f"{path} is not here; set RIVERWALK_DATA to the folder of data sets")
    log = split(path, "tgb", "lag=200")
    test = log.judged & (log.part == 2)
    for name, published in (("edgebank", 0.495), ("edgebank-tw", 0.571)):
        ranks = runner.baseline(log, runner.MAKERS[name](log))
        assert float(np.mean(1 / ranks[test])) == pytest.approx(published, abs=0.001)


@pytest.mark.parametrize("biggest", [3, 90, 700])
def test_every_event_sees_all_earlier_stamps_and_nothing_of_its_own(tmp_path: Path, biggest: int) -> None:
    chance = np.random.default_rng(biggest)
    events, stamp = [], 0
    while len(events) < max(3_000, 10 * biggest):
        stamp += 1
        for _ in range(int(chance.integers(1, biggest + 1))):
            events.append((f"u{chance.integers(25)}", f"i{chance.integers(60)}", float(stamp)))
    log = split(write(tmp_path / "e.csv", events), "tgb", "strict")
    run = Backtest(log, BacktestSettings(without=("memory", "slow"), learn_until=-1))
    seen: list[float] = []
    step = run.learning._rank

    def noting(sample: Sample, items: int, ranked: np.ndarray | None, judge: bool) -> Judged:
        seen.extend(np.expm1(sample.x[:, 0, USER_N] * 6).tolist())
        return step(sample, items, ranked, judge)

    run.learning._rank = noting  # type: ignore[method-assign]
    run.run()
    wanted = [int(((log.users == u) & (log.t < t)).sum()) for u, t in zip(log.users, log.t, strict=True)]
    cut = np.isin(log.t, log.t[np.flatnonzero(np.diff(log.part)) + 1])  # a part's end may cut a stamp in two

    assert np.allclose(np.array(seen)[~cut], np.array(wanted)[~cut], atol=1e-3)
