import numpy as np
import pytest
import torch

from tests.fixture.block import blocks
from tgn.baseline.fitting import graph
from tgn.baseline.fitting.pyg import nn as pyg
from tgn.baseline.graph.lightgcn import LightGcnNetwork, LightGcnSettings

LOG = blocks()


@pytest.mark.parametrize("layers", [1, 3])
def test_vectors_and_gradients_are_those_of_pygs_lightgcn(layers: int) -> None:
    mine = LightGcnNetwork(LOG, LightGcnSettings(dim=8, layers=layers))
    other = pyg.LightGCN(LOG.n_users + LOG.n_items, 8, layers)
    other.embedding.weight.data = mine.embedding.weight.detach().clone()
    edges = graph.edges(mine.users, mine.items, LOG.n_users)
    weight = torch.randn(LOG.n_users + LOG.n_items, 8)
    expected = other.get_embedding(edges)
    (expected * weight).sum().backward()
    (mine.spread() * weight).sum().backward()

    torch.testing.assert_close(mine.spread(), expected)
    torch.testing.assert_close(mine.embedding.weight.grad, other.embedding.weight.grad)


def test_its_loss_is_that_of_pygs_lightgcn_with_one_negative_a_pair() -> None:
    mine = LightGcnNetwork(LOG, LightGcnSettings(dim=8, negatives="uniform", per_pair=1, l2=0))
    batch = next(mine.batches(np.random.default_rng(0)))
    other = pyg.LightGCN(LOG.n_users + LOG.n_items, 8, 3)
    other.embedding.weight.data = mine.embedding.weight.detach().clone()
    edges = graph.edges(mine.users, mine.items, LOG.n_users)
    asked = torch.stack([batch.users.repeat(2), torch.cat([batch.items, batch.others[:, 0]]) + LOG.n_users])
    yes, no = other(edges, asked).chunk(2)

    torch.testing.assert_close(mine.loss(batch), other.recommendation_loss(yes, no, lambda_reg=0))


def test_layers_go_from_the_learned_vectors_to_their_smoothest_mean() -> None:
    mine = LightGcnNetwork(LOG, LightGcnSettings(dim=8, layers=2))
    with torch.no_grad():
        layers, out = mine.layers(), mine.spread().numpy()

    assert len(layers) == 3
    np.testing.assert_allclose(np.mean(layers, axis=0), out, atol=1e-6)
