"""Retrieval: the candidates of one request, their features and their scores, in room that is the request's own."""

from __future__ import annotations

from math import isfinite

import numpy as np

from state.ranking.attribution import causes
from state.ranking.column import BLEND, FEATURES, OWN_RECENCY, POP_3
from state.ranking.request import View, order, prepare
from state.record.layout import HISTORY, PROFILE
from state.record.profile import visit
from state.retrieval.fallback import seen
from stream.answer.item import Items
from stream.answer.reason import PATH, sentence
from stream.answer.request import MAX_K
from stream.catalogue.syntax import Filter
from stream.generation.generation import Generation
from stream.generation.metadata import HIDDEN
from stream.generation.status import RANKERS
from tgn.inference.collaborative import score
from tgn.inference.ranker import EACH, Forward, row_inputs
from tgn.inference.user import UserEncoder

NONE = np.zeros(0, np.int32)


class Retrieval:
    """One request at a time: it is begun, handed down from step to step, and ended; nobody else sees its arrays.

    Fields:
        user, t: The user's row, -1 for a guest, and the stream time in ms it is answered as of.
        state: The tables, with profiles of its own.
        scratch: Room for the kernels, with the request's barred items and seen rule.

    Shapes:
        - cand: int32 [MAX_K], the candidates; how many is returned by what finds them
        - x: float32 [MAX_K, features and learned inputs], a row each
        - hist: int32 [HISTORY], age: int64 [HISTORY] ms: the user's last items, newest first
    """

    def __init__(self, generation: Generation, items: Items, encoder: UserEncoder) -> None:
        self.generation, self.items, self.encoder = generation, items, encoder
        self.state = generation.world.state._replace(profile=np.zeros(2, PROFILE))
        self._whole = generation.world.scratch()
        self._narrow = self._whole._replace(barred=np.zeros_like(self._whole.barred))  # under a filter
        self.scratch = self._whole
        self.cand = np.zeros(MAX_K, np.int32)
        self.hist, self.age = np.full(HISTORY, -1, np.int32), np.zeros(HISTORY, np.int64)
        self.ranker = Forward(generation.learned["ranker"].array[0], FEATURES, MAX_K)
        self.x = self.ranker.x
        self.user, self.t = -1, 0
        # Columns of the one-row tables, looked up once: a request asks for each of them.
        self._time, self._serving = self.state.world["t"], generation.taught.quality_table.array["serving"]
        self._slow = generation.learned["slow"].array
        self._history = generation.tgn.history
        self.excluded = NONE
        self._version = 0  # of `items.hidden` that is in `barred`

    def begin(self, user: int, ttl: np.ndarray, visited: np.ndarray = NONE) -> None:
        """Begin a request.

        Args:
            user: The user's row, -1 for a guest: with what a session names in `visited`, or with nothing.
            ttl: The seen rule, int64 [KINDS] ms.
        """
        self.user, self.t = user, int(self._time[0])
        if user < 0:  # only then the guest is looked at
            visit(self.state, visited, self.t)
        self.scratch.ttl[:] = ttl
        items = self.items
        if self._version != items.version:
            self._version = items.version
            self.scratch.barred[: items.reach] = items.hidden[: items.reach]

    def bar(self, excluded: np.ndarray, filter: Filter | None, category: str = "") -> None:
        """Bar these items, int32 [n], what a filter refuses, and what is of another category, for this request."""
        if filter is not None or category:
            items, whole, n = self.items, self._whole, int(self.state.world[0]["items"])
            self.scratch = self._narrow
            refused = items.catalogue.mask(filter, self.t, n)[:n] if filter is not None else np.uint8(0)
            np.bitwise_or(whole.barred[:n], refused, out=self.scratch.barred[:n])
            if category:
                self._bar_others(category, n)
        if excluded.shape[0]:
            self.scratch.barred[excluded] = 1
        self.excluded = excluded

    def _bar_others(self, category: str, n: int) -> None:
        """Bar every item of another category."""
        catalogue = self.items.catalogue
        other = catalogue.codes(np.arange(n)) != catalogue.words.code.get(category, -1)
        self.scratch.barred[:n] |= other

    def end(self) -> None:
        """End the request: what it barred is free again."""
        if self.excluded.shape[0]:
            self._whole.barred[self.excluded] = self.items.hidden[self.excluded]
        self.scratch, self.excluded = self._whole, NONE

    def find(self, own: bool, limit: int) -> int:
        """Write at most `limit` candidates; return how many.

        Args:
            own: Whether items the user has had may be among them.
        """
        return int(prepare(self.state, self.scratch, self.user, self.t, own, self._view(limit)))

    def bring(self, rows: np.ndarray) -> int:
        """Write the items that the caller brings, int32 [n], each once, as candidates; return how many."""
        self.cand[: rows.shape[0]] = rows
        order(self.state, self.scratch, self.user, self.t, self._view(rows.shape[0]))
        return rows.shape[0]

    def _view(self, n: int) -> View:
        return View(self.cand[:n], self.x, self.hist, self.age)

    @property
    def serving(self) -> str:
        """The ranker that serves."""
        return RANKERS[int(self._serving[0])]

    def score(self, n: int) -> np.ndarray:
        """Return the scores of the first `n` candidates by the ranker that serves, float32 [n]."""
        serving = self.serving
        if serving == "riverwalk" and n:
            self.learned_inputs(n)
        return self._judge(n, serving)

    def judge(self, n: int) -> np.ndarray:
        """Return the scores of the first `n` rows of `x` as they stand, float32 [n]."""
        return self._judge(n, self.serving)

    def _judge(self, n: int, ranker: str) -> np.ndarray:
        x = self.x[:n]
        if ranker == "own_recency":
            return x[:, OWN_RECENCY] + 1e-3 * x[:, BLEND]
        if ranker == "popularity":
            return x[:, POP_3]
        if ranker == "riverwalk" and n:
            learned = self.ranker.logits(n)
            if isfinite(np.add.reduce(learned)):
                return learned
        return x[:, BLEND] * 4

    def learned_inputs(self, n: int) -> None:
        """Write the temporal and the collaborative scores of the first `n` candidates as inputs of the ranker."""
        cand, k = self.cand[:n], self._history
        temporal, known = self.encoder.score_known(self.hist[:k], self.age[:k], self.user, cand)
        row_inputs(temporal, known, self.x[:n, FEATURES : FEATURES + EACH])
        by_slow = score(self._slow, self.hist[None], cand[None], self.generation.slow.keep)
        row_inputs(by_slow[0][0], by_slow[1][0], self.x[:n, FEATURES + EACH :])

    def causes(self, rows: np.ndarray) -> np.ndarray:
        """Return why items, int32 [n], are in an answer, and what led there, int64 [n, 4] (see `state.ranking.attribution`)."""
        found = np.zeros((rows.shape[0], 4), np.int64)
        causes(self.state, self.scratch, self.user, rows, found)
        return found

    def reasons(self, rows: np.ndarray) -> list[str]:
        """Return in words why items, int32 [n], are in the answer."""
        said: dict[tuple[int, int], str] = {}  # several items come from one of the user's
        reasons = []
        for cause, seed, t, kind in self.causes(rows).tolist():
            words = said.get((cause, seed))
            if words is None:
                title = self.title(seed) if cause in PATH else ""
                words = said[cause, seed] = sentence(cause, kind, self.t - t, title)
            reasons.append(words)
        return reasons

    def title(self, row: int) -> str:
        """Return what an item is called in a reason, empty for one that is hidden: no answer names it."""
        return "" if self.items.hidden[row] else self.items.title(row)

    def shortfall(self, filter: Filter | None, include_seen: bool) -> dict[str, int]:
        """Return how many items there are, and how many the request's rules leave out, by rule."""
        n = min(int(self.state.world[0]["items"]), self.scratch.barred.shape[0])
        known = self.generation.metadata.known.array[:n]
        alive = (self.state.items["n"][:n] > 0) | (known > 0)
        found = {"items": int(alive.sum()), "hidden": int((known >= HIDDEN).sum())}
        found["excluded"] = int(np.unique(self.excluded).shape[0])
        if filter is not None:
            found["filtered"] = int((alive & (self.items.catalogue.mask(filter, self.t, n)[:n] > 0)).sum())
        if not include_seen:
            found["seen"] = int(seen(self.state, self.scratch, self.user, self.t))
        return {name: count for name, count in found.items() if count or name == "items"}
