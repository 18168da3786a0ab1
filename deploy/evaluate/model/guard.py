"""The guard under a protocol where the user's other true items of a stamp do not compete."""

from __future__ import annotations

import numpy as np

from state.ranking.sample import Sample
from stream.learning.guard import Guard, Judged


class Apart(Guard):
    """Judges samples without the user's other true items of the same stamp.

    The rule is one of ranks: what is learned from is the whole sample.

    Args:
        status: As for `Guard`.
        pairs: Item rows by user and stamp, where a user has several at one stamp.
    """

    def __init__(self, status: np.void, pairs: dict[tuple[int, int], list[int]]) -> None:
        super().__init__(status)
        self.pairs = pairs

    def judge(self, sample: Sample, learned: np.ndarray, blend: np.ndarray) -> Judged:
        """Return the ranks of the true items by each ranker; see `Guard.judge`."""
        barred = self._barred(sample, learned.shape[1])
        if not barred.any():
            return super().judge(sample, learned, blend)
        order = np.argsort(barred, axis=1, kind="stable")  # what does not compete goes behind the others
        label = np.where(sample.label < 0, sample.label, np.argmax(order == sample.label[:, None], axis=1))
        found = sample.found - barred.sum(1, dtype=sample.found.dtype)
        kept = sample._replace(found=found, label=label.astype(sample.label.dtype))
        return super().judge(kept, np.take_along_axis(learned, order, 1), np.take_along_axis(blend, order, 1))

    def _barred(self, sample: Sample, width: int) -> np.ndarray:
        """Return which candidates do not compete, bool [n, width]."""
        out = np.zeros((sample.n.shape[0], width), bool)
        for s, key in enumerate(zip(sample.user.tolist(), sample.t.tolist(), strict=True)):
            others = [row for row in self.pairs.get(key, ()) if row != sample.item[s]]
            if others:
                found = int(sample.found[s])
                out[s, :found] = np.isin(sample.cand[s, :found], others)
        return out
