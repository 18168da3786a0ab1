"""Walks on the co-watch graph against exact chains and a plain Python walker."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.graph.walk import (
    EXPLORE,
    WALKERS,
    hop,
    push,
    seeds,
    top,
    visits,
)
from state.record.layout import START
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


def walked(
    made: World, pick: list[int], weight: list[float], steps: int, seed: int, barred: set[int], **how: int
) -> np.ndarray:
    """What `visits` should give, by a walker in plain Python; float64 [80]."""
    restart, mask = float(made.state.rates[0]["restart"]), (1 << 64) - 1
    boost, enough, often = how.get("boost", 0), how.get("stop_items", 0), how.get("stop_visits", 1)
    rows = [
        (edge["dst"][: edge["slots"]].tolist(), edge["w"][: edge["slots"]].tolist(), float(edge["total"]))
        for edge in made.state.edges[:80]
    ]
    shares = np.float32(weight).tolist()
    z, total, taken = (seed * 0x9E3779B97F4A7C15 + 0x1234567) & mask, np.zeros(80), 0
    ends = [int(sum(shares[: k + 1]) * steps + 0.5) for k in range(len(pick))]
    parts = (
        [([pick[k]], [1.0], ends[k - 1] if k else 0, ends[k]) for k in range(len(pick))]
        if boost
        else [(pick, shares, 0, steps)]
    )
    for items, chances, first, last in parts:
        counts, places = np.zeros(80), [-1] * WALKERS
        for turn in range(first, last):
            at = places[turn % WALKERS]
            z ^= (z << 13) & mask
            z ^= z >> 7
            z ^= (z << 17) & mask
            a, b = (z >> 40) / 2**24, ((z >> 8) & 0xFFFFFF) / 2**24
            taken += 1
            if at < 0 or a < restart:
                at = items[int(np.searchsorted(np.cumsum(chances), b).clip(0, len(items) - 1))]
                b = (b * 7919.0) % 1.0
            to, w, whole = rows[at]
            if not to:
                places[turn % WALKERS] = -1
                continue
            left, k = b * whole - w[0], 0
            while left > 0 and k < len(to) - 1:
                k += 1
                left -= w[k]
            at = places[turn % WALKERS] = to[k]
            counts[at] += 1
            allowed = [k for k in range(1, 80) if k not in barred and counts[k] >= often]
            if enough and len(allowed) >= enough:
                break
        total += np.sqrt(counts) if boost else counts
    return (total**2 if boost else total) / max(1, taken)


HOW = st.fixed_dictionaries(
    {
        "boost": st.integers(0, 1),
        "stop_items": st.sampled_from([0, 1, 3, 8]),
        "stop_visits": st.integers(1, 4),
    }
)


@settings(max_examples=80)
@given(
    st.lists(st.integers(0, 45), min_size=1, max_size=6, unique=True),
    st.integers(0, 10**6),
    st.integers(1, 300),
    st.sets(st.integers(1, 40), max_size=30),
    HOW,
)
def test_boost_and_early_stop_are_those_of_a_plain_walker(
    made: World, pick: list[int], seed: int, steps: int, barred: set[int], how: dict[str, int]
) -> None:
    weight = [0.5**k for k in range(len(pick))]
    weight = [w / sum(weight) for w in weight]
    scratch = begin(made, pick, weight)
    scratch.barred[list(barred)] = 1
    rates = made.state.rates[0]
    try:
        for name, value in how.items():
            rates[name] = value
        visits(made.state, scratch, len(pick), steps, seed)
    finally:
        for name in how:
            rates[name] = 0

    assert sums(scratch, 1) == pytest.approx(
        walked(made, pick, weight, steps, seed, barred, **how), rel=1e-4, abs=1e-7
    )
    assert not sums(scratch, 2).any()


def test_an_item_two_seeds_lead_to_is_boosted(made: World) -> None:
    small = world(boost=True)
    feed(small, [(1, 1, 1), (1, 3, 2), (2, 2, 3), (2, 3, 4), (3, 1, 5), (3, 4, 6)])
    scratch = begin(small, [1, 2], [0.5, 0.5])
    small.state.rates["restart"] = 1.0
    visits(small.state, scratch, 2, 1_000, 1)

    assert sums(scratch, 1)[3] > 2 * sums(scratch, 1)[4]
    assert sums(scratch, 1)[4] == pytest.approx(0.25, abs=0.05)


def test_seeds_are_the_last_items_by_recency_and_a_share_of_the_start(made: World) -> None:
    scratch, user = made.scratch(), made.state.users[3]
    n = seeds(made.state, 3, scratch.pick, scratch.weight)
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


@pytest.mark.parametrize("boost", [0, 1])
def test_visits_agree_with_the_chain_of_restarts(made: World, boost: int) -> None:
    n, walks, user = 20_000, 10, 3
    shares = np.zeros(80)
    pick, weight = made.scratch().pick, made.scratch().weight
    m = seeds(made.state, user, pick, weight)
    if boost:
        m, weight[0] = 1, 1.0  # from one seed the boost changes nothing
    made.state.rates["boost"] = boost
    try:
        for seed in range(walks):
            scratch = begin(made, pick[:m].tolist(), weight[:m].tolist())
            visits(made.state, scratch, m, n, seed)
            shares += sums(scratch, 1) / walks
    finally:
        made.state.rates["boost"] = 0
    start = np.zeros(80)
    start[pick[:m]] = weight[:m]
    exact = chain(made, start, 0.4)
    spread = np.sqrt(exact * (1 - exact) / (n * walks))

    assert exact.sum() == pytest.approx(1.0)
    assert np.all(np.abs(shares - exact) <= 6 * spread + 1e-6)


@pytest.mark.parametrize("hops", [1, 3, 64])
def test_a_two_hop_push_is_two_products_with_the_matrix(made: World, hops: int) -> None:
    scratch = begin(made, [3, 9], [0.7, 0.3])
    made.state.rates["hops"] = hops
    push(made.state, scratch, 2)
    hop(made.state, scratch, 2)
    steps, start = matrix(made), np.zeros(80)
    start[[3, 9]] = 0.7, 0.3
    first = start @ steps
    strong = np.where(np.argsort(np.argsort(-first)) < hops, first, 0)

    assert sums(scratch, 1) == pytest.approx(0.4 * first + 0.6 * strong / strong.sum() @ steps, abs=1e-5)


def test_a_push_takes_the_place_of_steps_where_the_settings_say_so() -> None:
    pushing = world(walk="push")
    feed(pushing, events(800, 40))
    one, other = (begin(pushing, [3, 9], [0.7, 0.3]) for _ in range(2))
    for scratch in (one, other):
        push(pushing.state, scratch, 2)
    visits(pushing.state, one, 2, 256, 5)
    hop(pushing.state, other, 2)

    assert sums(one, 1).tolist() == sums(other, 1).tolist()
    assert sums(one, 1).sum() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("stop_items", [0, 1])
def test_a_walk_goes_through_barred_items_to_the_few_that_are_allowed(stop_items: int) -> None:
    small = world(stop_items=stop_items, stop_visits=1)
    for user, pair in enumerate(((1, 2), (2, 3), (3, 4), (4, 5), (5, 6))):
        feed(small, [(user, pair[0], user * 10), (user, pair[1], user * 10 + 1)])
    feed(small, [(9, 1, 100)])
    scratch = small.scratch()
    scratch.barred[[2, 3, 5, 6]] = 1
    reach(small.state, scratch, 9, 100, False)
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
