"""Means over neighbours as sparse products."""

import numpy as np
import torch

from tgn.baseline.graph.mean import MeanConv, read, weights
from tgn.baseline.sampling.adjacency import bipartite
from tgn.baseline.sampling.layer import Layer
from tgn.baseline.sampling.mode import mean

from torch_geometric.nn import SAGEConv  # isort: skip  # after `mean`: its own import warns


def test_the_layer_is_pytorch_geometrics_forwards_and_back() -> None:
    rng = np.random.default_rng(0)
    graph = bipartite(rng.integers(0, 20, 150), rng.integers(0, 30, 150), 20, 30)
    ours, theirs = MeanConv((8, 8), 5), SAGEConv((8, 8), 5)
    theirs.load_state_dict(ours.state_dict())
    x, y = (torch.randn(50, 8, generator=torch.Generator().manual_seed(1)).requires_grad_() for _ in range(2))
    found = ours(x, weights(mean(graph.rows(), graph.near, 50)))
    wanted = theirs(y, torch.from_numpy(np.stack([graph.near, graph.rows()])))

    torch.testing.assert_close(found, wanted)
    found.square().sum().backward()
    wanted.square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad)
    torch.testing.assert_close(ours.lin_l.weight.grad, theirs.lin_l.weight.grad)


def test_a_product_of_an_oblong_matrix_has_its_gradient() -> None:
    layer = Layer(2, 4, np.array([0, 0, 1]), np.array([1, 3, 2]), np.array([0.25, 0.75, 1.0], np.float32))
    found = weights(layer)
    x = torch.randn(4, 3, dtype=torch.float32, requires_grad=True)
    dense = found.matrix.to_dense()

    torch.testing.assert_close(read(found, x), dense @ x)
    read(found, x).square().sum().backward()
    torch.testing.assert_close(x.grad, 2 * dense.T @ dense @ x.detach())


def test_a_row_without_neighbours_reads_nothing() -> None:
    layer = mean(np.array([0, 0]), np.array([1, 2]), 3)

    assert read(weights(layer), torch.ones(3, 1)).tolist() == [[1], [0], [0]]
