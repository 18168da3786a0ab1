"""Random walks: where they may go, how often, and that a seed says it all."""

import itertools

import numpy as np
import pytest

from tgn.baseline.walk.walk import Graph, bipartite, graph, walks

TRIANGLE_AND_TAIL = graph(*np.array([[0, 1, 1, 2, 2, 0, 2, 3], [1, 0, 2, 1, 0, 2, 3, 2]]), 4)


def grid(seed: int = 0) -> Graph:
    """A graph of 30 users and 20 items in which everybody has somebody."""
    rng = np.random.default_rng(seed)
    users, items = (
        np.r_[np.arange(30), rng.integers(0, 30, 100)],
        np.r_[np.arange(30) % 20, rng.integers(0, 20, 100)],
    )
    return bipartite(users, items, 30, 20)


def share(walked: np.ndarray, first: int, second: int, nodes: int) -> np.ndarray:
    """How often each node comes third on the walks that go from `first` to `second`."""
    third = walked[(walked[:, 0] == first) & (walked[:, 1] == second), 2]
    return np.bincount(third, minlength=nodes) / third.shape[0]


def test_every_step_is_an_edge() -> None:
    found = grid()
    walked = walks(found, np.arange(50), 30, 1, p=3.0, q=0.5)
    edges = {(v, int(x)) for v in range(50) for x in found.neighbour[found.start[v] : found.start[v + 1]]}

    assert {pair for walk in walked.tolist() for pair in itertools.pairwise(walk)} <= edges


def test_the_same_seed_gives_the_same_walks_and_another_one_others() -> None:
    found, begin = grid(), np.arange(50)

    assert (walks(found, begin, 20, 5) == walks(found, begin, 20, 5)).all()
    assert (walks(found, begin, 20, 5) != walks(found, begin, 20, 6)).any()


def test_a_plain_step_goes_to_each_neighbour_as_often_as_it_stands_there() -> None:
    walked = walks(graph(np.zeros(4, int), np.array([1, 2, 2, 3]), 4), np.zeros(40_000, int), 2, 0)

    np.testing.assert_allclose(np.bincount(walked[:, 1]) / 40_000, [0, 0.25, 0.5, 0.25], atol=0.01)


@pytest.mark.parametrize(("p", "q"), [(1.0, 1.0), (4.0, 0.5), (0.25, 2.0), (2.0, 8.0)])
def test_a_biased_step_has_the_chances_that_p_and_q_say(p: float, q: float) -> None:
    walked = walks(TRIANGLE_AND_TAIL, np.ones(60_000, int), 3, 3, p=p, q=q)
    weight = np.array(
        [1.0, 1 / p, 0.0, 1 / q]
    )  # at 2, come from 1: 0 is joined to 1, 1 is where it was, 3 is far

    np.testing.assert_allclose(share(walked, 1, 2, 4), weight / weight.sum(), atol=0.015)


def test_with_p_and_q_of_one_the_walks_are_plain_ones() -> None:
    found, begin = grid(), np.tile(np.arange(50), 400)

    assert (walks(found, begin, 5, 2, p=1.0, q=1.0) == walks(found, begin, 5, 2)).all()


def test_where_no_neighbours_are_joined_p_as_large_as_q_walks_as_plainly() -> None:
    found, begin = grid(), np.zeros(40_000, int)
    plain, biased = walks(found, begin, 4, 2), walks(found, begin, 4, 2, p=3.0, q=3.0)
    for step in range(1, 4):
        often = [np.bincount(one[:, step], minlength=50) / 40_000 for one in (plain, biased)]
        np.testing.assert_allclose(*often, atol=0.015)


def test_a_large_p_keeps_a_walk_from_going_back() -> None:
    def back(p: float) -> float:
        walked = walks(grid(), np.arange(50), 40, 0, p=p)
        return float((walked[:, 2:] == walked[:, :-2]).mean())

    assert back(10.0) < back(1.0) < back(0.1)


def test_a_walk_ends_where_no_edge_goes_on() -> None:
    walked = walks(graph(np.array([0]), np.array([1]), 3), np.array([0, 2]), 4, 0)

    assert walked.tolist() == [[0, 1, -1, -1], [2, -1, -1, -1]]


def test_a_price_of_nothing_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="p = 0, q = 1"):
        walks(grid(), np.arange(3), 4, 0, p=0)
