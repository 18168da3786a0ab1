"""Clusters of a graph as batches."""

import subprocess
import sys

import numpy as np
import pytest

from tgn.baseline.sampling.adjacency import Adjacency, undirected
from tgn.baseline.sampling.cluster import batches, clusters, inside


def rings(count: int = 4, size: int = 12) -> Adjacency:
    """Dense groups, each joined to the next by one edge."""
    rng = np.random.default_rng(0)
    groups = [size * i + rng.integers(0, size, (2, 80)) for i in range(count)]
    bridges = np.array([[size * i, size * i + size] for i in range(count - 1)]).T
    source, target = np.concatenate([*groups, bridges], axis=1)
    return undirected(source[source != target], target[source != target], count * size)


def test_clusters_are_the_groups_that_few_edges_join() -> None:
    pytest.importorskip("pymetis")
    part = clusters(rings(), 4).reshape(4, 12)

    assert (part == part[:, :1]).all()
    assert np.unique(part[:, 0]).shape == (4,)


def test_a_graph_smaller_than_its_clusters_is_one() -> None:
    assert clusters(rings(), 100).tolist() == [0] * 48


def test_every_node_comes_once_an_epoch_with_its_whole_cluster() -> None:
    part = np.arange(50) % 7
    found = list(batches(part, 3, np.random.default_rng(0)))

    assert sorted(np.concatenate(found).tolist()) == list(range(50))
    assert [np.unique(part[nodes]).shape[0] for nodes in found] == [3, 3, 1]
    for nodes in found:
        assert np.isin(np.flatnonzero(np.isin(part, part[nodes])), nodes).all()


def test_clusters_meet_others_in_another_epoch() -> None:
    chance, part = np.random.default_rng(0), np.arange(40)
    first, second = ([nodes.tolist() for nodes in batches(part, 4, chance)] for _ in range(2))

    assert first != second


def test_edges_inside_are_those_with_both_ends_there() -> None:
    graph, nodes = rings(), np.array([0, 3, 5, 12, 13])
    row, col = inside(graph, nodes)
    whole = {(a, b) for a, b in zip(graph.rows().tolist(), graph.near.tolist(), strict=True)}

    assert set(zip(nodes[row].tolist(), nodes[col].tolist(), strict=True)) == {
        (a, b) for a, b in whole if a in nodes and b in nodes
    }


def test_without_metis_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['pymetis'] = None\n"
        "import numpy as np\n"
        "from tgn.baseline.sampling.adjacency import undirected\n"
        "from tgn.baseline.sampling.cluster import NoMetis, clusters\n"
        "try: clusters(undirected(np.arange(9), np.arange(1, 10), 10), 3)\n"
        "except NoMetis as exc: print(exc)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "pymetis" in out
    assert "install riverwalk[cluster]" in out
