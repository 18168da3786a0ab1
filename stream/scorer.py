"""What a reader thinks of candidates: counted features, learned scores, and the ranker that serves."""

from __future__ import annotations

import numpy as np

from state.answer import AGAIN, BECAUSE, NEW, NEWCOMER, POPULARITY, RISE, order, prepare, seen, why
from state.feature import FEATURES, NAMES
from state.record import HISTORY
from stream.catalogue import Catalogue, decode
from stream.error import BadEvent
from stream.filter import Filter
from stream.generation import Generation
from stream.request import MAX_K, Recommend
from stream.status import RANKERS
from tgn.forward import Forward, row_inputs
from tgn.slow import score
from tgn.vector import Twin

OWN_RECENCY, POPULAR = NAMES.index("own_recency"), NAMES.index("pop_3")


class Scorer:
    """Finds and scores candidates for one request at a time; reads tables, writes none.

    Shapes:
        - cand: int32 [MAX_K], the candidates of the request at hand; how many is returned by what finds them
        - x: float32 [MAX_K, features and learned inputs], a row each
        - hist: int32 [HISTORY], age: int64 [HISTORY] ms: the user's last items, newest first
    """

    def __init__(self, generation: Generation) -> None:
        self.generation, self.state = generation, generation.world.state
        self.scratch = generation.world.scratch()
        self.cand = np.zeros(MAX_K, np.int32)
        self.hist, self.age = np.full(HISTORY, -1, np.int32), np.zeros(HISTORY, np.int64)
        self.twin = Twin({name: t.array for name, t in generation.learned.items()}, generation.tgn)
        self.catalogue, self.told = Catalogue(), 0  # what items are, and how many changes of it are in there
        self.forward = Forward(generation.learned["ranker"].array[0], FEATURES, MAX_K)
        self.x = self.forward.x

    def catch_up(self) -> None:
        """Take in what the items topic has told since the last call; hidden items are barred from now on."""
        metadata, barred = self.generation.metadata, self.scratch.barred
        told, rows = metadata.since(self.told, int(self.state.world[0]["items"]))
        for row in rows:
            try:
                self.catalogue.put(row, decode(metadata.get(row)))
            except BadEvent:
                continue  # half written: it is told again
            barred[row] = self.catalogue.hidden[row]
        self.told = told

    def bar(self, rows: np.ndarray, filter: Filter | None, now_ms: int) -> None:
        """Bar these items, int32 [n], and those a filter refuses, until `free`."""
        barred = self.scratch.barred
        if filter is not None:
            n = min(int(self.state.world[0]["items"]), barred.shape[0])
            np.maximum(barred[:n], self.catalogue.mask(filter, now_ms, n)[:n], out=barred[:n])
        barred[rows] = 1

    def free(self, rows: np.ndarray, filter: Filter | None) -> None:
        """Leave nothing barred but the hidden items."""
        barred, hidden = self.scratch.barred, self.catalogue.hidden
        if filter is not None:
            n = min(barred.shape[0], hidden.shape[0])
            barred[:] = 0
            barred[:n] = hidden[:n]
        else:
            known = rows[rows < hidden.shape[0]]
            barred[rows] = 0
            barred[known] = hidden[known]

    def capped(self, rows: np.ndarray, most: int, k: int) -> np.ndarray:
        """Return the places of the first `k` rows, int64, of which no category has more than `most`."""
        count: dict[int, int] = {}
        places: list[int] = []
        for place, row in enumerate(rows.tolist()):
            code = self.catalogue.category(row)
            if code:
                if count.get(code, 0) == most:
                    continue
                count[code] = count.get(code, 0) + 1
            places.append(place)
            if len(places) == k:
                break
        return np.array(places, np.int64)

    def shortfall(self, u: int, out: np.ndarray, request: Recommend, now_ms: int) -> dict[str, int]:
        """Return how many items there are, and how many a request's rules leave out, by rule."""
        n = min(int(self.state.world[0]["items"]), self.scratch.barred.shape[0])
        alive = self.state.items["n"][:n] > 0
        hidden = np.zeros(n, np.uint8)
        known = self.catalogue.hidden[:n]
        hidden[: known.shape[0]] = known
        found = {"items": int(alive.sum()), "hidden": int((alive & (hidden > 0)).sum())}
        found["excluded"] = int(np.unique(out).shape[0])
        if request.filter is not None:
            found["filtered"] = int((alive & (self.catalogue.mask(request.filter, now_ms, n)[:n] > 0)).sum())
        if not request.include_seen:
            found["seen"] = int(seen(self.state, self.scratch, u))
        return {name: count for name, count in found.items() if count or name == "items"}

    def find(self, u: int, t: int, own: bool, limit: int) -> int:
        """Write at most `limit` candidates of user row `u` (-1: the guest) as of `t`; return how many.

        Args:
            own: Whether items the user has had may be among them.
        """
        cand = self.cand[:limit]
        return int(prepare(self.state, self.scratch, u, t, own, cand, self.x, self.hist, self.age))

    def bring(self, u: int, t: int, rows: np.ndarray) -> int:
        """Write the items that the caller brings, int32 [n], each once, as candidates; return how many."""
        self.cand[: rows.shape[0]] = rows
        order(self.state, self.scratch, u, t, self.cand[: rows.shape[0]], self.x, self.hist, self.age)
        return rows.shape[0]

    def score(self, u: int, n: int) -> np.ndarray:
        """Return the scores of the first `n` candidates by the ranker that serves, float32 [n]."""
        x = self.x[:n]
        ranker = RANKERS[int(self.generation.status["serving"])]
        if ranker == "own_recency":
            return x[:, OWN_RECENCY] + 1e-3 * x[:, 0]
        if ranker == "popularity":
            return x[:, POPULAR]
        if ranker == "riverwalk" and n:
            self.learned_inputs(u, n)
            learned = self.forward.logits(n)
            if np.isfinite(learned.sum()):
                return learned
        return x[:, 0] * 4

    def learned_inputs(self, u: int, n: int) -> None:
        """Write what the learned scores give the ranker."""
        generation, cand = self.generation, self.cand[:n]
        k = generation.tgn.history
        temporal, known = self.twin.score_known(self.hist[:k], self.age[:k], u, cand)
        self.x[:n, FEATURES : FEATURES + 3] = row_inputs(temporal, known)
        slow = generation.learned["slow"].array
        by_slow = score(slow, self.hist[None], cand[None], generation.slow.keep)
        self.x[:n, FEATURES + 3 :] = row_inputs(by_slow[0][0], by_slow[1][0])

    def name(self, row: int) -> str:
        """Return an item's name."""
        items = self.generation.items
        if row >= len(items):
            items.catch_up()
        return items.text[row] if row < len(items) else ""

    def reason(self, u: int, row: int) -> str:
        """Return in words why an item is in the answer."""
        code, seed = why(self.state, u, row)
        if code == BECAUSE:
            return f"because of {self.name(seed)}"
        return {
            AGAIN: "you had it before",
            NEWCOMER: "newcomers take it first",
            RISE: "rising now",
            POPULARITY: "popular",
            NEW: "new or rarely taken",
        }[code]
