"""Matrix factorization with side information: fixed columns with learned weights, beside latent vectors.

    score(u, i) = p_u . q_i + a_u . x_i + x_u . c_i + b_u + b_i

x_i and x_u are the columns of the item and of the user; a_u is what user u makes of an item's columns, c_i what item
i makes of a user's.  It is one product of longer vectors, [p_u, a_u, x_u] . [q_i, x_i, c_i], so it is fitted as `mf` is,
each side solving for what it may learn.

Source: Agarwal and Chen, Regression-based Latent Factor Models (2009), section 2, for columns beside latent vectors;
Hu, Koren and Volinsky (2008) for the fit.  A user without events has p_u and a_u of the mean user and its own x_u; an
item without events likewise.
"""

from __future__ import annotations

import msgspec
import numpy as np

from tgn.baseline.contract import Fitted, Progress, Training
from tgn.baseline.factor.als import memory
from tgn.baseline.factor.mf import AlsNetwork, MfSettings, fitted
from tgn.baseline.fitting import trainer
from tgn.baseline.fitting.clock import Clock

MOST = 256  # columns of a side that a fit in memory is estimated for


class MfSideSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`mf` as for matrix factorization; `columns` is the cost of a learned weight over that of a latent coordinate."""

    mf: MfSettings = MfSettings()
    columns: float = 1.0


def columns(training: Training) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of users and of items, float32 [n_users, a], [n_items, b]; none is a width of 0."""
    sides = ((training.user_columns, training.n_users), (training.item_columns, training.n_items))
    user, item = (np.zeros((n, 0), np.float32) if x is None else x.astype(np.float32) for x, n in sides)
    return user, item


class MfSide:
    """Fits matrix factorization with the columns of users and items.

    Args:
        settings: Width, costs and schedule; None takes the defaults.
    """

    name = "mf-side"
    needs = "columns"

    def __init__(self, settings: MfSideSettings | None = None) -> None:
        self.settings = settings or MfSideSettings()

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return the bytes of vectors with up to `MOST` columns, of cells, and of what is solved at once."""
        return memory(n_users + n_items, self.settings.mf.dim + 2 + MOST, n_events)

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Solve for one side after the other until recall on held events rises no more."""
        user, item = columns(training)
        done = trainer.fit(
            lambda part: AlsNetwork(part, self.settings.mf, user, item, self.settings.columns),
            training,
            self.settings.mf.schedule,
            seed,
            progress,
            clock,
        )
        return fitted(
            self.name,
            done,
            training,
            self.settings.mf,
            "features" if user.shape[1] else "neighbours",
            "features" if item.shape[1] else "neighbours",
        )
