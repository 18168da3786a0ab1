"""Layer sampling: a fixed number of nodes a layer, drawn by importance, instead of some for each node.

Source: Chen, Ma and Xiao, FastGCN (2018), section 3.1, for nodes of each layer drawn independently of the layer above;
Zou et al., Layer-Dependent Importance Sampling (LADIES, 2019), sections 3.1 and 3.2, for draws among the neighbours of
the layer above.  Taken: chances in proportion to the squared norm of a node's column, importance weights, rows
normalised again, the layer above kept in the one below so that every node finds itself.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from tgn.baseline.sampling.adjacency import Adjacency


class Layer(NamedTuple):
    """Weights between two layers: row `row[i]` reads `weight[i]` of column `col[i]`; each row sums to 1, or has none.

    Rows are the first `rows` nodes of a sample, columns its first `cols`.

    Shapes:
        - row, col: int64 [m]; weight: float32 [m]
    """

    rows: int
    cols: int
    row: np.ndarray
    col: np.ndarray
    weight: np.ndarray


class LayerSample(NamedTuple):
    """Nodes of all layers, int64 [n], those that were asked for first, and the weights of each layer, theirs first."""

    node: np.ndarray
    layers: list[Layer]


class LayerSampler:
    """Draws the nodes of each layer, for means over neighbours.

    Args:
        graph: Rows of neighbours.
        sizes: Nodes drawn a layer, the layer next to the seeds first.
        by: `ladies` draws among neighbours of the layer above, `fastgcn` among all nodes.
        seed: Of the draws.
    """

    def __init__(
        self, graph: Adjacency, sizes: list[int], by: Literal["ladies", "fastgcn"] = "ladies", seed: int = 0
    ) -> None:
        if not sizes or min(sizes) < 1:
            raise ValueError(f"{sizes} nodes a layer; wanted at least one layer, each with 1 or more")
        self.graph, self.sizes, self.by = graph, sizes, by
        self.chance = np.random.default_rng(seed)
        share = 1.0 / np.maximum(1, graph.degree())  # what a node reads of each of its neighbours
        self.norm = np.bincount(graph.near, np.repeat(share**2, graph.degree()), graph.nodes)
        self.share = share
        self.place = np.full(graph.nodes, -1)

    def draw(self, seeds: np.ndarray) -> LayerSample:
        """Return a sample for different nodes, int64 [n], which are its first nodes in that order."""
        node, layers = seeds, []
        self.place[seeds] = np.arange(seeds.shape[0])
        for size in self.sizes:
            row, near = self.graph.edges(node)
            share = self.share[node][row]
            weight = self.norm if self.by == "fastgcn" else np.bincount(near, share**2, self.graph.nodes)
            drawn, chance = self._draw(weight, size)
            new = drawn[self.place[drawn] < 0]
            rows, node = node.shape[0], np.concatenate([node, new])
            self.place[new] = np.arange(rows, node.shape[0])
            kept = chance[near] > 0
            row, near = row[kept], near[kept]
            value = share[kept] / chance[near]
            value /= np.bincount(row, value, rows)[row]
            layers.append(Layer(rows, node.shape[0], row, self.place[near], value.astype(np.float32)))
        self.place[node] = -1
        return LayerSample(node, layers)

    def _draw(self, weight: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return different nodes drawn in proportion to `weight`, and each one's chance to be; 0 for the others."""
        able, chance = np.flatnonzero(weight > 0), np.zeros(self.graph.nodes)
        if able.shape[0] > size:  # the smallest of exponential draws: a sample without replacement
            late = self.chance.exponential(size=able.shape[0]) / weight[able]
            able = np.sort(able[np.argpartition(late, size)[:size]])
            chance[able] = np.minimum(1.0, size * weight[able] / weight.sum())
        else:
            chance[able] = 1.0
        return able, chance
