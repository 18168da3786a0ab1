"""The last line of an answer: scored candidates become the items that are shown, by the rules.

tail      items hardly worth showing beside the best are left out, and nothing fills their places
variety   an item is worth less beside items like it
caps      so many items of a category at most
fill      popular, then recent, then described items fill up to k
explore   the last places may go to new items
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from state.counter.mixture import weights
from state.retrieval.exploration import Slots, chosen
from state.retrieval.fallback import fill
from stream import metric
from stream.answer.exploration import SEEDS, Exploration
from stream.answer.request import Recommend
from stream.answer.scorer import Scorer
from stream.answer.setting import AnswerSettings
from tgn.inference.diversity import capped, likeness, mixed

VARIED = 3  # candidates that variety chooses from, for each place


class Chosen(NamedTuple):
    """Rows of items in the order they are shown, their scores, which of them are explored and why, and what was cut."""

    rows: np.ndarray
    scores: np.ndarray
    explored: dict[int, int]  # row of a new item, and of the user's item it is like (-1: none)
    cut: int  # candidates below the tail


class Arrangement:
    """Puts candidates in order by the rules of a request, over the tables of one scorer."""

    def __init__(self, scorer: Scorer, settings: AnswerSettings) -> None:
        self.scorer, self.settings = scorer, settings
        self.exploration = Exploration(settings, scorer.catalogue)
        scorer.explore = self.exploration

    def choose(self, u: int, t: int, n: int, score: np.ndarray, request: Recommend) -> Chosen:
        """Return what is shown of the first `n` candidates of user row `u`.

        Shapes:
            - score: float32 [n]
        """
        scorer, k, cap = self.scorer, request.k, request.per_category
        order = np.argsort(-score, kind="stable")
        rows, scores = scorer.cand[order], score[order]
        cut, tail = 0, self.settings.tail if request.tail is None else request.tail
        if tail > 0 and n:
            kept = int((scores >= scores[0] + np.log(tail)).sum())
            rows, scores, cut = rows[:kept], scores[:kept], n - kept
        variety = self.settings.diversity if request.diversity is None else request.diversity
        if variety > 0 and rows.shape[0] > 1:
            most = min(rows.shape[0], VARIED * k)
            places = mixed(scores[:most], self.alike(rows[:most]), variety, most if cap else k)
            rows, scores = rows[places], scores[places]
        if cap:
            kept_places = self._capped(rows, cap, k)
            rows, scores = rows[kept_places], scores[kept_places]
        rows, scores = rows[:k], scores[:k]
        if rows.shape[0] < k and tail <= 0:
            rows, scores = self._filled(rows, scores, u, t, request)
        share = self.settings.explore if request.explore is None else request.explore
        if share > 0 and self.exploration.shelves:
            return self._explored(rows, scores, u, request, share, cut)
        return Chosen(rows, scores, {}, cut)

    def warm(self) -> None:
        """Compile the kernels that only some requests need."""
        rows, scores = np.zeros(1, np.int32), np.zeros(1, np.float32)
        weights(self.scorer.state, True)
        mixed(scores, self.alike(rows), 0.5, 1)
        self._capped(rows, 1, 1)
        self.exploration.near([], self.scorer.state.items["n"])
        known = self.scorer.generation.metadata.known.array
        chosen(self.scorer.state, -1, rows, rows, known, self.scorer.scratch.barred, rows, Slots(1, 1, 1))

    def alike(self, rows: np.ndarray) -> np.ndarray:
        """Return how alike items are, float32 [n, n], by their collaborative vectors, else by category."""
        generation, rank = self.scorer.generation, self.scorer.generation.slow.rank
        vectors = generation.learned["slow"].array[:, rank : 2 * rank][rows]
        alike: np.ndarray = likeness(vectors, self.scorer.catalogue.codes(rows))
        return alike

    def _capped(self, rows: np.ndarray, most: int, k: int) -> np.ndarray:
        """Return the places of the first `k` rows, int64, of which no category has more than `most`."""
        places: np.ndarray = capped(self.scorer.catalogue.codes(rows), most, k)
        return places

    def _filled(
        self, rows: np.ndarray, scores: np.ndarray, u: int, t: int, request: Recommend
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return an answer with popular, recent, then described items after those that were ranked, up to k in all."""
        scorer, k, m, cap = self.scorer, request.k, rows.shape[0], request.per_category
        items = int(scorer.state.world[0]["items"])
        room = np.zeros(k if not cap else items + m, np.int32)
        room[:m] = rows
        described = scorer.generation.metadata.known.array
        own = request.include_seen
        rows = room[: int(fill(scorer.state, scorer.scratch, u, t, own, room, m, described))]
        if cap:
            rows = rows[self._capped(rows, cap, k)]
        low = float(scores.min()) if m else 0.0
        return rows, np.append(scores, low - 1.0 - np.arange(rows.shape[0] - m))

    def _explored(
        self, rows: np.ndarray, scores: np.ndarray, u: int, request: Recommend, share: float, cut: int
    ) -> Chosen:
        """Return an answer whose last places went to new items, as far as any fit."""
        scorer, exploration = self.scorer, self.exploration
        events = int(scorer.state.world[0]["events"])
        places = exploration.places(request.user, events, request.k, share)
        if places == 0:
            return Chosen(rows, scores, {}, cut)
        user = scorer.state.users[u] if u >= 0 else scorer.state.guest[0]
        near = exploration.near(
            user["item"][: min(SEEDS, int(user["slots"]))].tolist(), scorer.state.items["n"]
        )
        new = np.array([row for row, _ in near], np.int32)
        kinds, described = scorer.catalogue.categories, scorer.generation.metadata.known.array
        cap = request.per_category or request.k
        fits = chosen(
            scorer.state, u, new, kinds, described, scorer.scratch.barred, rows, Slots(places, request.k, cap)
        )  # fmt: skip
        found = dict(near[place] for place in fits.tolist())
        left = min(rows.shape[0], request.k - len(found))
        for row in found:
            exploration.show(row)
        metric.explored(len(found))
        low = float(scores[:left].min()) if left else 0.0
        more = low - 1.0 - np.arange(len(found))
        rows = np.append(rows[:left], np.array([*found], np.int32))
        return Chosen(rows, np.append(scores[:left], more), found, cut)
