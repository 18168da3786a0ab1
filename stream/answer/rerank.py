"""Re-ranking: tail cut-off, MMR diversity, category caps, fallback, exploration slots.

tail        items hardly worth showing beside the best are left out, and nothing takes their slots
diversity   an item is worth less beside items like it
caps        so many items of a category at most
fallback    popular, then recent, then described items fill up to k
explore     the last slots may go to new items
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from state.record.profile import GUEST
from state.retrieval.exploration import Slots
from state.retrieval.exploration import chosen as fitting_new
from state.retrieval.fallback import fill
from stream import metric
from stream.answer.exploration import SEEDS, Exploration
from stream.answer.request import Recommend
from stream.answer.retrieval import Retrieval
from stream.answer.setting import AnswerSettings
from tgn.inference.diversity import capped, likeness, mixed

VARIED = 3  # candidates that diversity chooses from, for each slot


class Chosen(NamedTuple):
    """Rows of items in the order they are shown, their scores, which of them are explored and why, and what was cut."""

    rows: np.ndarray
    scores: np.ndarray
    explored: dict[int, int]  # row of a new item, and of the user's item it is like (-1: none)
    cut: int  # candidates below the tail


class Reranker:
    """Puts scored candidates in the order they are shown, by the rules of a request."""

    def __init__(self, settings: AnswerSettings, exploration: Exploration) -> None:
        self.settings, self.exploration = settings, exploration

    def choose(self, room: Retrieval, n: int, score: np.ndarray, request: Recommend) -> Chosen:
        """Return what is shown of the first `n` candidates.

        Shapes:
            - score: float32 [n]
        """
        k, cap = request.k, request.per_category
        tail, diversity, share = self._rules(request)
        order, cut = (-score).argsort(kind="stable"), 0
        if tail <= 0 and diversity <= 0 and not cap:
            order = order[:k]
        rows, scores = room.cand[order], score[order]
        if tail > 0 and n:
            kept = int((scores >= scores[0] + np.log(tail)).sum())
            rows, scores, cut = rows[:kept], scores[:kept], n - kept
        if diversity > 0 and rows.shape[0] > 1:
            slots = _mixed(room, rows, scores, diversity, request)
            rows, scores = rows[slots], scores[slots]
        if cap:
            slots = capped(room.items.catalogue.codes(rows), cap, k)
            rows, scores = rows[slots], scores[slots]
        rows, scores = rows[:k], scores[:k]
        if rows.shape[0] < k and tail <= 0:
            rows, scores = _filled(room, rows, scores, request)
        if share > 0 and self.exploration.shelves:
            return self._explored(room, Chosen(rows, scores, {}, cut), request, share)
        return Chosen(rows, scores, {}, cut)

    def _rules(self, request: Recommend) -> tuple[float, float, float]:
        """Return tail, diversity and the share explored, where a request says nothing those of the settings."""
        return (
            self.settings.tail if request.tail is None else request.tail,
            self.settings.diversity if request.diversity is None else request.diversity,
            self.settings.explore if request.explore is None else request.explore,
        )

    def _explored(self, room: Retrieval, chosen: Chosen, request: Recommend, share: float) -> Chosen:
        """Return an answer whose last slots went to new items, as far as any fit."""
        state, exploration, k = room.state, self.exploration, request.k
        slots = exploration.places(request.user, int(state.world[0]["events"]), k, share)
        if slots == 0:
            return chosen
        user = state.users[room.user] if room.user >= 0 else state.profile[GUEST]
        near = exploration.near(user["item"][: min(SEEDS, int(user["slots"]))].tolist(), state.items["n"])
        new = np.array([row for row, _ in near], np.int32)
        kinds, described = room.items.catalogue.categories, room.generation.metadata.known.array
        fits = fitting_new(
            state, room.user, new, kinds, described, room.scratch.barred, chosen.rows,
            Slots(slots, k, request.per_category or k),
        )  # fmt: skip
        found = dict(near[place] for place in fits.tolist())
        left = min(chosen.rows.shape[0], k - len(found))
        for row in found:
            exploration.show(row)
        metric.explored(len(found))
        low = float(chosen.scores[:left].min()) if left else 0.0
        more = low - 1.0 - np.arange(len(found))
        rows = np.append(chosen.rows[:left], np.array([*found], np.int32))
        return Chosen(rows, np.append(chosen.scores[:left], more), found, chosen.cut)

    def warm(self, room: Retrieval) -> None:
        """Compile the kernels that only some requests need."""
        rows, scores = np.zeros(1, np.int32), np.zeros(1, np.float32)
        mixed(scores, alike(room, rows), 0.5, 1)
        capped(room.items.catalogue.codes(rows), 1, 1)
        self.exploration.near([], room.state.items["n"])
        known = room.generation.metadata.known.array
        fitting_new(room.state, -1, rows, rows, known, room.scratch.barred, rows, Slots(1, 1, 1))


def alike(room: Retrieval, rows: np.ndarray) -> np.ndarray:
    """Return how alike items are, float32 [n, n], by their collaborative vectors, else by category."""
    rank = room.generation.slow.rank
    vectors = room.generation.learned["slow"].array[:, rank : 2 * rank][rows]
    found: np.ndarray = likeness(vectors, room.items.catalogue.codes(rows))
    return found


def _mixed(
    room: Retrieval, rows: np.ndarray, scores: np.ndarray, diversity: float, request: Recommend
) -> np.ndarray:
    """Return the positions of rows in an order of variety; all that may be needed where categories are capped."""
    most = min(rows.shape[0], VARIED * request.k)
    wanted = most if request.per_category else request.k
    return mixed(scores[:most], alike(room, rows[:most]), diversity, wanted)


def _filled(
    room: Retrieval, rows: np.ndarray, scores: np.ndarray, request: Recommend
) -> tuple[np.ndarray, np.ndarray]:
    """Return an answer with popular, recent, then described items after those that were ranked, up to k in all."""
    m, cap = rows.shape[0], request.per_category
    out = np.zeros(request.k if not cap else int(room.state.world[0]["items"]) + m, np.int32)
    out[:m] = rows
    described, own = room.generation.metadata.known.array, request.include_seen
    rows = out[: int(fill(room.state, room.scratch, room.user, room.t, own, out, m, described))]
    if cap:
        rows = rows[capped(room.items.catalogue.codes(rows), cap, request.k)]
    low = float(scores.min()) if m else 0.0
    return rows, np.append(scores, low - 1.0 - np.arange(rows.shape[0] - m))
