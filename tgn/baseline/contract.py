"""Contracts of the models to compare with: a `Baseline` orders items, a `Model` is fitted and gives baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol

import numpy as np

from tgn.baseline.fitting.clock import Clock

Cold = Literal["features", "neighbours", "cannot"]  # what a user or item unseen in training is scored by
Progress = Callable[[float], object]  # the share of the fit that is done, from 0 to 1


class Baseline(Protocol):
    """Orders all items for a user.  `score` changes nothing; two equal calls give two equal answers.

    Items and users are rows from 0; ids never seen score like everything nobody has touched.
    """

    name: str

    def score(self, user: int, t: int) -> np.ndarray:
        """Return one score an item, float64 [items], larger is better, as of `t` (ms)."""

    def learn(self, user: int, item: int, t: int) -> None:
        """Learn that `user` took `item` at `t` (ms)."""


class Training(NamedTuple):
    """All that a model may be fitted on: events of the training part, and what is known beside them.

    Rows of users and items go from 0 to `n_users` and `n_items`; those of later events count as known by name, and
    have no event here.

    Shapes:
        - users, items: int32 [n], in order of time; t: int64 [n], ms; value: float32 [n], ratings where the log has them
        - held_users, held_items: int32 [m], later events to stop early by; empty where there is no validation part: a
          model that stops early then draws some of training, and fits all of it again for the epochs that were best
        - shown_users, shown_items: int32 [s], shown and not taken
        - user_columns, item_columns: float32 [n_users, c], [n_items, c], scaled; None where no file was given
        - user_kinds, item_kinds: by name (such as `category`, `publisher`), int32 [n_users] or [n_items], -1 for none; None where there are none
        - trust: int32 [2, e], who trusts (row 0) whom (row 1); None where no file was given
    """

    users: np.ndarray
    items: np.ndarray
    t: np.ndarray
    value: np.ndarray
    n_users: int
    n_items: int
    held_users: np.ndarray
    held_items: np.ndarray
    shown_users: np.ndarray
    shown_items: np.ndarray
    user_columns: np.ndarray | None = None
    item_columns: np.ndarray | None = None
    user_kinds: Mapping[str, np.ndarray] | None = None
    item_kinds: Mapping[str, np.ndarray] | None = None
    trust: np.ndarray | None = None


class Point(NamedTuple):
    """A point of a learning curve."""

    epoch: int
    seconds: float  # since the fit began
    loss: float
    recall: float  # recall@20 of the held events, a mean over users; NaN where none are held


class Fitted(Protocol):
    """A fitted model.  Its baselines begin at the end of training: `learn` is for what comes after.

    Fields:
        curve: Its learning curve, empty where it has none.
        smoothness: Mean pairwise cosine of node vectors by layer, the first before any layer; empty where it has no layers.
        bytes: Of what has to be kept to answer.
        cold_users, cold_items: How those without training events are scored.
    """

    curve: list[Point]
    smoothness: list[float]
    bytes: int
    cold_users: Cold
    cold_items: Cold

    def frozen(self) -> Baseline:
        """Return the model as of the end of training: `learn` changes nothing."""

    def live(self) -> Baseline | None:
        """Return the model with the user's history as it is now and its weights as fitted; None where that is the same."""


class Model(Protocol):
    """A model to be fitted.

    Fields:
        name: Lower case with hyphens, as the command line takes it.
        needs: What `fit` cannot do without: `trust`, `columns` or `kinds`; empty for nothing.
    """

    name: str
    needs: str

    def memory(self, n_users: int, n_items: int, n_events: int) -> int:
        """Return an upper estimate of the bytes that a fit takes beside the program itself."""

    def fit(self, training: Training, seed: int, progress: Progress, clock: Clock) -> Fitted:
        """Fit, in the clock's seconds at most: what is best by then counts."""
