"""User vector: attention over the last items with age codes, plus the node memory.

Four heads look from the last item at the last K.  Keys carry a bias for the position and one for the log age,
values an age vector; two layers on [attention; last; mean] with a skip make the user's vector, which meets
item output vectors in a dot product.  Whether a user repeats an item does not depend on what the item is like, so the
items of the history get a repeat bias of their own, by position, age and user.

Source: Rossi et al., Temporal Graph Networks (2020), section 3.2, graph attention embedding; the biases follow
Press et al., ALiBi (2022).  PyTorch Geometric's `TransformerConv` adds edge features to keys and values of a
sparse graph; here every user has one dense row of K neighbours and additive biases, for which one compiled loop
is both shorter and many times faster.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tgn.inference.attention import back, look
from tgn.inference.layout import TgnSettings, net

ZERO = (
    "bucket",
    "age",
    "from_user",
    "from_item",
    "from_item_column",
    "output_item_column",
    "from_user_column",
)


def start_vectors(rows: np.ndarray, dim: int, seed: int) -> np.ndarray:
    """Return initial vectors of item rows, float32 [n, dim], from (seed, row) alone."""
    with np.errstate(over="ignore"):
        counter = rows.astype(np.uint64)[:, None] * np.uint64(2 * dim) + np.arange(2 * dim, dtype=np.uint64)
        z: np.ndarray = (counter + np.uint64(seed + 1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = ((z >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    normal = np.sqrt(-2 * np.log(u[:, :dim])) * np.cos(2 * np.pi * u[:, dim:])
    vectors: np.ndarray = (0.1 * normal).astype(np.float32)
    return vectors


def split(flat: Tensor, s: TgnSettings) -> dict[str, Tensor]:
    """Return the network's weights as views of the flat parameter, as far as it reaches."""
    shapes, sizes = net(s), list[int]()
    for shape in shapes.values():
        if sum(sizes) == flat.shape[0]:
            break
        sizes.append(math.prod(shape))
    parts = torch.split(flat, sizes)
    return {name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=False)}


def initial(s: TgnSettings) -> np.ndarray:
    """Return fresh weights, float32 [weights(s)], drawn from the seed."""
    rng = np.random.default_rng(s.seed)
    parts = []
    for name, shape in net(s).items():
        if name == "place":
            part = np.tile(-0.1 * np.arange(s.history), (s.heads, 1))
        elif len(shape) == 2 and name not in ZERO:
            part = rng.normal(0, 1 / math.sqrt(shape[0]), shape)
        elif name == "hidden_bias":
            part = np.full(shape, 0.01)  # without history all else is zero, where a ReLU passes no gradient
        else:
            part = np.zeros(shape)
        parts.append(part.reshape(-1).astype(np.float32))
    return np.concatenate(parts)


class Look(torch.autograd.Function):
    """`attention.look` with its gradient."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        vectors: Tensor,
        projected: Tensor,
        place: Tensor,
        bias: Tensor,
        ages: Tensor,
        index: np.ndarray,
        buckets: np.ndarray,
    ) -> Tensor:
        """Return [attention; last; mean] of each user, float32 [n, 3d]."""
        n, k = index.shape
        share = np.empty((n, place.shape[0], k), np.float32)
        out = np.empty((n, 3 * vectors.shape[1]), np.float32)
        inputs = [x.detach().contiguous().numpy() for x in (vectors, projected, place, bias, ages)]
        look(inputs[0], inputs[1], index, buckets, inputs[2], inputs[3], inputs[4], share, out)
        ctx.kept = inputs, index, buckets, share
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the inputs of `forward`."""
        inputs, index, buckets, share = ctx.kept
        slope = gradient[0].contiguous().numpy()
        out = [np.zeros_like(x) for x in inputs]
        back(slope, inputs[0], inputs[1], index, buckets, inputs[4], share, *out)
        return *(torch.from_numpy(x) for x in out), None, None


def user_vector(
    vectors: Tensor, index: np.ndarray, buckets: np.ndarray, extra: Tensor, w: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the users' vectors, and the repeat bias of the items of their histories.

    Shapes:
        - vectors: float32 [S, d], of the items in any of the histories
        - index: int32 [n, K], their rows, newest first, padded with -1
        - buckets: int64 [n, K], log-age buckets
        - extra: float32 [n, 2d] or [2d], added to the hidden layer: memory and explicit features of the users
        - output: float32 [n, d], float32 [n, K]
    """
    projected = vectors @ torch.cat([w["query"], w["key"], w["value"]], 1)
    x: Tensor = Look.apply(  # type: ignore[no-untyped-call]
        vectors, projected, w["place"], w["bucket"], w["age"], index, buckets
    )
    hidden = torch.relu(x @ w["hidden"] + extra + w["hidden_bias"])
    vector: Tensor = hidden @ w["out"] + w["out_bias"] + x @ w["skip"]
    again = w["again"] + w["again_age"][torch.from_numpy(buckets)] + (hidden @ w["again_user"])[:, None]
    return vector, again
