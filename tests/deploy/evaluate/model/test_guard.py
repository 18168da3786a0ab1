"""Simultaneous items of a user: out of the ranks, not out of the lessons."""

from pathlib import Path

import numpy as np
import pytest

from deploy.evaluate.backtest import Backtest, BacktestSettings
from deploy.evaluate.protocol import split
from tests.fixture.ring import write
from tgn.inference.layout import TgnSettings


@pytest.fixture
def baskets(tmp_path: Path) -> Path:
    """A log of users who take three items at each stamp."""
    chance = np.random.default_rng(3)
    events = [
        (f"u{user}", f"i{item}", float(stamp))
        for stamp in range(150)
        for user in [int(chance.integers(12))]
        for item in chance.choice(40, 3, replace=False)
    ]
    return write(tmp_path / "baskets.csv", events)


def online(path: Path, protocol: str) -> tuple[Backtest, np.ndarray]:
    run = Backtest(split(path, protocol, "strict"), BacktestSettings(tgn=TgnSettings(dim=16), learn_until=2))
    return run, run.run().riverwalk


def test_online_learning_under_tgb_leaves_the_same_weights_as_under_stream(baskets: Path) -> None:
    (tgb, ranks), (stream, others) = online(baskets, "tgb"), online(baskets, "stream")

    for name, table in tgb.generation.learned.items():
        assert table.array.tobytes() == stream.generation.learned[name].array.tobytes(), name
    judged = ~np.isnan(ranks)
    assert (ranks[judged] <= others[judged]).all()
    assert (ranks[judged] < others[judged]).any()
