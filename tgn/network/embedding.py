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


class UserVector:
    """The vectors of a batch of users, and the way back through them.

    Shapes:
        - vectors: float32 [S, d], of the items in any of the histories
        - index: int32 [n, K], their rows, newest first, padded with -1
        - buckets: int64 [n, K], log-age buckets
        - extra: float32 [n, 2d], or None, added to the hidden layer: memory and explicit features of the users
        - users: float32 [n, d], their vectors
        - again: float32 [n, K], the repeat bias of the items of their histories
    """

    def __init__(
        self,
        vectors: Tensor,
        index: np.ndarray,
        buckets: np.ndarray,
        extra: Tensor | None,
        w: Mapping[str, Tensor],
    ) -> None:
        self.vectors, self.index, self.buckets, self.w = vectors, index, buckets, w
        (n, k), d = index.shape, vectors.shape[1]
        self.into = torch.cat([w["query"], w["key"], w["value"]], 1)
        self.projected = vectors @ self.into
        self.share = np.empty((n, w["place"].shape[0], k), np.float32)
        out = np.empty((n, 3 * d), np.float32)
        place, bias, self.ages = (w[name].numpy() for name in ("place", "bucket", "age"))
        look(vectors.numpy(), self.projected.numpy(), index, buckets, place, bias, self.ages, self.share, out)
        self.x = torch.from_numpy(out)
        self.hidden = torch.addmm(w["hidden_bias"], self.x, w["hidden"])
        if extra is not None:
            self.hidden += extra
        self.hidden.relu_()
        self.users = torch.addmm(w["out_bias"], self.hidden, w["out"]).addmm_(self.x, w["skip"])
        self.again = w["again_age"][torch.from_numpy(buckets)]
        self.again += w["again"]
        self.again += (self.hidden @ w["again_user"])[:, None]

    def back(self, of_users: Tensor, of_again: Tensor, g: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Add to the gradients of the weights; return those of the item vectors [S, d] and of `extra` [n, 2d].

        Shapes:
            - of_users: float32 [n, d]; of_again: float32 [n, K]: gradients by the results
        """
        w, x, d = self.w, self.x, self.vectors.shape[1]
        whole = of_again.sum(1)
        of_hidden = (of_users @ w["out"].t()).addr_(whole, w["again_user"])
        of_hidden *= self.hidden > 0
        g["out"].addmm_(self.hidden.t(), of_users)
        g["out_bias"].add_(of_users.sum(0))
        g["skip"].addmm_(x.t(), of_users)
        g["again"].add_(of_again.sum(0))
        buckets = torch.from_numpy(self.buckets)
        g["again_age"].index_add_(0, buckets.view(-1), of_again.reshape(-1))
        g["again_user"].addmv_(self.hidden.t(), whole)
        g["hidden"].addmm_(x.t(), of_hidden)
        g["hidden_bias"].add_(of_hidden.sum(0))
        of_x = (of_hidden @ w["hidden"].t()).addmm_(of_users, w["skip"].t())
        of_vectors, of_projected = torch.zeros_like(self.vectors), torch.zeros_like(self.projected)
        back(
            of_x.numpy(),
            self.vectors.numpy(),
            self.projected.numpy(),
            self.index,
            self.buckets,
            self.ages,
            self.share,
            of_vectors.numpy(),
            of_projected.numpy(),
            *(g[name].numpy() for name in ("place", "bucket", "age")),
        )
        of_vectors.addmm_(of_projected, self.into.t())
        for name, part in zip(("query", "key", "value"), torch.split(of_projected, d, 1), strict=True):
            g[name].addmm_(self.vectors.t(), part)
        return of_vectors, of_hidden
