"""Settings of the temporal graph network, and the shape of every learned table.

Everything learned lies in arrays passed in by the caller, a row a node, so that it is saved, shared and loaded
like any other table.  Nothing here imports torch: readers need the same shapes.
"""

from __future__ import annotations

import difflib
import math
from typing import Literal, get_args

import msgspec
import numpy as np

TYPES = 7  # event types, see `stream.event.event.KINDS`
AGES = 8  # width of the age code in a message
BUCKETS = 24  # log-age buckets of the attention
MEMORY = (
    "from_user",
    "from_item",
    "gru_in",
    "gru_hidden",
    "gru_bias",
    "gru_hidden_bias",
)  # node memory's weights, the last in the `net` row

Loss = Literal["softmax", "bpr", "nce"]  # see `tgn.training.loss`
Negatives = Literal["uniform", "popularity", "hard", "mixed"]  # see `tgn.training.negative`


class TgnSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes and learning rates.  Rates are per step of some hundreds of events."""

    dim: int = 48  # width of item vectors
    heads: int = 4
    history: int = 16  # last items the attention looks at
    node_memory: bool = (
        True  # memories of users and items that a GRU keeps; without, they are neither read nor written
    )
    memory: int = 32  # width of node memory
    columns: int = 0  # width of explicit features of items, and of users; 0 for none
    half_life_days: float = 1.0  # of messages within one batch, in the time-decayed aggregation
    learning_rate: float = 1e-2
    learning_rate_floor: float = 3e-3
    network_rate: float = 0.6  # of the learning rate, for the network's weights
    warm_steps: int = 200
    weight_decay: float = 1e-4
    clip: float = 5.0
    loss: Loss = "softmax"
    negatives: Negatives = "mixed"
    whole: int = 6_000  # up to so many items mixed and hard negatives are all items
    recent: int = 6_000  # events whose items are drawn from beyond that
    drawn: int = 2_500
    uniform: int = 100
    hard: int = 100  # negatives of the highest score that each event keeps of its pool
    replay: int = 1  # past events for each fresh one
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what the decoder would refuse.

        Raises:
            ValueError: No such loss, no such negatives, or a width that the heads cannot share.
        """
        for option, kind in (("loss", Loss), ("negatives", Negatives)):
            name, names = getattr(self, option), get_args(kind)
            if name not in names:
                near = difflib.get_close_matches(str(name), names, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ValueError(f"{option} {name!r}: not known; expected one of {', '.join(names)}{hint}")
        if self.dim % self.heads:
            raise ValueError(
                f"dim {self.dim}: {self.heads} heads cannot share it; expected a multiple of {self.heads}"
            )

    @property
    def message(self) -> int:
        """Width of a message: the other's vector, age code, event type, value."""
        return self.dim + AGES + TYPES + 1


def net(s: TgnSettings) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the network's weights, in the order they lie in the `net` row."""
    d, m = s.dim, s.memory
    explicit = {  # zero at first
        "from_item_column": (s.columns, d),  # an item's explicit features into its vector
        "output_item_column": (s.columns, d + 1),  # ... and into its output vector and bias
        "from_user_column": (s.columns, 2 * d),  # a user's into the hidden layer
    }
    return {
        "query": (d, d),
        "key": (d, d),
        "value": (d, d),
        "place": (s.heads, s.history),
        "bucket": (s.heads, BUCKETS),
        "age": (BUCKETS, d),
        "hidden": (3 * d, 2 * d),
        "hidden_bias": (2 * d,),
        "out": (2 * d, d),
        "out_bias": (d,),
        "skip": (3 * d, d),
        "again": (s.history,),  # repeat bias of an item of the history, by position, zero at first
        "again_age": (BUCKETS,),  # ... by age
        "again_user": (2 * d,),  # ... by the user's hidden layer
        **(explicit if s.columns else {}),
        "from_user": (m, 2 * d),  # user memory into the hidden layer, zero at first
        "from_item": (m, d),  # item memory into the item's vector, zero at first
        "gru_in": (s.message, 3 * m),
        "gru_hidden": (m, 3 * m),
        "gru_bias": (3 * m,),
        "gru_hidden_bias": (3 * m,),
    }


def weights(s: TgnSettings) -> int:
    """Return the length of the `net` row."""
    return sum(math.prod(shape) for shape in net(s).values())


def used(s: TgnSettings) -> int:
    """Return how many of the weights, from the first, are in use."""
    idle = () if s.node_memory else MEMORY
    return sum(math.prod(shape) for name, shape in net(s).items() if name not in idle)


def unpack(row: np.ndarray, s: TgnSettings) -> dict[str, np.ndarray]:
    """Return the network's weights as views of the row."""
    out, at = {}, 0
    for name, shape in net(s).items():
        size = math.prod(shape)
        out[name] = row[at : at + size].reshape(shape)
        at += size
    return out


def layout(s: TgnSettings) -> dict[str, tuple[str, np.dtype, tuple[int, ...]]]:
    """Return for each table: what a row stands for (user, item, one), the dtype, and a row's shape."""
    f4, i4, i8 = np.dtype("f4"), np.dtype("i4"), np.dtype("i8")
    d, m = s.dim, s.memory
    explicit = {"item_column": ("item", f4, (s.columns,)), "user_column": ("user", f4, (s.columns,))}
    return {
        "item_vector": ("item", f4, (d,)),
        "item_output": ("item", f4, (d + 2,)),  # vector, bias, and how often it was learned from
        "item_moment": ("item", f4, (2 * (2 * d + 1) + 2,)),  # Adam's moments and the steps of both vectors
        "item_memory": ("item", f4, (m,)),
        "item_time": ("item", i8, ()),
        "user_memory": ("user", f4, (m,)),
        "user_before": ("user", f4, (m,)),  # memory before the last update, and the message of that update:
        "user_message": ("user", f4, (s.message,)),  # the GRU learns through them
        "user_time": ("user", i8, ()),
        "user_last": ("user", i4, ()),
        "recent": ("one", i4, (s.recent + 2,)),  # events written, item rows in use, then a ring of items
        "net": ("one", f4, (weights(s),)),
        "net_moment": ("one", f4, (2 * weights(s) + 1,)),
        **(explicit if s.columns else {}),  # written by the caller, before the first event or between two
    }
