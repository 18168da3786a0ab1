"""A graph as rows of neighbours."""

import numpy as np

from tgn.baseline.sampling.adjacency import bipartite, directed


def test_neighbours_of_a_node_come_in_order_and_once() -> None:
    graph = directed(np.array([2, 0, 2, 2]), np.array([3, 1, 0, 3]), 4)

    assert graph.first.tolist() == [0, 1, 1, 3, 3]
    assert graph.near.tolist() == [1, 0, 3]


def test_users_stand_before_items_and_both_know_each_other() -> None:
    graph = bipartite(np.array([0, 1, 1], np.int32), np.array([1, 1, 0], np.int32), 2, 3)

    assert [graph.near[graph.first[node] : graph.first[node + 1]].tolist() for node in range(5)] == [
        [3],
        [2, 3],
        [1],
        [0, 1],
        [],
    ]


def test_edges_of_some_nodes_are_those_of_each_in_turn() -> None:
    graph = bipartite(np.array([0, 1, 1]), np.array([1, 1, 0]), 2, 3)
    place, near = graph.edges(np.array([3, 4, 1]))

    assert (place.tolist(), near.tolist()) == ([0, 0, 2, 2], [0, 1, 2, 3])


def test_a_graph_without_edges_has_nodes() -> None:
    graph = bipartite(np.zeros(0, np.int32), np.zeros(0, np.int32), 2, 1)

    assert graph.nodes == 3
    assert graph.edges(np.arange(3))[0].shape == (0,)
