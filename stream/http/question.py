"""The questions of HTTP, each a method that takes the values of its command and returns the reply."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final

from stream.answer.lookup.request import Found, History, Neighbourhood, Person
from stream.answer.request import Rank, Recommend, Similar, Trending
from stream.error import BadFilter, BadRequest, Loading
from stream.http.problem import Missing
from stream.http.reply import Described, Events, Listed, Users, listed
from stream.service.backend import About
from stream.service.erasure import Receipt, erased
from stream.service.session import Service

Values = dict[str, Any]
USUAL: Final[Values] = {"with_scores": True, "with_reasons": True}
Asked = Callable[[Values], Coroutine[Any, Any, Any]]


class Questions:
    """Answers the questions of clients; `asked` has them by the name of the command."""

    def __init__(self, service: Service) -> None:
        self._service, self._backend = service, service.backend
        self.asked: dict[str, Asked] = {
            "RECOMMEND": self.recommend,
            "SESSION": self.session,
            "RANK": self.rank,
            "SIMILAR": self.similar,
            "TRENDING": self.trending,
            "EXPLAIN": self.explain,
            "ITEM": self.item,
            "FORGET": self.forget,
            "HISTORY": self.history,
            "GRAPH": self.graph,
            "USER": self.user,
            "FIND": self.find,
            "BUSIEST": self.busiest,
            "NEWEST": self.newest,
            "INFO": self.info,
            "HEALTH": self.health,
            "SETTINGS": self.settings,
        }

    async def recommend(self, values: Values) -> Listed:
        """Items for a user."""
        request = Recommend(**USUAL | values)
        await self._service.reach(request)
        return listed(self._backend.recommend(request), user=request.user)

    async def session(self, values: Values) -> Listed:
        """Items for a visitor without a name."""
        request = Recommend("", **USUAL | values)
        return listed(self._backend.recommend(request))

    async def rank(self, values: Values) -> Listed:
        """Items that the client brings, in order."""
        request = Rank(**values)
        return listed(self._backend.rank(request), user=request.user)

    async def similar(self, values: Values) -> Listed:
        """Items near an item."""
        request = Similar(**values)
        with missing():
            return listed(self._backend.similar(request), item=request.item)

    async def trending(self, values: Values) -> Listed:
        """Items that rise."""
        return listed(self._backend.trending(Trending(**values)))

    async def explain(self, values: Values) -> dict[str, str]:
        """Why an item stands where it stands."""
        with missing():
            return self._backend.explain(**values)

    async def item(self, values: Values) -> Described:
        """What an item is."""
        item = values["item"]
        found = self._backend.item(item)
        if found is None:
            raise Missing(
                f"nothing is known of item {item!r}; the items topic, or ITEM on the socket, tells it"
            )
        return Described(item, found)  # type: ignore[arg-type]

    async def forget(self, values: Values) -> Receipt:
        """Forget a user."""
        return await erased(self._service, **values)

    async def history(self, values: Values) -> History:
        """What a user had."""
        return self._backend.history(**values)

    async def graph(self, values: Values) -> Neighbourhood:
        """The co-watch edges of an item."""
        with missing():
            return self._backend.graph(**values)

    async def user(self, values: Values) -> Person:
        """What is known of a user."""
        return self._backend.user(**values)

    async def find(self, values: Values) -> Found:
        """Items and users by a text."""
        return await self._backend.find(**values)

    async def busiest(self, values: Values) -> Users:
        """Users who are active now."""
        return Users(self._backend.busiest(**values))

    async def newest(self, values: Values) -> Events:
        """The newest events."""
        return Events(self._backend.newest(**values))

    async def info(self, values: Values) -> dict[str, str | int | float]:
        """What INFO tells."""
        return self._backend.info()

    async def health(self, values: Values) -> dict[str, bool | str]:
        """Whether answers are fresh, and why not."""
        ready, why = self._backend.ready()
        return {"ready": ready, "reason": why}

    async def settings(self, values: Values) -> About:
        """Settings in force, and versions."""
        return self._service.about


@contextmanager
def missing() -> Iterator[None]:
    """What the backend does not know is not there."""
    try:
        yield
    except (BadFilter, Loading):
        raise
    except BadRequest as exc:
        raise Missing(str(exc)) from exc
