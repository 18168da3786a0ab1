"""Refitting the slow vectors as the stream grows: at event numbers, not at clock times."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from state.counter.cooccurrence import busiest, gram
from stream.generation.generation import Generation
from tgn.inference.collaborative import score
from tgn.training.collaborative import fit

REST = 12.0  # a thread beside rests so many times as long as it fitted: live, fitting takes 8 % of a core at most
Fitted = tuple[np.ndarray, np.ndarray, np.ndarray]


class Refit:
    """Writes the table `slow`: a row an item, [left | right | 1 once fitted]; row 0 holds the events at the last fit.

    Args:
        background: Whether a fit runs in a thread beside; a replay ends in the same vectors only without.
    """

    def __init__(self, generation: Generation, *, background: bool) -> None:
        self.generation, self.settings = generation, generation.slow
        self.table = generation.learned["slow"].array
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="slow") if background else None
        self.waiting: Future[Fitted] | None = None
        self.changed = np.zeros(0, np.int64)
        self.rest = 0.0

    def step(self) -> None:
        """Fit when the stream has grown enough, and take in what a thread has fitted."""
        if self.waiting is not None:
            if self.waiting.done():
                self._take(self.waiting.result())
                self.waiting = None
            return
        if time.monotonic() < self.rest:
            return
        events = int(self.generation.world.state.world[0]["events"])
        if events < max(self.settings.first, self.settings.growth * float(self.table[0, 0])):
            return
        self.table[0, 0] = events
        if self.pool is None:
            self._take(self._fit())
        else:
            self.waiting = self.pool.submit(self._fit)

    def _fit(self) -> Fitted:
        begin = time.monotonic()
        state = self.generation.world.state
        rows = busiest(state, self.settings.items)
        left, right = fit(gram(state, rows), self.settings)
        if self.pool is not None:
            self.rest = time.monotonic() + REST * (time.monotonic() - begin)
        return rows.astype(np.int64), left, right

    def _take(self, fitted: Fitted) -> None:
        rows, left, right = fitted
        rank = self.settings.rank
        before = np.flatnonzero(self.table[: int(self.generation.world.state.world[0]["items"]), -1] > 0)
        self.table[before, -1] = 0
        self.table[rows, :rank], self.table[rows, rank:-1], self.table[rows, -1] = left, right, 1
        self.changed = np.union1d(self.changed, np.union1d(np.append(before, 0), rows))

    def dirty(self) -> np.ndarray:
        """Return the rows changed since the last call, int64 [n]."""
        out, self.changed = self.changed, np.zeros(0, np.int64)
        return out

    def score(self, hist: np.ndarray, cand: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return scores float32 [n, C] and whether the items were in the last fit."""
        return score(self.table, hist, cand, self.settings.keep)
