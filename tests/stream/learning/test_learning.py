"""The learned side recovers from weights that are not finite."""

import numpy as np

from state.ranking.column import FEATURES
from state.record.setting import GraphSettings
from stream.generation.generation import Generation, Limits
from stream.ingest.writer import Writer
from stream.learning.learning import Learning
from tests.fixture.pair import batch, shop
from tgn.inference.layout import TgnSettings


def test_weights_that_are_not_finite_start_afresh_and_recover() -> None:
    generation = Generation(GraphSettings(), TgnSettings(), Limits(max_users=500, max_items=300))
    writer = Writer(generation, samples=256)
    learning = Learning(generation, without=("memory", "slow"))
    generation.learned["ranker"].array[0][:] = np.nan
    learning.ranker.load()
    events = shop(4_000)
    for at in range(0, 4_000, 100):
        writer.learn(batch(events[at : at + 100], start=at), learning.take)

    assert np.isfinite(generation.learned["ranker"].array[0]).all()
    assert int(generation.status["learned"]) > 3_000
    assert np.isfinite(
        learning.ranker.score(np.zeros((1, 3, FEATURES), np.float32), np.zeros((1, 3, 6), np.float32))
    ).all()
