"""Reset rows whose values are NaN, infinite or above 1e9."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tgn.inference.layout import TgnSettings
from tgn.network.embedding import initial, start_vectors

HUGE = 1e9


def sane(rows: np.ndarray) -> np.ndarray:
    """Return which rows are finite and small enough for sums of squares, bool [n]."""
    out: np.ndarray = (np.abs(rows) < HUGE).all(1)
    return out


def reset(
    tables: Mapping[str, np.ndarray],
    settings: TgnSettings,
    weights: np.ndarray,
    items: np.ndarray,
    users: np.ndarray,
    alive: np.ndarray,
) -> dict[str, np.ndarray]:
    """Reset the weights, these items and these users where they are not sane; return the rows reset, by table.

    Shapes:
        - weights: float32 [any], those in use; items, users: int64 [n]; alive: int64 [m], sorted
    """
    s, t, changed = settings, tables, {}
    if not (sane(weights[None]).all() and sane(t["net_moment"]).all()):
        t["net"][0], t["net_moment"][0] = initial(s), 0
        changed["net"] = changed["net_moment"] = np.zeros(1, np.int64)
    names = ["item_vector", "item_output", "item_moment", "item_memory"]
    bad = items[~np.logical_and.reduce([sane(t[name][items]) for name in names])]
    known = bad[np.isin(bad, alive)]
    for name in names:
        t[name][bad] = 0
        changed[name] = bad
    t["item_vector"][bad] = start_vectors(bad, s.dim, s.seed)
    t["item_output"][known, : s.dim] = start_vectors(known, s.dim, s.seed + 7)
    t["item_output"][known, -1] = 1
    single = [(name, users) for name in ("user_before", "user_message", "user_memory")]
    if s.columns:
        single += [("user_column", users), ("item_column", items)]
    for name, rows in single:
        changed[name] = rows[~sane(t[name][rows])]
        t[name][changed[name]] = 0
    return changed
