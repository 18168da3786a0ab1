"""Walks on the co-watch graph against exact chains and a plain Python walker."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.graph.walk import (
    EXPLORE,
    WALKERS,
    push,
    seeds,
    top,
    visits,
)
from state.record.layout import START
from state.record.profile import profiles
from state.record.world import Scratch
from state.retrieval.candidate import close, reach
from tests.fixture.graph import World, events, feed, matrix, world


@pytest.fixture(scope="module")
def made() -> World:
    it = world()
    feed(it, events(1_500, 40))
    return it


def begin(made: World, pick: list[int], weight: list[float]) -> Scratch:
    """Room for a walk from these items."""
    scratch = made.scratch()
    scratch.pick[: len(pick)], scratch.weight[: len(pick)] = pick, weight
    return scratch


def sums(scratch: Scratch, column: int) -> np.ndarray:
    """What was added up for each item; float32 [items]."""
    out, n = np.zeros(scratch.found.shape[0], np.float32), int(scratch.touched_n[0])
    out[scratch.touched[:n]] = scratch.acc[:n, column]
    return out


def walked(made: World, pick: list[int], weight: list[float], steps: int, seed: int) -> np.ndarray:
    """What `visits` should give, by a walker in plain Python; float64 [80]."""
    restart, mask = float(made.state.rates[0]["restart"]), (1 << 64) - 1
    rows = [
        (edge["dst"][: edge["slots"]].tolist(), edge["w"][: edge["slots"]].tolist(), float(edge["total"]))
        for edge in made.state.edges[:80]
    ]
    shares = np.float32(weight).tolist()
    z, counts, positions = (seed * 0x9E3779B97F4A7C15 + 0x1234567) & mask, np.zeros(80), [-1] * WALKERS
    for turn in range(steps):
        at = positions[turn % WALKERS]
        z ^= (z << 13) & mask
        z ^= z >> 7
        z ^= (z << 17) & mask
        a, b = (z >> 40) / 2**24, ((z >> 8) & 0xFFFFFF) / 2**24
        if at < 0 or a < restart:
            at = pick[int(np.searchsorted(np.cumsum(shares), b).clip(0, len(pick) - 1))]
            b = (b * 7919.0) % 1.0
        to, w, whole = rows[at]
        if not to:
            positions[turn % WALKERS] = -1
            continue
        left, k = b * whole - w[0], 0
        while left > 0 and k < len(to) - 1:
            k += 1
            left -= w[k]
        at = positions[turn % WALKERS] = to[k]
        counts[at] += 1
    return counts / steps


@settings(max_examples=80)
@given(
    st.lists(st.integers(0, 45), min_size=1, max_size=6, unique=True),
    st.integers(0, 10**6),
    st.integers(1, 300),
)
def test_visits_are_those_of_a_plain_walker(made: World, pick: list[int], seed: int, steps: int) -> None:
    weight = [0.5**k for k in range(len(pick))]
    weight = [w / sum(weight) for w in weight]
    scratch = begin(made, pick, weight)
    visits(made.state, scratch, len(pick), steps, seed)

    assert sums(scratch, 1) == pytest.approx(walked(made, pick, weight, steps, seed), rel=1e-4, abs=1e-7)
    assert not sums(scratch, 2).any()


def test_seeds_are_the_last_items_by_recency_and_a_share_of_the_start(made: World) -> None:
    scratch, user = made.scratch(), profiles(made.state, np.array([3]))[0]
    n = seeds(made.state, user, scratch.pick, scratch.weight)
    share = 0.75 ** np.arange(12)
    wanted = np.append(share, EXPLORE * share.sum()) / ((1 + EXPLORE) * share.sum())

    assert scratch.pick[:n].tolist() == [*user["item"][:12].tolist(), START]
    assert scratch.weight[:n] == pytest.approx(wanted, rel=1e-5)


def chain(made: World, start: np.ndarray, restart: float) -> np.ndarray:
    """How often an endless walk with restart is on each item, by the power of its matrix; float64 [80]."""
    steps = matrix(made)
    at = start @ steps
    for _ in range(200):
        at = restart * (start @ steps) + (1 - restart) * (at @ steps)
    return at


def test_visits_agree_with_the_chain_of_restarts(made: World) -> None:
    n, walks = 20_000, 10
    user = profiles(made.state, np.array([3]))[0]
    shares = np.zeros(80)
    pick, weight = made.scratch().pick, made.scratch().weight
    m = seeds(made.state, user, pick, weight)
    for seed in range(walks):
        scratch = begin(made, pick[:m].tolist(), weight[:m].tolist())
        visits(made.state, scratch, m, n, seed)
        shares += sums(scratch, 1) / walks
    start = np.zeros(80)
    start[pick[:m]] = weight[:m]
    exact = chain(made, start, 0.4)
    spread = np.sqrt(exact * (1 - exact) / (n * walks))

    assert exact.sum() == pytest.approx(1.0)
    assert np.all(np.abs(shares - exact) <= 6 * spread + 1e-6)


def test_a_walk_goes_through_barred_items_to_the_few_that_are_allowed() -> None:
    small = world()
    for user, pair in enumerate(((1, 2), (2, 3), (3, 4), (4, 5), (5, 6))):
        feed(small, [(user, pair[0], user * 10), (user, pair[1], user * 10 + 1)])
    feed(small, [(9, 1, 100)])
    scratch = small.scratch()
    scratch.barred[[2, 3, 5, 6]] = 1
    reach(small.state, scratch, 9, 100)
    items, weights = np.zeros(50, np.int32), np.zeros(50, np.float32)

    assert items[: top(scratch, 1, items, weights, 50, True)].tolist() == [4]

    close(scratch, items, 0)
    assert not scratch.found.any()


def test_push_is_one_step_of_the_chain() -> None:
    made = world()
    feed(made, events(1_500, 40))
    scratch = made.scratch()
    scratch.pick[:2], scratch.weight[:2] = [3, 9], [0.7, 0.3]
    push(made.state, scratch, 2)

    steps = matrix(made)
    assert sums(scratch, 0) == pytest.approx(0.7 * steps[3] + 0.3 * steps[9], abs=1e-5)


def test_walk_visits_agree_with_the_chain_of_restarts() -> None:
    made = world()
    feed(made, events(1_500, 20))
    restart, n = 0.4, 200_000
    scratch = made.scratch()
    scratch.pick[:2], scratch.weight[:2] = [3, 9], [0.7, 0.3]
    visits(made.state, scratch, 2, n, 42)
    shares = sums(scratch, 1) / sums(scratch, 1).sum()

    steps, seeds = matrix(made), np.zeros(80)
    seeds[[3, 9]] = 0.7, 0.3
    at = seeds @ steps
    for _ in range(200):
        at = restart * (seeds @ steps) + (1 - restart) * (at @ steps)
    assert shares == pytest.approx(at, abs=5 * np.sqrt(at.max() / n) + 0.002)


def test_the_same_seed_walks_the_same_way() -> None:
    made = world()
    feed(made, events(800, 40))
    runs = []
    for seed in (5, 5, 6):
        scratch = made.scratch()
        scratch.pick[0], scratch.weight[0] = 3, 1.0
        visits(made.state, scratch, 1, 500, seed)
        runs.append(sums(scratch, 1).tolist())

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
