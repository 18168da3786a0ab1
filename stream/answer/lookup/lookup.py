"""What a reader tells of the tables as they are: histories, neighbours, users, names, what happens, and the moment."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from msgspec.structs import replace

from stream.answer.lookup.activity import Activity
from stream.answer.lookup.history import history, person, stamps
from stream.answer.lookup.neighbour import neighbourhood
from stream.answer.lookup.request import NOWHERE, Busy, Found, Happened, History, Meta, Neighbourhood, Person
from stream.answer.lookup.search import Search
from stream.answer.recommender import Recommender
from stream.error import BadRequest
from stream.generation.generation import Generation

Told = TypeVar("Told")


class Lookup(ABC):
    """The part of a reader that ranks nothing; who inherits it keeps `recommender` and the names up to date.

    Fields:
        recommender: Over the newest generation, None before the first.
        activity: What happens now, looked at with every tick.
    """

    recommender: Recommender | None

    def __init__(self) -> None:
        self.recommender = None
        self.activity, self._search = Activity(), Search()
        self._applied = b""  # the offsets that were told last, as they lie in the status,
        self._offsets: dict[int, int] = {}  # and by partition

    @abstractmethod
    def _current(self) -> Recommender:
        """Return what answers now, or raise Loading."""

    @abstractmethod
    def _catch_up(self, generation: Generation) -> None:
        """Take in what was named and described since the last request."""

    def _item(self, item: str) -> int:
        row = self._current().generation.items.row.get(item, 0)
        if row == 0:
            raise BadRequest(f"item {item!r} is not known; wanted an item some event has named")
        return row

    def offsets(self) -> dict[int, int]:
        """Return the next offset of each partition that is not in an answer yet."""
        if self.recommender is None:
            return {}
        applied = self.recommender.generation.status["applied"]
        now = applied.tobytes()
        if now != self._applied:
            found = np.frombuffer(now, applied.dtype)
            self._offsets = {p: int(found[p]) for p in np.flatnonzero(found).tolist()}
            self._applied = now
        return self._offsets

    def meta(self) -> Meta:
        """Return the moment that an answer given now is as of."""
        if self.recommender is None:
            return NOWHERE
        t = int(self.recommender.state.world[0]["t"])
        status = self.recommender.generation.status
        age = max(0, int(time.time() * 1000) - t) if t else 0
        return Meta(self.offsets(), t, self.recommender.generation.number, age, int(status["lag"]))

    def stamps(self, users: Sequence[str]) -> list[int]:
        """Return a number for each user that changes with every event of the user, impressions included."""
        if self.recommender is None:
            return [0] * len(users)
        known = self.recommender.generation.users.row
        return stamps(self.recommender.state, [known.get(user, -1) for user in users])

    def history(self, user: str, k: int = 10) -> History:
        """Return what a user had, the newest first."""
        return replace(self._of_user(user, lambda found: history(found, user, k)), meta=self.meta())

    def user(self, user: str) -> Person:
        """Return what is known of a user."""
        return replace(self._of_user(user, lambda found: person(found, user)), meta=self.meta())

    def _of_user(self, user: str, ask: Callable[[Recommender], Told]) -> Told:
        """Ask about a user whose row may go to another user while it is read: then once more."""
        recommender = self._current()
        users = recommender.generation.users
        row, found = users.row.get(user), ask(recommender)
        self._catch_up(recommender.generation)
        return found if users.row.get(user) == row else ask(recommender)

    def graph(self, item: str, k: int = 10) -> Neighbourhood:
        """Return the strongest co-watch edges of an item; a hidden item has none."""
        row, recommender = self._item(item), self._current()
        if recommender.items.hidden[row]:
            raise BadRequest(f"item {item!r} is hidden; UNHIDE lets it be in answers again")
        return replace(neighbourhood(recommender, row, k), meta=self.meta())

    async def find(self, text: str, k: int = 10) -> Found:
        """Return items and users whose id begins with a text, and items by their titles."""
        return replace(await self._search.find(self._current(), text, k), meta=self.meta())

    def busiest(self, k: int = 10) -> list[Busy]:
        """Return the users with most events in the last minutes."""
        return self.activity.busiest(self._current(), k)

    def newest(self, k: int = 10, after: int = 0) -> list[Happened]:
        """Return the last events that were applied, newest first, of those numbered above `after`."""
        return self.activity.newest(self._current(), k, after)
