"""The engine's backtest: what it learns, when its weights are frozen, and what the ranker learns from."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from deploy.evaluate.backtest import Backtest, BacktestSettings
from deploy.evaluate.model import engine
from deploy.evaluate.protocol import split
from deploy.evaluate.setting import EvaluationSettings, Job
from tests.fixture.ring import ring
from tgn.inference.layout import TgnSettings


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    return ring(tmp_path / "chain.csv", 1_600)


def test_the_engine_learns_a_certain_successor_and_the_baselines_do_not(tmp_path: Path) -> None:
    log = split(ring(tmp_path / "long.csv", 10_000), "tgb", "online")
    judged = Backtest(log, BacktestSettings(tgn=TgnSettings(dim=16), learn_until=2)).run()
    test = log.part == 2
    mrr = {name: float(np.mean(1 / getattr(judged, name)[test])) for name in judged._fields}

    assert mrr["riverwalk"] > 0.8
    assert mrr["riverwalk"] > max(mrr["popularity"], mrr["own_recency"], mrr["blend"])


def test_a_ranker_that_learns_from_no_event_ranks_as_the_blend(chain: Path) -> None:
    log = split(chain, "tgb", "online")
    asked = EvaluationSettings(data=str(chain), protocol="tgb", learning="online")
    none, some = (
        engine.run(log, Job(replace(asked, ranked_share=share), str(chain), model="riverwalk"), print)[0]
        for share in (0.0, asked.ranked_share)
    )
    blend = Backtest(log, BacktestSettings(without=("memory", "slow"), learn_until=-1)).run().blend

    assert np.array_equal(none["riverwalk"], blend, equal_nan=True)
    assert not np.array_equal(some["riverwalk"], blend, equal_nan=True)


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
