import numpy as np
import torch

from tests.fixture.block import EMPTY, GROUPS, blocks, own, within, without
from tgn.baseline.contract import Training
from tgn.baseline.fitting.pyg import nn as pyg
from tgn.baseline.graph.gcn import Gcn, GcnNetwork, GcnSettings, Stream

LOG = blocks()
LINEAR = GcnSettings(dim=8, layers=1, linear=True, dropout=0)


def test_a_layer_is_pygs_gcn_layer_with_self_loops() -> None:
    network, stream = GcnNetwork(LOG, LINEAR), Stream(LINEAR)
    torch.nn.init.normal_(stream.weights[0].weight)  # type: ignore[arg-type]
    layer = pyg.GCNConv(8, 8, bias=False)
    layer.lin.weight.data = stream.weights[0].weight.detach().clone()  # type: ignore[operator]
    x = torch.randn(LOG.n_users + LOG.n_items, 8)
    edges = network.matrix.to_sparse_coo().coalesce().indices()
    edges = edges[:, edges[0] != edges[1]]

    torch.testing.assert_close(stream(network.matrix, x)[-1], layer(x, edges))


def test_one_linear_layer_is_a_matrix_factorization_of_another_matrix() -> None:
    """For vectors Z of any factorization, E = S^-1 Z makes the layer score as Z does, and factorizes S^-1 Z Z' S^-1."""
    network = GcnNetwork(LOG, LINEAR)
    network.eval()
    rng, n = np.random.default_rng(0), LOG.n_users + LOG.n_items
    z = rng.normal(size=(n, 8))
    inverse = np.linalg.inv(network.matrix.to_dense().numpy().astype(np.float64))
    e = inverse @ z
    network.embedding.weight.data = torch.from_numpy(e.astype(np.float32))
    with torch.no_grad():
        found = network.vectors()

    size = np.abs(z).max() ** 2 * 8
    np.testing.assert_allclose(
        found.user @ found.item.T, z[: LOG.n_users] @ z[LOG.n_users :].T, atol=1e-3 * size
    )
    np.testing.assert_allclose(e @ e.T, inverse @ (z @ z.T) @ inverse, rtol=1e-6, atol=1e-6)


def known_by(training: Training, columns: bool) -> Training:
    """The log with a column or a kind that says what group an item is of."""
    group = np.arange(training.n_items) % GROUPS
    if columns:
        return training._replace(item_columns=np.eye(GROUPS, dtype=np.float32)[group])
    return training._replace(item_kinds={"shelf": group.astype(np.int32)})


def test_items_without_events_are_found_by_their_columns_or_kinds() -> None:
    cold = [8, 9, 10, 11]
    log = without(LOG, [], cold)
    for columns in (True, False):
        model = Gcn().fit(known_by(log, columns), 0, lambda share: None, within())

        assert model.cold_items == "features"
        assert model.cold_users == "neighbours"
        frozen = model.frozen()
        first = [int(np.argmax(frozen.score(user, 0)[cold])) == user % GROUPS for user in range(40)]
        assert np.mean(first) > 0.8


def test_without_features_there_is_one_stream_and_it_finds_the_group() -> None:
    model = Gcn().fit(LOG._replace(held_users=EMPTY, held_items=EMPTY), 0, lambda share: None, within())

    assert model.cold_items == "neighbours"
    assert np.mean([own(model.frozen().score(user, 0), user % GROUPS) for user in range(40)]) > 0.8


def test_more_layers_are_smoother() -> None:
    network = GcnNetwork(LOG, GcnSettings(dim=8, layers=4, linear=True))
    network.eval()
    with torch.no_grad():
        layers = network.layers()
    spread = [float(np.linalg.norm(one - one.mean(0))) for one in layers]

    assert spread == sorted(spread, reverse=True)
