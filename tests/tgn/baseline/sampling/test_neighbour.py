"""Neighbour sampling behind PyTorch Geometric's contract of a sampler."""

import numpy as np
import pytest
import torch

from tgn.baseline.sampling.adjacency import Adjacency, bipartite, undirected
from tgn.baseline.sampling.neighbour import NeighbourSampler, PairSampler

from torch_geometric.data import Data  # isort: skip  # after `neighbour`: its own import warns
from torch_geometric.loader import LinkLoader, NodeLoader  # isort: skip


def star(leaves: int = 50) -> Adjacency:
    """Node 0 knows all others, which know only it."""
    return undirected(np.zeros(leaves, np.int64), np.arange(1, leaves + 1), leaves + 1)


def random(seed: int = 0) -> Adjacency:
    rng = np.random.default_rng(seed)
    return bipartite(rng.integers(0, 40, 600), rng.integers(0, 60, 600), 40, 60)


def test_seeds_are_the_first_nodes_and_every_node_comes_once() -> None:
    seeds = np.array([7, 3, 80])
    out = NeighbourSampler(random(), [4, 4]).draw(seeds)

    assert out.node[:3].tolist() == seeds.tolist()
    assert out.node.unique().shape == out.node.shape
    assert sum(out.num_sampled_nodes or []) == out.node.shape[0]


def test_sampled_edges_are_edges_of_the_graph_by_their_number() -> None:
    graph = random()
    out = NeighbourSampler(graph, [4, 4]).draw(np.arange(10))
    assert out.edge is not None

    assert (graph.near[out.edge] == out.node[out.row].numpy()).all()
    assert (graph.rows()[out.edge] == out.node[out.col].numpy()).all()
    assert out.edge.unique().shape == out.edge.shape


def test_a_node_has_as_many_neighbours_as_asked_or_all_of_them() -> None:
    graph = random()
    out = NeighbourSampler(graph, [6]).draw(np.arange(graph.nodes))
    degree = np.bincount(out.col.numpy(), minlength=graph.nodes)

    np.testing.assert_array_equal(degree, np.minimum(6, graph.degree()))


def test_each_neighbour_is_drawn_as_often_as_any_other() -> None:
    sampler = NeighbourSampler(star(10), [3], seed=1)
    drawn = np.concatenate([sampler.draw(np.array([0])).node[1:].numpy() for _ in range(4_000)])
    often = np.bincount(drawn, minlength=11)[1:] / 4_000

    np.testing.assert_allclose(often, 0.3, atol=0.03)


def test_the_same_seed_draws_the_same_and_another_draws_anew() -> None:
    first, same, other = (NeighbourSampler(star(), [5], seed).draw(np.array([0])).node for seed in (1, 1, 2))

    assert first.equal(same)
    assert not first.equal(other)


def test_a_node_without_neighbours_is_a_sample_of_itself() -> None:
    graph = bipartite(np.array([0]), np.array([0]), 2, 1)
    out = NeighbourSampler(graph, [3, 3]).draw(np.array([1]))

    assert (out.node.tolist(), out.row.shape[0]) == ([1], 0)


@pytest.mark.parametrize("counts", [[], [0], [3, -1]])
def test_no_neighbours_to_draw_are_refused(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="wanted at least one hop"):
        NeighbourSampler(star(), counts)


def test_pytorch_geometric_loads_nodes_through_it() -> None:
    graph = random()
    data = Data(
        x=torch.arange(graph.nodes), edge_index=torch.from_numpy(np.stack([graph.near, graph.rows()]))
    )
    batches = list(NodeLoader(data, NeighbourSampler(graph, [3]), torch.arange(20), batch_size=5))

    assert [batch.n_id[:5].tolist() for batch in batches] == np.arange(20).reshape(4, 5).tolist()
    for batch in batches:
        assert batch.x.equal(batch.n_id)
        assert data.edge_index[:, batch.e_id].equal(batch.n_id[batch.edge_index])


def test_pytorch_geometric_loads_pairs_with_its_own_negatives() -> None:
    graph = random()
    data = Data(edge_index=torch.empty(2, 0, dtype=torch.long), num_nodes=graph.nodes)
    pairs = torch.tensor([[0, 1, 2], [50, 51, 52]])
    (batch,) = LinkLoader(data, NeighbourSampler(graph, [3]), pairs, neg_sampling="binary", batch_size=3)

    assert batch.n_id[batch.edge_label_index[:, :3]].equal(pairs)
    assert batch.edge_label.tolist() == [1, 1, 1, 0, 0, 0]


def test_pairs_come_with_negatives_that_know_their_user() -> None:
    graph = random()
    sampler = PairSampler(graph, [3], lambda users: np.stack([users + 60, users + 50], axis=1))
    pairs = torch.tensor([[4, 1, 4], [50, 51, 90]])
    data = Data(edge_index=torch.empty(2, 0, dtype=torch.long), num_nodes=graph.nodes)
    (batch,) = LinkLoader(data, sampler, pairs, neg_sampling="triplet", batch_size=3)

    assert batch.n_id[torch.stack([batch.src_index, batch.dst_pos_index])].equal(pairs)
    assert batch.n_id[batch.dst_neg_index].tolist() == [[64, 54], [61, 51], [64, 54]]
