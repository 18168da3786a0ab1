"""Neighbours by visits of random walks."""

import numpy as np

from tgn.baseline.sampling.adjacency import bipartite
from tgn.baseline.sampling.visit import visits


def test_walks_from_an_item_meet_items_of_its_users_most() -> None:
    users = np.repeat(np.arange(20), 3)  # ten users have items 0, 1, 2, ten have 3, 4, 5; one of each has 6
    items = np.where(users % 2 == 0, np.tile([0, 1, 2], 20), np.tile([3, 4, 5], 20))
    graph = bipartite(np.append(users, [0, 1]), np.append(items, [6, 6]), 20, 7)
    found, share = visits(graph, 20 + np.arange(7), walks=200, steps=2, top=6, seed=0)

    assert [sorted(row[:2].tolist()) for row in found[:3] - 20] == [[1, 2], [0, 2], [0, 1]]
    assert (share[:, 0] >= share[:, 1]).all()
    np.testing.assert_allclose(share.sum(1), 1, atol=1e-6)


def test_an_item_never_meets_itself_and_one_alone_meets_nobody() -> None:
    graph = bipartite(np.array([0, 1, 1]), np.array([0, 1, 2]), 2, 4)
    found, share = visits(graph, 2 + np.arange(4), walks=10, steps=2, top=3, seed=0)

    assert found.tolist() == [[-1] * 3, [4, -1, -1], [3, -1, -1], [-1] * 3]
    assert share.sum(1).tolist() == [0, 1, 1, 0]


def test_shares_are_how_often_a_walk_comes_by() -> None:
    # From item 0 over users 0, 1, 2: each has one more item, item 1 is had by two of them.
    graph = bipartite(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 2]), 3, 3)
    found, share = visits(graph, np.array([3]), walks=20_000, steps=1, top=2, seed=0)

    assert (found - 3).tolist() == [[1, 2]]
    np.testing.assert_allclose(share, [[2 / 3, 1 / 3]], atol=0.02)


def test_the_same_seed_walks_the_same_ways() -> None:
    rng = np.random.default_rng(0)
    graph = bipartite(rng.integers(0, 30, 300), rng.integers(0, 50, 300), 30, 50)
    first, second, other = (
        visits(graph, 30 + np.arange(50), walks=20, steps=3, top=5, seed=s)[0] for s in (1, 1, 2)
    )

    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
