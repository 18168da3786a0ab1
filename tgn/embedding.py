"""The user's vector: attention over the last items with age codes, plus the node memory.

Four heads look from the last item at the last K.  Keys carry a bias for the position and one for the log age,
values an age vector; two layers on [attention; last; mean] with a skip make the user's vector, which meets
item output vectors in a dot product.

Source: Rossi et al., Temporal Graph Networks (2020), section 3.2, graph attention embedding; the biases follow
Press et al., ALiBi (2022).  PyTorch Geometric's `TransformerConv` adds edge features to keys and values of a
sparse graph; here every user has one dense row of K neighbours and additive biases, for which plain batched
products are both shorter and several times faster.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from tgn.layout import TgnSettings, net


def split(flat: Tensor, s: TgnSettings) -> dict[str, Tensor]:
    """Return the network's weights as views of the flat parameter."""
    out, at = {}, 0
    for name, shape in net(s).items():
        size = math.prod(shape)
        out[name] = flat[at : at + size].view(shape)
        at += size
    return out


def initial(s: TgnSettings) -> np.ndarray:
    """Return fresh weights, float32 [weights(s)], drawn from the seed."""
    rng = np.random.default_rng(s.seed)
    parts = []
    for name, shape in net(s).items():
        if name == "place":
            part = np.tile(-0.1 * np.arange(s.history), (s.heads, 1))
        elif len(shape) == 2 and name not in ("bucket", "age", "from_user", "from_item"):
            part = rng.normal(0, 1 / math.sqrt(shape[0]), shape)
        elif name == "hidden_bias":
            part = np.full(shape, 0.01)  # without history all else is zero, where a ReLU passes no gradient
        else:
            part = np.zeros(shape)
        parts.append(part.reshape(-1).astype(np.float32))
    return np.concatenate(parts)


def user_vector(
    vectors: Tensor, valid: Tensor, buckets: Tensor, memory: Tensor, w: Mapping[str, Tensor], s: TgnSettings
) -> Tensor:
    """Return the users' vectors.

    Shapes:
        - vectors: float32 [n, K, d], of the last items, newest first; valid: bool [n, K]
        - buckets: int64 [n, K], log-age buckets; memory: float32 [n, m]
        - output: float32 [n, d]
    """
    n, k, d = vectors.shape
    each = d // s.heads
    last = vectors[:, 0]
    query = (last @ w["query"]).view(n, s.heads, each)
    key = (vectors @ w["key"]).view(n, k, s.heads, each)
    value = (vectors @ w["value"] + w["age"][buckets]).view(n, k, s.heads, each)
    score = torch.einsum("nhe,nkhe->nhk", query, key) / math.sqrt(each)
    score = score + w["place"][:, :k] + w["bucket"].t()[buckets].transpose(1, 2)
    score = score.masked_fill(~valid[:, None], -1e9)
    attention = torch.einsum("nhk,nkhe->nhe", score.softmax(-1), value).reshape(n, d)
    some = valid.any(1, keepdim=True).to(vectors.dtype)
    mean = (vectors * valid[..., None]).sum(1) / valid.sum(1, keepdim=True).clamp(min=1)
    x = torch.cat([attention * some, last, mean], 1)
    hidden = torch.relu(x @ w["hidden"] + memory @ w["from_user"] + w["hidden_bias"])
    return hidden @ w["out"] + w["out_bias"] + x @ w["skip"]
