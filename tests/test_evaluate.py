"""Evaluation: splits, visibility, the engine's backtest, and the report others read."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from deploy import evaluate, judge
from deploy.config import BadConfig
from deploy.protocol import split
from state.feature import NAMES
from state.sample import Sample
from stream.backtest import Backtest, BacktestSettings
from stream.learning import Judged
from tgn.layout import TgnSettings


def write(path: Path, events: list[tuple[str, str, float]]) -> Path:
    path.write_text("user,item,timestamp\n" + "".join(f"{u},{i},{t}\n" for u, i, t in events))
    return path


def ring(path: Path, turns: int) -> Path:
    """Users who walk along a ring of items, each step to the next one: the successor is certain."""
    chance = np.random.default_rng(0)
    at = {f"u{k}": int(chance.integers(30)) for k in range(40)}
    events = []
    for turn in range(turns):
        user = f"u{chance.integers(40)}"
        at[user] = (at[user] + 1) % 30
        events.append((user, f"i{at[user]}", float(turn)))
    return write(path, events)


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    return ring(tmp_path / "chain.csv", 1_600)


def test_parts_and_groups_of_the_benchmark_protocol(chain: Path) -> None:
    log = split(chain, "tgb", "online")

    assert np.bincount(log.part).tolist() == [1120, 240, 240]
    assert log.groups.shape[0] == 1_600
    assert log.judged.sum() == 480
    assert not log.exclude_seen


def test_a_lag_groups_events_inside_each_part(chain: Path) -> None:
    log = split(chain, "tgb", "lag=200")

    assert log.groups.tolist() == [0, 200, 400, 600, 800, 1000, 1120, 1320, 1360, 1560]


def test_strict_visibility_keeps_one_stamp_together(tmp_path: Path) -> None:
    events = [(f"u{k}", f"i{k % 3}", float(k // 4)) for k in range(40)]
    log = split(write(tmp_path / "e.csv", events), "chronological", None)

    assert log.groups.tolist() == list(range(0, 40, 4))
    assert log.exclude_seen


def test_only_new_pairs_count_where_seen_items_do_not_compete(tmp_path: Path) -> None:
    events = [("a", "x", float(k)) for k in range(18)] + [("a", "y", 18.0), ("a", "x", 19.0)]
    log = split(write(tmp_path / "e.csv", events), "chronological", None)

    assert np.flatnonzero(log.judged).tolist() == [18]


def test_the_engine_learns_a_certain_successor_and_the_baselines_do_not(tmp_path: Path) -> None:
    log = split(ring(tmp_path / "long.csv", 10_000), "tgb", "online")
    judged = Backtest(log, BacktestSettings(tgn=TgnSettings(dim=16), learn_until=2)).run()
    test = log.part == 2
    mrr = {name: float(np.mean(1 / getattr(judged, name)[test])) for name in judged._fields}

    assert mrr["riverwalk"] > 0.8
    assert mrr["riverwalk"] > max(mrr["popularity"], mrr["own_recency"], mrr["blend"])


def test_weights_are_frozen_after_training_and_state_is_not(chain: Path) -> None:
    log = split(chain, "tgb", "online")
    run = Backtest(log, BacktestSettings(tgn=TgnSettings(dim=16)))
    run.run()
    steps = float(run.generation.learned["ranker_moment"].array[0][-1])
    longer = Backtest(log, BacktestSettings(tgn=TgnSettings(dim=16), learn_until=2))
    longer.run()

    assert 0 < steps < float(longer.generation.learned["ranker_moment"].array[0][-1])
    assert int(run.world.state.world[0]["events"]) == 1_600


def test_the_same_seed_gives_the_same_ranks(chain: Path) -> None:
    log = split(chain, "tgb", "online")
    runs = [
        Backtest(log, BacktestSettings(tgn=TgnSettings(dim=16), seed=3)).run().riverwalk for _ in range(2)
    ]

    assert np.array_equal(runs[0], runs[1], equal_nan=True)


def test_the_report_has_the_agreed_shape(chain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate.run(str(chain), protocol="tgb", visible="online", models="own-recency,blend", as_json=True)
    report = json.loads(capsys.readouterr().out)

    assert set(report) == {"data", "protocol", "visible", "events", "rows"}
    assert report["events"] == {"train": 1120, "validation": 240, "test": 240}
    assert [(row["model"], row["part"]) for row in report["rows"]] == [
        (model, part) for model in ("own-recency", "blend") for part in ("validation", "test")
    ]
    for row in report["rows"]:
        assert set(row) == {
            "model",
            "part",
            "mrr",
            "recall",
            "ndcg",
            "seconds",
            "events_per_s",
            "peak_rss_mib",
        }
        assert set(row["recall"]) == set(row["ndcg"]) == {"10", "20"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"models": "magic"}, "magic: no such model; known: riverwalk"),
        ({"protocol": "dice"}, "dice: no such protocol"),
        ({"visible": "lag=x"}, "wanted online, strict or lag=N"),
    ],
)
def test_what_is_unknown_is_said_so(chain: Path, wrong: dict[str, str], says: str) -> None:
    with pytest.raises(BadConfig, match=says):
        evaluate.evaluate(str(chain), quiet=True, **{"protocol": "tgb", **wrong})


def test_published_figures_of_edgebank_are_met() -> None:
    path = Path(os.environ.get("RIVERWALK_DATA", "../shared/data")) / "jodie-wikipedia"
    if not path.exists():
        pytest.skip(f"{path} is not here; set RIVERWALK_DATA to the folder of data sets")
    log = split(path, "tgb", "lag=200")
    test = log.judged & (log.part == 2)
    for name, published in (("edgebank", 0.495), ("edgebank-tw", 0.571)):
        ranks = judge.baseline(log, judge.BASELINES[name](log))
        assert float(np.mean(1 / ranks[test])) == pytest.approx(published, abs=0.001)


@pytest.mark.parametrize("biggest", [3, 90, 700])
def test_every_event_sees_all_earlier_stamps_and_nothing_of_its_own(tmp_path: Path, biggest: int) -> None:
    chance = np.random.default_rng(biggest)
    events, stamp = [], 0
    while len(events) < 3_000:
        stamp += 1
        for _ in range(int(chance.integers(1, biggest + 1))):
            events.append((f"u{chance.integers(25)}", f"i{chance.integers(60)}", float(stamp)))
    log = split(write(tmp_path / "e.csv", events), "tgb", "strict")
    run = Backtest(log, BacktestSettings(temporal=False, learn_until=-1))
    seen: list[float] = []
    step = run.learning._step

    def noting(sample: Sample, items: int) -> Judged:
        seen.extend(np.expm1(sample.x[:, 0, NAMES.index("user_n")] * 6).tolist())
        return step(sample, items)

    run.learning._step = noting  # type: ignore[method-assign]
    run.run()
    wanted = [int(((log.users == u) & (log.t < t)).sum()) for u, t in zip(log.users, log.t, strict=True)]
    cut = np.isin(log.t, log.t[np.flatnonzero(np.diff(log.part)) + 1])  # a part's end may cut a stamp in two

    assert np.allclose(np.array(seen)[~cut], np.array(wanted)[~cut], atol=1e-3)
