"""The guard: the answer is never worse than the best simple order."""

import json

import numpy as np
import pytest

from state.ranking.sample import empty
from state.record.setting import GraphSettings
from stream.generation.generation import Generation, Limits
from stream.generation.status import QUALITY, RANKERS
from stream.ingest.writer import Writer
from stream.learning import guard
from stream.learning.guard import Guard, Judged, ranks
from stream.learning.learning import Learning
from tests.fixture.pair import batch, shop
from tgn.inference.layout import TgnSettings


def test_tied_scores_share_their_places_and_what_is_not_found_comes_last() -> None:
    sample = empty(4)
    sample.found[:], sample.n[:] = 3, 3
    sample.label[:] = [0, 2, -1, 1]
    sample.better[:] = [0, 0, 5, 0]
    sample.equal[:] = [0, 0, 2, 0]
    score = np.array([[1, 1, 0, 9], [3, 2, 1, 9], [1, 1, 1, 9], [1, np.nan, 0, 9]], np.float32)

    assert ranks(score, sample, 4).tolist() == [1.5, 3.0, 10.0, 3.0]


@pytest.mark.parametrize("poison", ["nan", "nonsense"])
def test_poisoned_weights_do_not_serve(poison: str) -> None:
    generation = Generation(GraphSettings(), TgnSettings(), Limits(max_users=500, max_items=300))
    writer = Writer(generation, samples=256)
    learning = Learning(generation, learn=False, without=("memory", "slow"))
    row = generation.learned["ranker"].array[0]
    row[:] = np.nan if poison == "nan" else np.random.default_rng(0).normal(0, 30, row.shape)
    learning.ranker.load()
    events = shop(3_000)
    for at in range(0, 3_000, 100):
        writer.learn(batch(events[at : at + 100], start=at), learning.take)

    assert RANKERS[int(generation.quality["serving"])] != "riverwalk"
    assert np.isfinite(generation.quality["mrr"]).all()


def test_a_ranker_serves_once_it_is_ahead_by_the_margin_and_the_learned_one_as_soon_as_it_is_best() -> None:
    status = np.zeros(1, QUALITY)[0]
    guard = Guard(status)

    def note(learned: float, popularity: float, times: int = 10) -> str:
        for _ in range(times):
            rank = {"riverwalk": learned, "blend": 90.0, "own_recency": 90.0, "popularity": popularity}
            guard.note(Judged(**{name: np.full(100, rank.get(name, 1.0)) for name in Judged._fields}))
        return RANKERS[int(status["serving"])]

    assert note(2.0, 1.0, times=4) == "riverwalk", "400 events are too few to judge by"
    assert note(2.0, 1.0, times=1) == "popularity"
    assert note(1.0, 1.0, times=20) == "popularity", "it was behind, and is so still"
    assert note(1.0, 2.0, times=20) == "riverwalk"
    assert note(1.0, 1.0, times=200) == "riverwalk"
    assert note(1.001, 1.0, times=200) == "riverwalk", "within the margin"


def test_what_decides_who_serves_comes_back() -> None:
    status, again = (np.zeros(1, QUALITY)[0] for _ in range(2))
    status["serving"], status["learned"], status["judged"] = 3, 1_234, 777
    status["mrr"], status["recall10"] = [0.1, 0.2, 1 / 3, 0.554], [0.2, 0.3, 0.4, 0.7]
    (key, kept), *_ = guard.record(status).items()
    assert key == b"meta\0guard"
    guard.restore(again, json.loads(kept or b""))

    assert again == status
    for strange in (None, {}, {"serving": 9}, {**json.loads(kept or b""), "serving": 9}):
        fresh = np.zeros(1, QUALITY)[0]
        guard.restore(fresh, strange)
        assert not fresh["judged"]
