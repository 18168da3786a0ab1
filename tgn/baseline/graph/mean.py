"""Means over neighbours as sparse products: PyTorch Geometric's SAGE layer without a message an edge.

A message an edge costs edges x width numbers, several times over for the way back; a product costs none.  The numbers
are those of `SAGEConv`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from tgn.baseline.fitting.graph import sparse
from tgn.baseline.fitting.pyg import nn
from tgn.baseline.graph.inductive import Step
from tgn.baseline.sampling.layer import Layer


class Weights(NamedTuple):
    """Who reads how much of whom, sparse CSR [rows, cols], and its transpose for the way back."""

    matrix: Tensor
    transpose: Tensor


def weights(layer: Layer) -> Weights:
    """Return the weights of a layer as a matrix."""
    row, col, value = layer.row, layer.col, layer.weight
    return Weights(
        sparse(row, col, value, (layer.rows, layer.cols)), sparse(col, row, value, (layer.cols, layer.rows))
    )


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transpose: Tensor, x: Tensor) -> Tensor:
        ctx.transpose = transpose
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[None, None, Tensor]:
        return None, None, ctx.transpose @ grad[0]


def read(weights: Weights, x: Tensor) -> Tensor:
    """Return what each row reads of the columns, float32 [rows, d].

    Shapes:
        - x: float32 [cols, d]
    """
    out: Tensor = _Product.apply(*weights, x)  # type: ignore[no-untyped-call]
    return out


class MeanConv(nn.SAGEConv):  # type: ignore[misc]
    """A SAGE layer that reads neighbours by given weights.

    Shapes:
        - x: float32 [cols, d], the first `rows` of which are the nodes that read; or two, of `cols` and of `rows`
        - alone: bool [cols], nodes that are not to read their neighbours
        - output: float32 [rows, out]
    """

    def forward(
        self, x: Tensor | tuple[Tensor, Tensor], edge_index: Weights, alone: Tensor | None = None
    ) -> Tensor:
        source, target = x if isinstance(x, tuple) else (x, x[: edge_index.matrix.shape[0]])
        near = read(edge_index, source)
        if alone is not None:
            near = near.masked_fill(alone[: near.shape[0], None], 0.0)
        out: Tensor = self.lin_l(near)
        return out + self.lin_r(target) if self.root_weight else out

    def step(self) -> Step:
        """Return the layer as arrays, for a node at a time."""
        read, keep, bias = self.lin_l.weight.T, self.lin_r.weight.T, self.lin_l.bias
        return Step(*(one.detach().numpy().copy() for one in (read, keep, bias)))
