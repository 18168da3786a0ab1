"""Negative sampling: the items a loss is over, those taken in the batch and negatives among the items alive.

    uniform      each item alive as likely as any other
    popularity   the items of the last events, so as likely as they are taken now
    mixed        all items alive while they are few; then mostly as popularity, some as uniform
    hard         drawn as mixed, of which each event keeps those it scores highest (see `loss.hard_loss`)

A pool is shared by all events of a batch, so that one product scores them all.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tgn.inference.layout import TgnSettings


class Pool:
    """The items alive, a ring of the items taken last, and draws from both.

    Args:
        tables: Arrays named as in `layout.layout`; the ring `recent` is written in place.

    Attributes:
        hurried: Whether events wait: a pool is then no larger than what is drawn, also where it could be all items, and the
            learner replays none of the past.
    """

    hurried = False

    def __init__(
        self, tables: Mapping[str, np.ndarray], settings: TgnSettings, rng: np.random.Generator
    ) -> None:
        self.tables, self.settings, self.rng = tables, settings, rng
        self.load()

    def load(self) -> None:
        """Read from the tables which items are alive."""
        rows = int(self.tables["recent"][0, 1])
        self.alive = np.flatnonzero(self.tables["item_output"][:rows, -1] > 0).astype(np.int64)

    def note(self, item: np.ndarray) -> np.ndarray:
        """Record the items int32 [n] of new events; return those that were not alive before, int64, sorted."""
        recent, size = self.tables["recent"][0], self.settings.recent
        slot = (int(recent[0]) + np.arange(item.shape[0])) % size
        recent[2 + slot] = item
        written = int(recent[0]) + item.shape[0]
        recent[0] = written if written < 2 * size else size + written % size
        recent[1] = max(int(recent[1]), int(item.max(initial=0)) + 1)
        fresh = np.unique(item[~(self.tables["item_output"][item, -1] > 0)]).astype(np.int64)
        if fresh.shape[0]:
            self.alive = np.union1d(self.alive, fresh)
        return fresh

    def drop(self, rows: np.ndarray) -> None:
        """Forget evicted items, int64 [n]."""
        self.alive = np.setdiff1d(self.alive, rows)

    def draw(self, item: np.ndarray) -> np.ndarray:
        """Return the rows of a pool that holds `item`, int64 [P], sorted, each once."""
        s = self.settings
        if self._whole():
            return self.alive
        popular, uniform = self._draws()
        recent = self.tables["recent"][0]
        used = min(int(recent[0]), s.recent)
        some = recent[2 + self.rng.integers(0, used, popular)]
        other = self.alive[self.rng.integers(0, self.alive.shape[0], uniform)]
        rows: np.ndarray = np.unique(np.concatenate([some, other, item]).astype(np.int64))
        return rows[self.tables["item_output"][rows, -1] > 0]  # the ring may name evicted items

    def noise(self, rows: np.ndarray) -> np.ndarray:
        """Return the log of how often each of the rows is among the draws of a pool, float32 [P]; 0 for always."""
        if self._whole():
            return np.zeros(rows.shape[0], np.float32)
        popular, uniform = self._draws()
        recent = self.tables["recent"][0]
        ring = np.sort(recent[2 : 2 + min(int(recent[0]), self.settings.recent)])
        times = np.searchsorted(ring, rows, "right") - np.searchsorted(ring, rows, "left")
        missed = (1 - times / max(ring.shape[0], 1)) ** popular
        missed *= (1 - 1 / max(self.alive.shape[0], 1)) ** uniform
        log: np.ndarray = np.log(np.maximum(1 - missed, 1e-6)).astype(np.float32)
        return log

    def _whole(self) -> bool:
        s = self.settings
        most = min(s.whole, s.drawn + s.uniform) if self.hurried else s.whole
        return s.negatives in ("mixed", "hard") and self.alive.shape[0] <= most

    def _draws(self) -> tuple[int, int]:
        """Return how many are drawn from the last events, and how many from all items."""
        s = self.settings
        if s.negatives == "uniform":
            return 0, s.drawn + s.uniform
        if s.negatives == "popularity":
            return s.drawn + s.uniform, 0
        return s.drawn, s.uniform
