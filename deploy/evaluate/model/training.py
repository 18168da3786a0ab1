"""The training part of a log as models are fitted on it."""

from __future__ import annotations

import numpy as np

from deploy.config.schema import BadConfig
from deploy.evaluate.model.side import Side
from deploy.evaluate.split import Split, pair, taken


def fitted_on(log: Split) -> np.ndarray:
    """Return which events are fitted on, bool [n]: those of the training part that take their items.

    The validation part is not used to stop early: where most of its users are new, as in MovieLens, models stop by it
    before they have learned.  A fit draws a part of training for that, so that validation figures are none of its own.
    """
    out: np.ndarray = (log.part == 0) & taken(log.kind)
    return out


def shown(log: Split) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of users and items of the training part that were shown or disliked and never taken."""
    train, had = log.part == 0, taken(log.kind)
    key = pair(log.users, log.items)
    rows = np.flatnonzero(train & ~had & ~np.isin(key, key[train & had]))
    rows = rows[np.unique(key[rows], return_index=True)[1]]
    return log.users[rows], log.items[rows]


def require(model: str, what: str, side: Side) -> None:
    """Raise BadConfig where a model lacks what it needs beside events."""
    if lack := needs(what, side):
        raise BadConfig(f"{model}: {lack}")


def needs(what: str, side: Side) -> str:
    """Return what a model lacks that needs something beside events; empty where it has it."""
    if what == "trust" and (side.trust is None or not side.trust.shape[1]):
        return "it needs who trusts whom: give --trust FILE"
    if what == "columns" and side.item_columns is None and side.user_columns is None:
        return "it needs to know what items or users are: give --items FILE"
    if what == "kinds" and not side.item_kinds and not side.user_kinds:
        return "it needs kinds of items or users: give --items FILE with a category, say"
    return ""
