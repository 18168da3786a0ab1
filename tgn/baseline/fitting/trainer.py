"""One training loop for every network: epochs, early stopping on held events, best weights kept, a deadline.

Where no later events are held, a tenth of training is drawn and held, the network is fitted on the rest until it
stops, and then a new one on all of training for as many epochs as were best.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
import numpy as np
import torch

from tgn.baseline.contract import Cold, Point, Progress, Training
from tgn.baseline.fitting.clock import Clock
from tgn.baseline.fitting.network import Network
from tgn.baseline.fitting.smoothness import smoothness
from tgn.baseline.fitting.vectors import VectorFitted, Vectors

K = 20  # of recall on held events
SPARE = 0.9  # share of the deadline that is planned with
AT_ONCE = 4_000_000  # scores held in memory
HELD_USERS = 2_000  # that recall is measured on, drawn where there are more


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how fast to learn.  Units: counts; `lr` a step; `held` a share of training.

    Fields:
        epochs: At most.
        every: Epochs from one look at the held events to the next.
        patience: Looks without a better recall before it stops.
        held: Of training, drawn to stop early by where no later events are held.
        refit: Fit again on all of training when a part of it was drawn.
        average: Weights are judged and kept as an exponential mean over steps, which keeps this share of itself a
            step; 0 keeps them as they are.
    """

    epochs: int = 200
    every: int = 2
    patience: int = 5
    lr: float = 0.01
    held: float = 0.1
    refit: bool = True
    average: float = 0.98


class Average:
    """An exponential mean of a network's weights over its steps, which stands in for them while they are judged.

    The first steps weigh less, so that where it began is soon forgotten.

    Source: Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging (1992).
    """

    def __init__(self, network: Network, keep: float) -> None:
        self.weights, self.keep, self.steps = list(network.parameters()), keep, 0
        self.mean = [one.detach().clone() for one in self.weights] if keep else []

    def add(self) -> None:
        """Take in the weights after a step."""
        self.steps += 1
        share = max(1 - self.keep, 9 / (9 + self.steps))
        with torch.no_grad():
            for mean, weight in zip(self.mean, self.weights, strict=False):
                mean.lerp_(weight, share)

    @contextmanager
    def stands_in(self) -> Iterator[None]:
        """Put the mean in the place of the weights, for as long as it is asked about."""
        self._exchange()
        yield
        self._exchange()

    def _exchange(self) -> None:
        for mean, weight in zip(self.mean, self.weights, strict=False):
            mean.data, weight.data = weight.data, mean.data


class Run(NamedTuple):
    """A network as of its best epoch, with how it got there."""

    network: Network
    epochs: int  # of the best
    curve: list[Point]


Build = Callable[[Training], Network]


def hold_out(training: Training, share: float, seed: int) -> Training:
    """Return training with a drawn share of its events held; what is left of a user or item may be nothing."""
    n = training.users.shape[0]
    held = np.zeros(n, bool)
    held[np.random.default_rng(seed).permutation(n)[: int(share * n)]] = True
    kept = {name: getattr(training, name)[~held] for name in ("users", "items", "t", "value")}
    return training._replace(**kept, held_users=training.users[held], held_items=training.items[held])


