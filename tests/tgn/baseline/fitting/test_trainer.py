import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.fixture.block import EMPTY, blocks, within
from tgn.baseline.contract import Training
from tgn.baseline.fitting import trainer
from tgn.baseline.fitting.negative import Negatives
from tgn.baseline.fitting.network import Network
from tgn.baseline.fitting.trainer import Schedule
from tgn.baseline.fitting.vectors import Vectors
from tgn.metric.ranking import per_user, rank

LOG = blocks()
BARE = LOG._replace(held_users=EMPTY, held_items=EMPTY)
PLAIN = Schedule(epochs=40, every=1, patience=3, lr=1.0, average=0)


class Climb(Network):
    """A weight that grows by 1 an epoch; the vectors it gives are right at `top` and the worse the further from it."""

    def __init__(self, training: Training, top: float) -> None:
        super().__init__(training, Negatives(training), 1_000)
        self.weight, self.top = nn.Parameter(torch.zeros(1)), top
        self.held = training.held_users, training.held_items

    def batches(self, rng: np.random.Generator) -> Iterator[Any]:
        yield None

    def step(self, batch: Any, optimizer: torch.optim.Optimizer) -> float:
        with torch.no_grad():
            self.weight += 1
        return -float(self.weight.detach())

    def vectors(self) -> Vectors:
        """Users up to a share of all, the larger the nearer to the top, have the vector of their own held item."""
        right = max(0.0, 1 - abs(float(self.weight.detach()) - self.top) / 10)
        users, items = (
            np.zeros((self.n_users, self.n_items), np.float32),
            np.eye(self.n_items, dtype=np.float32),
        )
        some = self.held[0] < right * self.n_users
        users[self.held[0][some], self.held[1][some]] = 1
        users[:, 0] += 1e-3
        return Vectors(users, items)


def climbed(schedule: Schedule = PLAIN, training: Training = LOG, seconds: float = 60) -> trainer.Run:
    return trainer.fit(
        lambda part: Climb(part, 5), training, schedule, 0, lambda share: None, within(seconds)
    )


def test_it_stops_when_recall_rises_no_more_and_keeps_the_best_weights() -> None:
    done = climbed()

    assert done.epochs == 5
    assert float(done.network.weight.detach()) == 5
    assert [point.epoch for point in done.curve] == list(range(1, 9))  # three looks past the best
    assert max(done.curve, key=lambda point: point.recall).epoch == 5


def test_without_later_events_it_holds_some_then_fits_all_of_training_as_long_as_was_best() -> None:
    parts: list[int] = []

    def build(part: Training) -> Climb:
        parts.append(part.users.shape[0])
        return Climb(part, 5)

    done = trainer.fit(build, BARE, PLAIN, 0, lambda share: None, within())

    n = LOG.users.shape[0]
    assert parts == [n - n // 10, n]
    assert float(done.network.weight.detach()) == done.epochs == 5


def test_held_events_and_the_rest_are_training() -> None:
    part = trainer.hold_out(BARE, 0.25, 3)
    pairs = [*zip(part.users, part.items, strict=True), *zip(part.held_users, part.held_items, strict=True)]

    assert part.held_users.shape[0] == BARE.users.shape[0] // 4
    assert sorted(pairs) == sorted(zip(BARE.users, BARE.items, strict=True))
    assert (np.diff(part.t) > 0).all()


def test_recall_is_that_of_the_measure_of_the_program() -> None:
    rng = np.random.default_rng(0)
    user, item = rng.normal(size=(LOG.n_users, 4)), rng.normal(size=(LOG.n_items, 4))
    vectors = Vectors(user.astype(np.float32), item.astype(np.float32), rng.normal(size=LOG.n_items))
    had = np.zeros((LOG.n_users, LOG.n_items), bool)
    had[LOG.users, LOG.items] = True
    ranks = [
        rank((user[u] @ item.T + vectors.bias).astype(float), int(i), had[u])
        for u, i in zip(LOG.held_users, LOG.held_items, strict=True)
    ]

    expected = per_user(LOG.held_users, np.array(ranks), 20).recall
    assert trainer.recall(vectors, LOG) == pytest.approx(expected)
    assert math.isnan(trainer.recall(vectors, BARE))


class Endless(Climb):
    """An epoch of batches without end."""

    def batches(self, rng: np.random.Generator) -> Iterator[Any]:
        while True:
            yield None


def test_a_deadline_ends_an_epoch_and_what_was_learned_by_then_counts() -> None:
    clock, given = within(), within(0.2)
    done = trainer.fit(lambda part: Endless(part, 5), LOG, PLAIN, 0, lambda share: None, given)

    assert clock.spent() < 30
    assert float(done.network.weight.detach()) > 0
    assert given.cut


def test_a_fit_that_ends_by_itself_is_not_said_to_be_cut_short() -> None:
    given = within(60)
    trainer.fit(lambda part: Climb(part, 5), LOG, PLAIN, 0, lambda share: None, given)

    assert not given.cut


class Jump(Network):
    """A weight that is 0 and 10 by turns."""

    def __init__(self, training: Training) -> None:
        super().__init__(training, Negatives(training), 1_000)
        self.weight = nn.Parameter(torch.zeros(1))

    def step(self, batch: Any, optimizer: torch.optim.Optimizer) -> float:
        with torch.no_grad():
            self.weight.copy_(10 - self.weight)
        return 0.0

    def vectors(self) -> Vectors:
        return Vectors(np.ones((self.n_users, 1), np.float32), np.ones((self.n_items, 1), np.float32))


def test_the_weights_that_are_kept_are_a_mean_over_steps() -> None:
    schedule = Schedule(epochs=300, every=300, average=0.99, refit=False)
    done = trainer.fit(Jump, BARE, schedule, 0, lambda share: None, within())

    assert float(done.network.weight.detach()) == pytest.approx(5, abs=0.2)


def test_an_estimate_of_memory_grows_with_nodes_events_and_widths() -> None:
    small = trainer.memory(1_000, 64, 10_000, 1_024, 64)

    assert (
        small < trainer.memory(2_000, 64, 10_000, 1_024, 64) < trainer.memory(2_000, 128, 10_000, 1_024, 64)
    )
    assert small < trainer.memory(1_000, 64, 20_000, 1_024, 64)


def test_a_network_says_what_it_does_not_do() -> None:
    network = Network(LOG, Negatives(LOG), 10)
    batch = next(network.batches(np.random.default_rng(0)))
    asked: list[Any] = [lambda: network.loss(batch), network.vectors]
    for one in asked:
        with pytest.raises(NotImplementedError):
            one()
    assert network.layers() == []


def test_each_pair_comes_once_an_epoch() -> None:
    batches = list(Network(LOG, Negatives(LOG), 50).batches(np.random.default_rng(0)))
    users: Tensor = torch.cat([one.users for one in batches])

    assert [len(one.users) for one in batches] == [50] * 8 + [20]
    assert sorted(users.tolist()) == sorted(LOG.users.tolist())
