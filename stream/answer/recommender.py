"""Recommendations: the answering line, from the tables of one generation.

There is no thread, no socket and no wall clock in here, and asking writes nothing: a request has room of its own,
handed down from step to step (`retrieval`), so that several threads may ask at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from state.counter.mixture import weights
from state.record.layout import FOREVER, KINDS
from state.retrieval.candidate import CANDIDATES
from stream.answer.exploration import Exploration
from stream.answer.item import Items
from stream.answer.request import Answer, Rank, Recommend
from stream.answer.rerank import Chosen, Reranker
from stream.answer.retrieval import NONE, Retrieval
from stream.answer.setting import AnswerSettings
from stream.catalogue.catalogue import Catalogue
from stream.catalogue.syntax import Filter
from stream.generation.generation import Generation
from tgn.inference.user import UserEncoder


class Recommender:
    """Answers requests over one generation of tables, which another process writes.

    Args:
        generation: The tables.
        ttl, settings: The rules of answers where a request has none of its own; `ttl` as of `rule.ttl`, else all forever.
        catalogue: What an earlier generation knew of items.
    """

    def __init__(
        self,
        generation: Generation,
        *,
        ttl: np.ndarray | None = None,
        settings: AnswerSettings | None = None,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.generation, self.state = generation, generation.world.state
        self.ttl = np.full(KINDS, FOREVER, np.int64) if ttl is None else ttl
        settings, catalogue = settings or AnswerSettings(), catalogue or Catalogue()
        self.exploration = Exploration(settings, catalogue)
        self.items = Items(generation, self.exploration, catalogue)
        self.reranker = Reranker(settings, self.exploration)
        self.candidates = CANDIDATES  # of a request at most
        self._encoder = UserEncoder({name: t.array for name, t in generation.learned.items()}, generation.tgn)
        self._free: deque[Retrieval] = deque()

    @contextmanager
    def retrieval(
        self, user: int = -1, *, visited: np.ndarray = NONE, seen: np.ndarray | None = None,
        excluded: np.ndarray = NONE, filter: Filter | None = None, category: str = "",
    ) -> Iterator[Retrieval]:  # fmt: skip
        """Give a request its room while the block runs; one that fails leaves its room behind.

        Raises:
            BadFilter: The filter is on a field that no item has.
        """
        if filter is not None:
            self.items.catalogue.check(filter)
        try:
            room = self._free.pop()
        except IndexError:
            room = Retrieval(self.generation, self.items, self._encoder)
        room.begin(user, self.ttl if seen is None else seen, visited)
        room.bar(excluded, filter, category)
        yield room
        room.end()
        self._free.append(room)

    def recommend(self, request: Recommend) -> Answer:
        """Answer a request; nothing is written.

        1. ids: an unknown user is row -1, a guest: with what a session names, or with nothing (the start node)
        2. find: candidates and their features as of the newest event; excluded ones are none
        3. score: the ranker that does best on the live stream orders them
        4. re-rank: seen items are out unless asked for; tail, diversity, caps, fallback, exploration
        5. ids: rows become names, with scores and reasons
        """
        items, visited = self.items, request.visited
        user = self.generation.users.row.get(request.user, -1) if visited is None else -1
        with self.retrieval(
            user,
            visited=items.rows(visited or []),
            seen=request.seen,
            excluded=items.rows(request.exclude, any_of=True),
            filter=request.filter,
        ) as room:
            n = room.find(request.include_seen, self.candidates)
            chosen = self.reranker.choose(room, n, room.score(n), request)
            return self._answer(room, chosen, request)

    def _answer(self, room: Retrieval, chosen: Chosen, request: Recommend) -> Answer:
        rows, short = chosen.rows.tolist(), {}
        reasons = self._reasons(room, chosen) if request.with_reasons else []
        if len(rows) < request.k:
            short = room.shortfall(request.filter, request.include_seen)
            if chosen.cut:
                short["tail"] = chosen.cut
        names, scores = self.items.names(rows), chosen.scores.tolist()
        if "" in names:  # evicted in the meantime
            left = [k for k, name in enumerate(names) if name]
            names, scores = [names[k] for k in left], [scores[k] for k in left]
            reasons = [reasons[k] for k in left] if reasons else []
        return Answer(names, scores, reasons, room.t, {}, short)

    def _reasons(self, room: Retrieval, chosen: Chosen) -> list[str]:
        reasons = room.reasons(chosen.rows)
        for k, row in enumerate(chosen.rows.tolist()):
            if row in chosen.explored:
                seed = chosen.explored[row]
                title = room.title(seed) if seed >= 0 else ""
                reasons[k] = f"new, and like {title}" if title else "new here"
        return reasons

    def rank(self, request: Rank) -> Answer:
        """Order the items the caller brings, best first; items without an event come last, scored -inf.

        Hidden ones are left out; where there are any, `shortfall` tells how many were brought and how many are hidden.
        """
        brought = list(dict.fromkeys(request.items))
        hidden = self.items.hidden[self.items.rows(brought, keep=True, any_of=True)] > 0
        names = [name for name, out in zip(brought, hidden.tolist(), strict=True) if not out]
        short = {"items": len(brought), "hidden": len(brought) - len(names)} if hidden.any() else {}
        rows = self.items.rows(names, keep=True)
        known = np.flatnonzero(rows > 0)
        score = np.full(len(names), -np.inf)
        with self.retrieval(self.generation.users.row.get(request.user, -1)) as room:
            score[known] = room.score(room.bring(rows[known]))
            t = room.t
        order = np.argsort(-score, kind="stable").tolist()
        return Answer([names[k] for k in order], [float(score[k]) for k in order], [], t, {}, short)

    def warm(self) -> None:
        """Compile every kernel that RECOMMEND needs, as long as no rule asks for more, before the first one comes."""
        # First: others call it, and a kernel with an entry needs no second one
        weights(np.array(self.state.world[0]["credit"][1]))
        self.recommend(Recommend(user="", k=1, with_reasons=True))
        with self.retrieval() as room:
            room.learned_inputs(1)
            room.ranker.logits(1)

    def warm_rest(self) -> None:
        """Compile the kernels of RANK, and of rules that few requests have."""
        self.rank(Rank("", []))
        with self.retrieval() as room:
            self.reranker.warm(room)