def recall(vectors: Vectors, training: Training, k: int = K, seed: int = 0) -> float:
    """Return recall at k of the held pairs, a mean over users; items taken in training do not compete.

    NaN where no user with a held pair on an item they had not taken is left.
    """
    had, held = _pairs(training.users, training.items), _pairs(training.held_users, training.held_items)
    held = held[~np.isin(_key(held, training.n_items), _key(had, training.n_items))]
    users = np.unique(held[:, 0])
    if users.shape[0] > HELD_USERS:
        users = np.sort(np.random.default_rng(seed).choice(users, HELD_USERS, replace=False))
    if not users.shape[0]:
        return math.nan
    hits = np.zeros(users.shape[0])
    step = max(1, AT_ONCE // max(1, training.n_items))
    for at in range(0, users.shape[0], step):
        some = users[at : at + step]
        score = vectors.user[some] @ vectors.item.T
        if vectors.bias is not None:
            score = score + vectors.bias
        barred = had[np.isin(had[:, 0], some)]
        score[np.searchsorted(some, barred[:, 0]), barred[:, 1]] = -np.inf
        top = torch.from_numpy(score).topk(min(k, score.shape[1])).indices.numpy()
        found = np.zeros(score.shape, bool)
        np.put_along_axis(found, top, True, axis=1)
        mine = held[np.isin(held[:, 0], some)]
        row = np.searchsorted(some, mine[:, 0])
        hits[at : at + step] = np.bincount(row, found[row, mine[:, 1]]) / np.bincount(row)
    return float(hits.mean())


def run(
    build: Build, training: Training, schedule: Schedule, seed: int, progress: Progress, clock: Clock
) -> Run:
    """Fit one network; keep the weights of the epoch of the best recall, the last where nothing is held."""
    network, rng = build(training), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=schedule.lr)
    average = Average(network, schedule.average)
    curve: list[Point] = []
    best, best_epoch, weights, late = -math.inf, 0, None, 0
    watched = bool(training.held_users.shape[0])
    epoch, over = 0, False
    while epoch < schedule.epochs and late < schedule.patience and not over:
        before = clock.spent()
        loss = _epoch(network, optimizer, average, rng, clock)
        epoch += 1
        another = clock.spent() - before if epoch > 1 else 0.0  # the first one may have compiled
        over = clock.left() < 1.5 * another
        if epoch % schedule.every == 0 or over or epoch == schedule.epochs:
            with average.stands_in():
                found = recall(_vectors(network), training) if watched else math.nan
                curve.append(Point(epoch, clock.spent(), loss, found))
                if found > best or not watched:
                    best, best_epoch, late = found, epoch, 0
                    weights = {name: one.clone() for name, one in network.state_dict().items()}
                else:
                    late += 1
        progress(epoch / schedule.epochs)
    if over and epoch < schedule.epochs and late < schedule.patience:
        clock.end()
    if weights is not None:
        network.load_state_dict(weights)
    network.eval()  # so that nothing is left to chance in whatever is read from it
    return Run(network, best_epoch or epoch, curve)


def fit(
    build: Build, training: Training, schedule: Schedule, seed: int, progress: Progress, clock: Clock
) -> Run:
    """Fit a network in the clock's seconds at most; the same seed gives the same network where the deadline is not met."""
    clock = clock.share(SPARE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if (
            training.held_users.shape[0]
            or not schedule.refit
            or int(schedule.held * training.users.shape[0]) == 0
        ):
            return run(build, training, schedule, seed, progress, clock)
        part = hold_out(training, schedule.held, seed)
        first = clock.share(0.5)
        found = run(build, part, schedule, seed, lambda share: progress(share / 2), first)
        again = msgspec.structs.replace(schedule, epochs=found.epochs)
        torch.manual_seed(seed)
        last = run(build, training, again, seed, lambda share: progress(0.5 + share / 2), clock)
    return last._replace(curve=found.curve)


def memory(nodes: int, floats: int, n_events: int, batch: int, dim: int) -> int:
    """Return an upper estimate of the bytes of a fit.

    Args:
        nodes: Users and items.
        floats: Of a node: weights four times (gradient and two moments beside them), once more as the best, twice as
            scored; each layer and its gradient.
        n_events: Of training: pairs sorted, the graph both ways, negatives.
        batch, dim: Pairs a step, and the width of their vectors: some eight of each pair are held.
    """
    return 4 * nodes * floats + 160 * n_events + 4 * 8 * 3 * min(batch, n_events) * dim + 4 * 4 * AT_ONCE


def fitted(
    name: str,
    done: Run,
    training: Training,
    *,
    cold_users: Cold = "neighbours",
    cold_items: Cold = "neighbours",
) -> VectorFitted:
    """Return the fitted model of a run: its vectors, its curve, how smooth its layers are."""
    with torch.no_grad():
        done.network.eval()
        layers = done.network.layers()
    return VectorFitted(
        name,
        training,
        _vectors(done.network),
        curve=done.curve,
        smoothness=[smoothness(one) for one in layers],
        cold_users=cold_users,
        cold_items=cold_items,
    )


def _epoch(
    network: Network,
    optimizer: torch.optim.Optimizer,
    average: Average,
    rng: np.random.Generator,
    clock: Clock,
) -> float:
    """Learn from each batch once, from fewer when time is over; return the mean loss."""
    network.train()
    total, steps = 0.0, 0
    for batch in network.batches(rng):
        total, steps = total + network.step(batch, optimizer), steps + 1
        average.add()
        if clock.left() < 0:
            clock.end()
            break
    return total / max(1, steps)


def _vectors(network: Network) -> Vectors:
    with torch.no_grad():
        network.eval()
        return network.vectors()


def _pairs(users: np.ndarray, items: np.ndarray) -> np.ndarray:
    return np.unique(np.stack([users, items], axis=1).astype(np.int64), axis=0)


def _key(found: np.ndarray, n_items: int) -> np.ndarray:
    return found[:, 0] * n_items + found[:, 1]
