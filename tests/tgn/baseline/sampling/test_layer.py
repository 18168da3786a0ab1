"""Layer sampling by importance."""

import numpy as np
import pytest

from tgn.baseline.sampling.adjacency import Adjacency, bipartite
from tgn.baseline.sampling.layer import Layer, LayerSample, LayerSampler


def random(seed: int = 0) -> Adjacency:
    rng = np.random.default_rng(seed)
    return bipartite(rng.integers(0, 40, 500), (60 * rng.random(500) ** 2).astype(int), 40, 60)


def dense(layer: Layer) -> np.ndarray:
    out = np.zeros((layer.rows, layer.cols))
    out[layer.row, layer.col] = layer.weight
    return out


def estimate(sample: LayerSample, x: np.ndarray) -> np.ndarray:
    """What the nodes asked for read of `x` through one layer."""
    return dense(sample.layers[0]) @ x[sample.node]


def test_each_layer_begins_with_the_nodes_of_the_one_above() -> None:
    sample = LayerSampler(random(), [10, 10]).draw(np.array([5, 2, 70]))
    first, second = sample.layers

    assert sample.node[:3].tolist() == [5, 2, 70]
    assert (first.rows, second.rows, second.cols) == (3, first.cols, sample.node.shape[0])
    assert np.unique(sample.node).shape == sample.node.shape


@pytest.mark.parametrize("by", ["ladies", "fastgcn"])
def test_a_row_sums_to_one_or_has_nothing(by: str) -> None:
    for layer in LayerSampler(random(), [12, 12], by).draw(np.arange(20)).layers:  # type: ignore[arg-type]
        total = dense(layer).sum(1)

        assert np.isclose(total, 1, atol=1e-5)[total > 0].all()


def test_a_layer_that_has_room_for_all_neighbours_is_their_mean() -> None:
    graph = random()
    x = np.random.default_rng(1).normal(size=graph.nodes)
    sample = LayerSampler(graph, [200]).draw(np.arange(graph.nodes))
    known = np.flatnonzero(graph.degree() > 0)
    means = [x[graph.near[graph.first[node] : graph.first[node + 1]]].mean() for node in known]

    np.testing.assert_allclose(estimate(sample, x)[known], means, atol=1e-5)


@pytest.mark.parametrize("by", ["ladies", "fastgcn"])
def test_nodes_that_many_read_are_drawn_more_often(by: str) -> None:
    graph = random()
    sampler = LayerSampler(graph, [8], by, seed=3)  # type: ignore[arg-type]
    users = np.arange(40)
    drawn = np.concatenate([sampler.draw(users).node[40:] for _ in range(300)])
    often = np.bincount(drawn, minlength=100)[40:]
    norm = sampler.norm[40:]

    assert often[norm >= np.quantile(norm, 0.8)].mean() > 3 * often[norm <= np.quantile(norm, 0.4)].mean()


def test_ladies_draws_only_what_the_layer_above_reads() -> None:
    graph = bipartite(np.array([0, 0, 1, 1]), np.array([0, 1, 2, 3]), 2, 4)
    sample = LayerSampler(graph, [10]).draw(np.array([0]))

    assert sorted(sample.node.tolist()) == [0, 2, 3]


def test_the_same_seed_draws_the_same() -> None:
    first, second = (LayerSampler(random(), [10], seed=4).draw(np.arange(9)).node for _ in range(2))

    np.testing.assert_array_equal(first, second)


def test_a_layer_of_no_nodes_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted at least one layer"):
        LayerSampler(random(), [10, 0])
