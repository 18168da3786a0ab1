import numpy as np
import torch

from tests.fixture.block import blocks
from tgn.baseline.graph.ngcf import NgcfLayer, NgcfNetwork, NgcfSettings

LOG = blocks()


def test_a_layer_sums_the_messages_of_the_paper_neighbour_by_neighbour() -> None:
    network = NgcfNetwork(LOG, NgcfSettings(dim=8))
    layer, x = NgcfLayer(8), torch.randn(LOG.n_users + LOG.n_items, 8)
    user = 3
    mine = LOG.n_users + network.items[network.users == user]
    degree = np.bincount(np.r_[network.users, LOG.n_users + network.items], minlength=x.shape[0])
    out = layer.alone(x[user])  # what the node sends itself; biases count once, as in the matrix form
    alone, alike = layer.alone.weight, layer.alike.weight
    for item in mine:
        share = 1 / np.sqrt(degree[user] * degree[item])
        out = out + share * (alone @ x[item] + alike @ (x[item] * x[user]))
    out = torch.nn.functional.leaky_relu(out + layer.alike.bias, 0.2)

    torch.testing.assert_close(layer(network.matrix, x)[user], out, rtol=1e-4, atol=1e-5)


def test_all_layers_are_joined() -> None:
    network = NgcfNetwork(LOG, NgcfSettings(dim=8, layers=2))
    network.eval()
    with torch.no_grad():
        found = network.vectors()
        layers = network.layers()

    assert found.user.shape == (LOG.n_users, 24)
    np.testing.assert_array_equal(np.concatenate(layers, axis=1)[LOG.n_users :], found.item)


def test_dropout_is_for_learning_alone() -> None:
    network = NgcfNetwork(LOG, NgcfSettings(dim=8, dropout=0.5))
    with torch.no_grad():
        network.train()
        assert not torch.equal(network()[1], network()[1])
        network.eval()
        assert torch.equal(network()[1], network()[1])
