import numpy as np
import pytest
import torch

from tests.fixture.block import blocks
from tgn.baseline.fitting import graph
from tgn.baseline.fitting.pyg import nn as pyg

LOG = blocks()
USERS, ITEMS = graph.pairs(LOG)


@pytest.mark.parametrize("loops", [False, True])
def test_the_adjacency_is_that_of_gcn_and_equals_its_transpose(loops: bool) -> None:
    n = LOG.n_users + LOG.n_items
    plain = np.eye(n) if loops else np.zeros((n, n))
    plain[USERS, LOG.n_users + ITEMS] = plain[LOG.n_users + ITEMS, USERS] = 1
    scale = 1 / np.sqrt(plain.sum(1).clip(1))

    found = graph.adjacency(USERS, ITEMS, LOG.n_users, LOG.n_items, loops).to_dense().numpy()

    np.testing.assert_allclose(found, scale[:, None] * plain * scale, rtol=1e-6)
    np.testing.assert_array_equal(found, found.T)


def test_a_product_and_its_gradient_are_those_of_the_dense_matrix() -> None:
    matrix = graph.adjacency(USERS, ITEMS, LOG.n_users, LOG.n_items)
    x = torch.randn(matrix.shape[0], 5, requires_grad=True)
    weight = torch.randn(matrix.shape[0], 5)
    (graph.propagate(matrix, x) * weight).sum().backward()
    dense = matrix.to_dense()

    torch.testing.assert_close(graph.propagate(matrix, x), dense @ x)
    torch.testing.assert_close(x.grad, dense.T @ weight)


def test_a_layer_of_pyg_over_the_same_edges_gives_the_same() -> None:
    matrix = graph.adjacency(USERS, ITEMS, LOG.n_users, LOG.n_items)
    x = torch.randn(matrix.shape[0], 5)
    layer = pyg.LGConv()

    torch.testing.assert_close(graph.propagate(matrix, x), layer(x, graph.edges(USERS, ITEMS, LOG.n_users)))


def test_entries_of_one_place_are_summed() -> None:
    found = graph.sparse(np.array([1, 1, 0]), np.array([2, 2, 0]), np.array([1.0, 2.0, 5.0]), (2, 3))

    assert found.to_dense().tolist() == [[5, 0, 0], [0, 0, 3]]


def test_each_pair_is_named_once() -> None:
    twice = LOG._replace(users=np.r_[LOG.users, LOG.users], items=np.r_[LOG.items, LOG.items])
    users, items = graph.pairs(twice)

    assert len({*zip(users.tolist(), items.tolist(), strict=True)}) == users.shape[0] == LOG.users.shape[0]
