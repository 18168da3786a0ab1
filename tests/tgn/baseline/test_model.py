"""One suite that every fitted model passes, on a log of groups: what to recommend can be said aloud."""

import subprocess
import sys
import time
from functools import cache

import numpy as np
import pytest
import torch

from tests.fixture.block import EMPTY, GROUPS, blocks, own, within, without
from tgn.baseline.contract import Fitted, Training
from tgn.baseline.fitting.registry import MODELS

torch.set_num_threads(1)  # as the program does: products are small

every = pytest.mark.parametrize("name", MODELS)
COLD_USERS, COLD_ITEMS = [0, 1, 2, 3], [8, 9]
LATER = 10**12


def told(training: Training) -> Training:
    """The log with all that a model may need beside events: friends are of one group; columns and kinds tell little."""
    rng = np.random.default_rng(0)
    friends = np.arange(training.n_users)
    return training._replace(
        held_users=EMPTY,
        held_items=EMPTY,
        trust=np.stack([friends, (friends + GROUPS) % training.n_users]).astype(np.int32),
        user_columns=rng.normal(size=(training.n_users, 2)).astype(np.float32),
        item_columns=rng.normal(size=(training.n_items, 2)).astype(np.float32),
        item_kinds={"shelf": rng.integers(-1, 3, training.n_items).astype(np.int32)},
    )


def fit(name: str, training: Training, seed: int = 0, seconds: float = 60.0) -> Fitted:
    return MODELS[name]().fit(training, seed, lambda share: None, within(seconds))


LOG = without(blocks(), COLD_USERS, COLD_ITEMS)
BARE = LOG._replace(held_users=EMPTY, held_items=EMPTY)


@cache
def fitted(name: str) -> Fitted:
    """The model fitted on events alone where it can be, on all that is known where it cannot."""
    return fit(name, told(LOG) if MODELS[name]().needs else BARE)


@every
def test_its_name_is_the_one_it_is_asked_by(name: str) -> None:
    assert MODELS[name]().name == name
    assert fitted(name).frozen().name == name


@every
def test_it_gives_one_finite_number_an_item_also_to_strangers(name: str) -> None:
    model = fitted(name)
    live = model.live()
    for one in (model.frozen(), *([live] if live is not None else [])):
        for user in (0, 5, 40, LOG.n_users + 3):
            score = one.score(user, LATER)

            assert score.shape == (LOG.n_items,)
            assert score.dtype == np.float64
            assert np.isfinite(score).all()


@every
def test_it_finds_what_a_users_group_takes(name: str) -> None:
    """Popularity puts a quarter of a group's items first: every group is as large as another."""
    frozen = fitted(name).frozen()
    found = [own(frozen.score(user, LATER), user % GROUPS) for user in range(4, LOG.n_users)]

    assert np.mean(found) > 0.6


@every
def test_the_same_seed_gives_the_same_scores(name: str) -> None:
    training = told(LOG) if MODELS[name]().needs else BARE
    again = fit(name, training).frozen()

    for user in (0, 7):
        np.testing.assert_array_equal(again.score(user, LATER), fitted(name).frozen().score(user, LATER))


@every
def test_asking_changes_nothing(name: str) -> None:
    model = fitted(name)
    live = model.live()
    for one in (model.frozen(), *([live] if live is not None else [])):
        first = one.score(7, LATER).copy()
        one.score(9, LATER)
        one.score(LOG.n_users + 1, LATER)

        np.testing.assert_array_equal(one.score(7, LATER), first)


@every
def test_frozen_it_learns_nothing(name: str) -> None:
    frozen = fitted(name).frozen()
    first = frozen.score(0, LATER).copy()
    for item in (1, 5, 8):
        frozen.learn(0, item, LATER)

    np.testing.assert_array_equal(frozen.score(0, LATER), first)


@every
def test_an_item_without_events_stands_last_where_nothing_tells_of_it(name: str) -> None:
    model = fitted(name)
    if model.cold_items != "features":
        score = model.frozen().score(7, LATER)

        assert (score[COLD_ITEMS] == score.min()).all()


@every
def test_a_live_newcomer_is_scored_by_what_they_take(name: str) -> None:
    model = fitted(name)
    live = model.live()
    if model.cold_users == "cannot":
        assert live is None
        return
    if live is None:
        assert model.cold_users == "features"
        return
    for item in (6, 10, 14, 18, 22):
        live.learn(0, item, LATER)

    assert own(live.score(0, LATER), 2) > 0.6


@every
def test_a_live_item_without_events_is_scored_by_who_takes_it(name: str) -> None:
    model = fitted(name)
    live = model.live()
    if live is None or model.cold_items != "neighbours":
        return
    before = np.mean([np.sum(live.score(user, LATER) > live.score(user, LATER)[9]) for user in (5, 9, 13)])
    for user in (21, 25, 29, 33, 37):
        live.learn(user, 9, LATER)
    after = np.mean([np.sum(live.score(user, LATER) > live.score(user, LATER)[9]) for user in (5, 9, 13)])

    assert after < before / 2


@every
def test_its_curve_goes_up_to_its_best_and_its_cost_is_told(name: str) -> None:
    model = fitted(name)

    assert model.bytes > 0
    epochs = [point.epoch for point in model.curve]
    assert epochs == sorted(set(epochs))
    assert all(np.isfinite(point.seconds) for point in model.curve)
    assert all(-1.001 <= one <= 1.001 for one in model.smoothness)


@every
def test_progress_goes_from_nothing_to_all(name: str) -> None:
    shares: list[float] = []
    MODELS[name]().fit(told(blocks(users=5, items=5, each=3)), 0, shares.append, within(5.0))

    assert all(0.0 <= share <= 1.0 for share in shares)
    assert shares == sorted(shares)


@every
def test_a_million_events_fit_into_eight_gigabytes(name: str) -> None:
    assert MODELS[name]().memory(100_000, 50_000, 1_000_000) <= 8 * 2**30


@pytest.mark.slow
@every
def test_a_deadline_is_kept(name: str) -> None:
    training = told(blocks(users=150, items=150, each=60))
    model = MODELS[name]()
    model.fit(training, 0, lambda share: None, within(0.5))  # compiles
    begin = time.monotonic()
    model.fit(training, 0, lambda share: None, within(2.0))

    assert time.monotonic() - begin < 8.0


MEASURED = """
import resource, sys
import torch
from tests.fixture.block import blocks
from tests.tgn.baseline.test_model import fit, told
from tgn.baseline.fitting.registry import MODELS

torch.set_num_threads(1)
name = sys.argv[1]
fit(name, told(blocks(users=5, items=5, each=3)), seconds=2.0)  # loads and compiles
log = told(blocks(users=600, items=600, each=80))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fit(name, log, seconds=6.0)
taken = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
print(taken, MODELS[name]().memory(log.n_users, log.n_items, log.users.shape[0]))
"""


@pytest.mark.slow
@every
def test_a_fit_takes_no_more_memory_than_was_told(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", MEASURED, name], capture_output=True, text=True, check=True)
    taken, told_ = map(int, done.stdout.split())

    assert taken <= told_
