"""A fitted model whose scores depend on the weekday and the season of the request."""

from __future__ import annotations

import numpy as np

from tgn.baseline.contract import Baseline
from tgn.baseline.fitting.vectors import VectorFitted
from tgn.baseline.graph.context import numbers


class TimedFitted:
    """Vectors, and what each context adds to the scores of items.

    Args:
        plain: The model for the mean context.
        timely: By context, float32 [contexts, n_items]; items without a vector stand last in all of them.
    """

    def __init__(self, plain: VectorFitted, timely: dict[str, np.ndarray]) -> None:
        self.plain, self.timely = plain, timely
        for added in timely.values():
            added[:, ~plain.scored_items()] = added.min(axis=1, keepdims=True)
        self.curve, self.smoothness = plain.curve, plain.smoothness
        self.cold_users, self.cold_items = plain.cold_users, plain.cold_items
        self.bytes = plain.bytes + sum(one.nbytes for one in timely.values())

    def frozen(self) -> Baseline:
        """Return the model as of the end of training."""
        return _Timed(self.plain.frozen(), self.timely)

    def live(self) -> Baseline | None:
        """Return the model with histories that go on."""
        live = self.plain.live()
        return live and _Timed(live, self.timely)


class _Timed:
    def __init__(self, plain: Baseline, timely: dict[str, np.ndarray]) -> None:
        self.name, self.plain, self.timely = plain.name, plain, timely

    def score(self, user: int, t: int) -> np.ndarray:
        out = self.plain.score(user, t)
        for name, added in self.timely.items():
            out = out + added[int(numbers(name, np.array([t]))[0])]
        return out

    def learn(self, user: int, item: int, t: int) -> None:
        self.plain.learn(user, item, t)
