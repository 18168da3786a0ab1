"""What steps of training read of the graph."""

from typing import Any

import numpy as np
import pytest

from tests.fixture.block import blocks
from tgn.baseline.fitting.negative import Negatives
from tgn.baseline.sampling.adjacency import bipartite
from tgn.baseline.sampling.mode import Mode, Reader, Reading, Sample

MODES: list[Mode] = ["full", "neighbour", "layer", "cluster"]


def reader(mode: Mode, per_pair: int = 2, **settings: Any) -> Reader:
    training = blocks()
    keys = np.unique(np.stack([training.users, training.items]).astype(np.int64), axis=1)
    graph = bipartite(training.users, training.items, training.n_users, training.n_items)
    reading = Reading(mode=mode, **{"batch": 100, "layer": 30, "nodes": 20, "together": 2, **settings})
    return Reader(graph, (keys[0], keys[1]), Negatives(training, per_pair=per_pair), reading, 2, 0)


def named(found: Reader, sample: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Users, items and negatives of a step by their own numbers."""
    users, items, others = (sample.node[one].numpy() for one in (sample.users, sample.items, sample.others))
    return users, items - found.n_users, others - found.n_users


@pytest.mark.parametrize("mode", ["full", "neighbour", "layer"])
def test_an_epoch_has_each_pair_once(mode: Mode) -> None:
    found = reader(mode)
    steps = [named(found, sample) for sample in found.epoch(np.random.default_rng(0))]
    pairs = np.concatenate([np.stack(step[:2], axis=1) for step in steps])

    assert len(steps) == -(-found.users.shape[0] // 100)
    assert sorted(map(tuple, pairs.tolist())) == sorted(
        zip(found.users.tolist(), found.items.tolist(), strict=True)
    )


def test_an_epoch_of_clusters_has_pairs_inside_them_and_over_time_nearly_all() -> None:
    pytest.importorskip("pymetis")
    found, rng = reader("cluster"), np.random.default_rng(0)
    once = [named(found, sample)[:2] for sample in found.epoch(rng)]
    keys = np.concatenate([user * 10_000 + item for user, item in once])
    often = [keys] + [
        user * 10_000 + item
        for _ in range(30)
        for user, item, _ in (named(found, s) for s in found.epoch(rng))
    ]

    assert np.unique(keys).shape == keys.shape
    assert keys.shape[0] < found.users.shape[0]
    assert np.unique(np.concatenate(often)).shape == found.users.shape


@pytest.mark.parametrize("mode", MODES)
def test_negatives_are_items_the_user_has_not_taken(mode: Mode) -> None:
    found, wrong, drawn = reader(mode), 0, 0
    for sample in found.epoch(np.random.default_rng(0)):
        users, _, others = named(found, sample)
        assert others.shape == (users.shape[0], 2)
        assert (others >= 0).all()
        wrong += int(found.negatives.taken(np.repeat(users, 2), others.ravel()).sum())
        drawn += others.size

    # Half of a cluster's items are taken by its users, and it draws again but once.
    assert wrong <= (0.35 if mode == "cluster" else 0.01) * drawn


@pytest.mark.parametrize("mode", MODES)
def test_layers_nest_from_what_is_ranked_to_what_is_read(mode: Mode) -> None:
    found = reader(mode)
    for sample in found.epoch(np.random.default_rng(0)):
        last, first = sample.layers
        ranked = max(int(one.max()) for one in (sample.users, sample.items, sample.others))

        assert ranked < last.rows <= last.cols == first.rows <= first.cols == sample.node.shape[0]
        assert int(last.row.max()) < last.rows
        assert int(first.col.max()) < first.cols


@pytest.mark.parametrize("mode", MODES)
def test_what_a_node_reads_are_neighbours_in_shares_of_one(mode: Mode) -> None:
    found = reader(mode)
    degree = found.graph.degree()
    edges = set(zip(found.graph.rows().tolist(), found.graph.near.tolist(), strict=True))
    for sample in found.epoch(np.random.default_rng(0)):
        for layer in sample.layers:
            row, col = sample.node[layer.row].numpy(), sample.node[layer.col].numpy()
            total = np.bincount(layer.row, layer.weight, layer.rows)

            assert set(zip(row.tolist(), col.tolist(), strict=True)) <= edges
            np.testing.assert_allclose(total[total > 0], 1, atol=1e-5)
            assert (np.bincount(layer.row, minlength=layer.rows) <= degree[sample.node[: layer.rows]]).all()


@pytest.mark.parametrize("mode", MODES)
def test_the_same_seeds_read_the_same(mode: Mode) -> None:
    def read() -> list[list[int]]:
        found = reader(mode)
        steps = found.epoch(np.random.default_rng(5))
        return [one.ravel().tolist() for sample in steps for one in named(found, sample)]

    assert read() == read()
