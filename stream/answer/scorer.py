"""What a reader thinks of candidates: counted features, learned scores, and the ranker that serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from state.ranking.attribution import causes
from state.ranking.column import BLEND, FEATURES, OWN_RECENCY, POP_3
from state.ranking.request import View, order, prepare
from state.record.layout import HISTORY
from state.record.world import Scratch
from state.retrieval.fallback import seen
from stream.answer.exploration import Exploration
from stream.answer.reason import PATH, sentence, short
from stream.answer.request import MAX_K, Recommend
from stream.catalogue.catalogue import Catalogue
from stream.catalogue.filter import Filter
from stream.catalogue.record import decode
from stream.error import BadEvent
from stream.generation.generation import Generation
from stream.generation.metadata import HIDDEN
from stream.generation.status import RANKERS
from tgn.inference.collaborative import score
from tgn.inference.ranker import EACH, Forward, row_inputs
from tgn.inference.user import Twin

AT_ONCE = 32  # descriptions taken in before a request is answered


class Scorer:
    """Finds and scores candidates for one request at a time; reads tables, writes none.

    Args:
        catalogue: What an earlier generation knew of items; their rows are the same.

    Shapes:
        - cand: int32 [MAX_K], the candidates of the request at hand; how many is returned by what finds them
        - x: float32 [MAX_K, features and learned inputs], a row each
        - hist: int32 [HISTORY], age: int64 [HISTORY] ms: the user's last items, newest first
    """

    def __init__(self, generation: Generation, catalogue: Catalogue | None = None) -> None:
        self.generation, self.state = generation, generation.world.state
        self.scratch = generation.world.scratch()
        self.filtered = self.scratch._replace(barred=np.zeros_like(self.scratch.barred))  # under a filter
        self.cand = np.zeros(MAX_K, np.int32)
        self.hist, self.age = np.full(HISTORY, -1, np.int32), np.zeros(HISTORY, np.int64)
        self.twin = Twin({name: t.array for name, t in generation.learned.items()}, generation.tgn)
        self.catalogue = catalogue or Catalogue()  # what items are
        self.told = 0  # changes of it that were told
        self.waiting: dict[int, None] = {}  # rows told of and not taken in yet
        self.explore: Exploration | None = None  # told of new items
        self.forward = Forward(generation.learned["ranker"].array[0], FEATURES, MAX_K)
        self.x = self.forward.x

    def catch_up(self, most: int = AT_ONCE) -> bool:
        """Take in what the items topic has told since the last call; hidden items are barred from now on.

        Of all else it takes in `most` items at once, those told of last first, so that a request does not wait for a
        whole catalogue.

        Returns:
            Whether some are left for the next call.
        """
        metadata, waiting = self.generation.metadata, self.waiting
        self.told, rows = metadata.since(self.told, int(self.state.world[0]["items"]))
        if rows:
            self.scratch.barred[rows] = metadata.known.array[rows] == HIDDEN
            for row in rows:
                waiting.pop(row, None)
                waiting[row] = None
        for _ in range(min(most, len(waiting))):
            self.take(waiting.popitem()[0])
        return bool(waiting)

    def take(self, row: int) -> None:
        """Take in what is told of an item."""
        self.waiting.pop(row, None)
        try:
            fields = decode(self.generation.metadata.get(row))
            self.catalogue.put(row, fields)
        except BadEvent:
            return  # half written: it is told again
        if self.explore is not None:
            self.explore.put(row, fields, int(self.state.items[row]["n"]))

    @contextmanager
    def barring(
        self, rows: np.ndarray, filter: Filter | None, now_ms: int, category: str = ""
    ) -> Iterator[Scratch]:
        """Bar these items, int32 [n], what a filter refuses, and what is of another category, while the block runs.

        The block has the room in which they are barred, which is the scorer's own for as long.
        """
        base, known, catalogue = self.scratch, self.generation.metadata.known.array, self.catalogue
        n = int(self.state.world[0]["items"])
        try:
            if filter is not None or category:
                self.scratch = self.filtered
                refused = catalogue.mask(filter, now_ms, n)[:n] if filter is not None else np.uint8(0)
                np.bitwise_or(base.barred[:n], refused, out=self.scratch.barred[:n])
            if category:
                other = catalogue.codes(np.arange(n)) != catalogue.words.code.get(category, -1)
                self.scratch.barred[:n] |= other
            self.scratch.barred[rows] = 1
            yield self.scratch
        finally:
            self.scratch = base
            base.barred[rows] = known[rows] == HIDDEN

    def shortfall(self, u: int, out: np.ndarray, request: Recommend, now_ms: int) -> dict[str, int]:
        """Return how many items there are, and how many a request's rules leave out, by rule."""
        n = min(int(self.state.world[0]["items"]), self.scratch.barred.shape[0])
        alive = (self.state.items["n"][:n] > 0) | (self.generation.metadata.known.array[:n] > 0)
        hidden = self.generation.metadata.known.array[:n] == HIDDEN
        found = {"items": int(alive.sum()), "hidden": int(hidden.sum())}
        found["excluded"] = int(np.unique(out).shape[0])
        if request.filter is not None:
            found["filtered"] = int((alive & (self.catalogue.mask(request.filter, now_ms, n)[:n] > 0)).sum())
        if not request.include_seen:
            found["seen"] = int(seen(self.state, self.scratch, u, now_ms))
        return {name: count for name, count in found.items() if count or name == "items"}

    def find(self, u: int, t: int, own: bool, limit: int) -> int:
        """Write at most `limit` candidates of user row `u` (-1: the guest) as of `t`; return how many.

        Args:
            own: Whether items the user has had may be among them.
        """
        return int(prepare(self.state, self.scratch, u, t, own, self._view(limit)))

    def bring(self, u: int, t: int, rows: np.ndarray) -> int:
        """Write the items that the caller brings, int32 [n], each once, as candidates; return how many."""
        self.cand[: rows.shape[0]] = rows
        order(self.state, self.scratch, u, t, self._view(rows.shape[0]))
        return rows.shape[0]

    def _view(self, n: int) -> View:
        return View(self.cand[:n], self.x, self.hist, self.age)

    def score(self, u: int, n: int) -> np.ndarray:
        """Return the scores of the first `n` candidates by the ranker that serves, float32 [n]."""
        if RANKERS[int(self.generation.status["serving"])] == "riverwalk" and n:
            self.learned_inputs(u, n)
        return self.judge(n)

    def judge(self, n: int) -> np.ndarray:
        """Return the scores of the first `n` rows of `x` as they stand, float32 [n]."""
        x = self.x[:n]
        ranker = RANKERS[int(self.generation.status["serving"])]
        if ranker == "own_recency":
            return x[:, OWN_RECENCY] + 1e-3 * x[:, BLEND]
        if ranker == "popularity":
            return x[:, POP_3]
        if ranker == "riverwalk" and n:
            learned = self.forward.logits(n)
            if np.isfinite(learned.sum()):
                return learned
        return x[:, BLEND] * 4

    def learned_inputs(self, u: int, n: int) -> None:
        """Write what the learned scores give the ranker."""
        generation, cand = self.generation, self.cand[:n]
        k = generation.tgn.history
        temporal, known = self.twin.score_known(self.hist[:k], self.age[:k], u, cand)
        row_inputs(temporal, known, self.x[:n, FEATURES : FEATURES + EACH])
        slow = generation.learned["slow"].array
        by_slow = score(slow, self.hist[None], cand[None], generation.slow.keep)
        row_inputs(by_slow[0][0], by_slow[1][0], self.x[:n, FEATURES + EACH :])

    def name(self, row: int) -> str:
        """Return an item's name."""
        return self.names([row])[0]

    def names(self, rows: list[int]) -> list[str]:
        """Return items' names, empty where there is none."""
        items = self.generation.items
        if max(rows, default=0) >= len(items):
            items.catch_up()
        text, n = items.text, len(items)
        return [text[row] if row < n else "" for row in rows]

    def fresh(self, seed: int) -> str:
        """Return in words why a new item is in the answer: what it is like (-1: nothing of the user's)."""
        return f"new, and like {self.title(seed)}" if seed >= 0 else "new here"

    def title(self, row: int) -> str:
        """Return what an item is called: its title, where one is told, or its name."""
        title = self.catalogue.value(row, "title")
        return short(title) if isinstance(title, str) and title.strip() else self.name(row)

    def causes(self, u: int, rows: np.ndarray) -> np.ndarray:
        """Return why items, int32 [n], are in an answer, and what led there, int64 [n, 4] (see `state.ranking.attribution`)."""
        found = np.zeros((rows.shape[0], 4), np.int64)
        causes(self.state, self.scratch, u, rows, found)
        return found

    def reasons(self, u: int, rows: np.ndarray) -> list[str]:
        """Return in words why items, int32 [n], are in the answer, as of the stream's time."""
        now = int(self.state.world[0]["t"])
        said: dict[tuple[int, int], str] = {}  # several items come from one of the user's
        reasons = []
        for cause, seed, t, kind in self.causes(u, rows).tolist():
            words = said.get((cause, seed))
            if words is None:
                title = self.title(seed) if cause in PATH else ""
                words = said[cause, seed] = sentence(cause, kind, now - t, title)
            reasons.append(words)
        return reasons
