"""What a training step learns from, and recovery from weights that are not finite."""

from functools import partial

import numpy as np

from state.ranking.column import FEATURES
from state.ranking.sample import Sample, Sampling, empty, learn
from state.ranking.sample import events as sampled
from state.record.setting import GraphSettings
from stream.generation.generation import Generation, Limits
from stream.ingest.writer import Writer
from stream.learning.learning import Learning
from stream.learning.learning import sampled as candidates
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
    assert int(generation.quality["learned"]) > 3_000
    assert np.isfinite(
        learning.ranker.score(np.zeros((1, 3, FEATURES), np.float32), np.zeros((1, 3, 6), np.float32))
    ).all()


def test_the_ranker_learns_the_same_in_a_hurried_run_which_judges_some_of_it() -> None:
    events, found = shop(2_000), []
    for hurried in (False, True):
        generation = Generation(GraphSettings(), TgnSettings(), Limits(max_users=500, max_items=300))
        writer, learning = Writer(generation, samples=256), Learning(generation, without=("memory",))
        teach = partial(learning.take, hurried=hurried)
        for at in range(0, 2_000, 100):
            writer.learn(batch(events[at : at + 100], start=at), teach)
        found.append((learning.ranker.row.copy(), generation.quality.copy()))
    (weights, quality), (other, some) = found

    assert np.array_equal(weights, other)
    assert weights.any()
    assert some["ranked"] == quality["ranked"] > 1_500
    assert 0 < some["judged"] < 0.4 * quality["judged"]


def test_what_was_shown_and_not_taken_is_learned_from_as_a_negative() -> None:
    """Two items as popular as each other; one is shown every time and never taken after it was shown."""
    generation = Generation(GraphSettings(), TgnSettings(dim=8), Limits(max_users=300, max_items=40))
    state, marks, scratch = generation.world.state, generation.world.marks, generation.world.scratch()
    state.world[0]["users"], state.world[0]["items"] = 300, 40
    events = [(u, 1 + u % 20, 0) for u in range(200)]
    events += [(5, 30, 0), (5, 7, 6), (5, 30, 6), (5, 9, 0), (5, 11, 0)]  # item 7 shown, 30 shown, 9 taken
    user, item, kind = (np.array(column) for column in zip(*events, strict=True))
    sample = empty(2)
    pick = np.full(len(events), -1, np.int32)
    pick[-2:] = 0, 1
    t = np.arange(len(events)) * 1_000
    learn(
        state,
        marks,
        scratch,
        sampled(user, item, t, kind, pick=pick),
        Sampling(own=False, train=True),
        sample,
    )
    shown = [set(sample.cand[s][sample.shown[s] > 0].tolist()) for s in range(2)]
    one = Sample(*(column[:1] for column in sample))
    order, weight = candidates(
        np.random.default_rng(0), one, np.arange(sample.cand.shape[1])[None] < one.n[:, None], 40
    )

    assert shown == [{7}, set()]  # 30 is the user's own, and what was shown before the last taking is over
    assert one.cand[0, order[0, 0]] == 9
    assert one.cand[0, order[0, 1]] == 7
    assert weight[0, 1] == 0.0
