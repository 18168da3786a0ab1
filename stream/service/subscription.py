"""Subscriptions: who wants to hear of a user's list when it changes, whichever way they are connected.

    tables ─► stamps of the watched users ─► changed? ─► due ─► recommend ─► another list? ─► receivers
              every 20 ms, all at once        └─ heard of it less than `gap_s` ago: due when that is over

A user's stamp is a number that changes with each of the user's events, so that looking costs no more than reading one
number for each user, whatever the stream does.  All who want the same list share one computation; between two of them
other requests are answered.  A list changes also without an event of its user, as items rise or are hidden: while
nothing is due, the list that was computed longest ago is computed anew, the more often the fewer there are.

Lists are without explored items, whose places are drawn anew with each event of the stream.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from stream.answer.request import Answer, Recommend
from stream.error import BadRequest
from stream.service.backend import Backend

LOOK_S: Final = 0.02  # between two looks at the stamps
RENEW_S: Final = (
    5.0  # a list that nothing happened to is computed anew after so long, or later where there are many
)
RATE: Final = 10.0  # messages a second about one list, at most
MOST: Final = 10_000  # lists that are watched by one reader


class Mailbox(Protocol):
    """The channels that a client has subscribed to."""

    @property
    def channels(self) -> Mapping[str, object]: ...
    def __len__(self) -> int: ...
    def open(self, channel: str) -> None: ...
    def leave(self, channel: str) -> None: ...
    def close(self) -> None: ...
    def flush(self) -> None: ...


class Update:
    """A list that has changed; `encoded` is room for transports to keep what they make of it, once for all receivers.

    Fields:
        number: Of the changes of this list that were told, from 1; 0 for the list as it was at first.
    """

    __slots__ = ("answer", "encoded", "number", "request")

    def __init__(self, request: Recommend, answer: Answer, number: int) -> None:
        self.request, self.answer, self.number = request, answer, number
        self.encoded: dict[str, bytes] = {}


Receiver = Callable[[Update], None]


class Subscription:
    """One who wants to hear of a list; `first` also of the list as it is."""

    __slots__ = ("first", "key", "receive")

    def __init__(self, key: str, receive: Receiver, first: bool) -> None:
        self.key, self.receive, self.first = key, receive, first


class _Watched:
    """A list that somebody wants to hear of."""

    __slots__ = ("computed_s", "key", "last", "number", "queued", "receivers", "request", "stamp")

    def __init__(self, key: str, request: Recommend, stamp: int) -> None:
        self.key, self.request, self.stamp = key, request, stamp
        self.receivers: dict[Subscription, None] = {}
        self.last: Answer | None = None
        self.number = 0
        self.computed_s = 0.0
        self.queued = True


class Subscriptions:
    """The lists that are watched by one reader.

    Args:
        rate: Messages a second about one list at most.
        renew_s: Seconds after which a list that nothing happened to is computed anew.
        most: Lists at most.
    """

    def __init__(
        self, backend: Backend, *, rate: float = RATE, renew_s: float = RENEW_S, most: int = MOST
    ) -> None:
        self._backend = backend
        self._gap_s, self._renew_s, self._most = 1.0 / rate, renew_s, most
        self._watched: dict[str, _Watched] = {}  # the one computed longest ago first
        self._due: dict[str, None] = {}  # the one that has waited longest first
        self._later: list[tuple[float, str]] = []  # heap: when one that was told lately is due
        self._task: asyncio.Task[None] | None = None
        self._more = asyncio.Event()
        self.told = 0  # changes told so far, each once for all its receivers

    def __len__(self) -> int:
        """Return how many lists are watched."""
        return len(self._watched)

    def receivers(self, key: str) -> int:
        """Return how many want to hear of a list."""
        found = self._watched.get(key)
        return 0 if found is None else len(found.receivers)

    @property
    def watched(self) -> list[str]:
        """The keys of the lists that are watched."""
        return list(self._watched)

    def subscribe(
        self, key: str, request: Recommend, receive: Receiver, *, first: bool = False
    ) -> Subscription:
        """Have a receiver be told whenever the answer to a request changes.

        Args:
            key: The same for all that want the same list, and only for them.
            request: Its own wish to explore is not heard.
            receive: Called on the loop of this call; it must not wait.
            first: Also tell the list as it is now.

        Raises:
            BadRequest: Too many lists are watched.
        """
        watched = self._watched.get(key)
        if watched is None:
            if len(self._watched) >= self._most:
                raise BadRequest(
                    f"{self._most} lists are watched already; unsubscribe from some, or ask again later"
                )
            request.explore = 0.0
            watched = self._watched[key] = _Watched(key, request, self._backend.stamps([request.user])[0])
            self._due[key] = None
            self._more.set()
        made = Subscription(key, receive, first and watched.last is None)
        watched.receivers[made] = None
        if first and watched.last is not None:
            update = Update(watched.request, watched.last, 0)
            asyncio.get_running_loop().call_soon(self._tell_first, made, update)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._watch())
        return made

    def cancel(self, subscription: Subscription) -> None:
        """Tell a receiver no more; a list that nobody wants to hear of is watched no more."""
        watched = self._watched.get(subscription.key)
        if watched is None:
            return
        watched.receivers.pop(subscription, None)
        if not watched.receivers:
            del self._watched[subscription.key]
            self._due.pop(subscription.key, None)
            self._more.set()

    def close(self) -> None:
        """Watch nothing any more."""
        self._watched.clear()
        self._due.clear()
        if self._task is not None:
            self._task.cancel()

    def _tell_first(self, subscription: Subscription, update: Update) -> None:
        watched = self._watched.get(subscription.key)
        if watched is not None and subscription in watched.receivers:
            subscription.receive(update)

    async def _watch(self) -> None:
        """Look, and compute what is due, one list at a time, as long as there are any."""
        loop = asyncio.get_running_loop()
        looked = 0.0
        while self._watched:
            now = loop.time()
            if now - looked >= LOOK_S:
                looked = now
                try:
                    self._look(now)
                except Exception as exc:  # whatever it is, the next look is to come
                    self._report("who had an event could not be looked at", exc)
            watched = self._next(now)
            if watched is not None:
                self._compute(watched, now)
                await asyncio.sleep(0)
                continue
            self._more.clear()
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._more.wait()
            except TimeoutError:
                continue

    def _look(self, now: float) -> None:
        """Put in the queue the lists of users who had an event, and one that was computed long ago."""
        watched = list(self._watched.values())
        stamps = self._backend.stamps([one.request.user for one in watched])
        for one, stamp in zip(watched, stamps, strict=True):
            if stamp != one.stamp and not one.queued:
                self._queue(one, now)
        if not self._due:
            oldest = next(iter(self._watched.values()))
            if not oldest.queued and now - oldest.computed_s >= self._renew_s:
                self._queue(oldest, now)

    def _queue(self, watched: _Watched, now: float) -> None:
        watched.queued = True
        ready = watched.computed_s + self._gap_s
        if ready <= now:
            self._due[watched.key] = None
        else:
            heapq.heappush(self._later, (ready, watched.key))

    def _next(self, now: float) -> _Watched | None:
        """Take the list that has been due longest, None where none is."""
        while self._later and self._later[0][0] <= now:
            _, key = heapq.heappop(self._later)
            if key in self._watched:
                self._due[key] = None
        if not self._due:
            return None
        key = next(iter(self._due))
        del self._due[key]
        return self._watched.get(key)

    def _compute(self, watched: _Watched, now: float) -> None:
        """Compute a list, and tell it where it is another one than before."""
        first, watched.queued, watched.computed_s = watched.last is None, False, now
        self._watched[watched.key] = self._watched.pop(watched.key)
        before, watched.stamp = watched.stamp, self._backend.stamps([watched.request.user])[0]
        try:
            answer = self._backend.recommend(watched.request)
        except Exception as exc:  # whatever it is, the other lists go on, and this one comes again
            watched.stamp = before
            if not isinstance(exc, BadRequest):  # it is being loaded, or the filter's field is gone
                self._report("a list that is watched could not be computed", exc)
            return
        last, watched.last = watched.last, answer
        # A list that is computed for the first time has changed where its user had an event since somebody subscribed.
        changed = before != watched.stamp if last is None else last.items != answer.items
        if changed:
            watched.number += 1
            self.told += 1
        update = Update(watched.request, answer, watched.number)
        for one in list(watched.receivers):
            if changed or (first and one.first):
                self._deliver(one, update)

    def _deliver(self, subscription: Subscription, update: Update) -> None:
        """Tell one receiver; one that fails does not keep the others from being told."""
        try:
            subscription.receive(update)
        except Exception as exc:
            self._report("a subscriber could not be told that a list has changed", exc)

    def _report(self, message: str, exc: Exception) -> None:
        asyncio.get_running_loop().call_exception_handler({"message": message, "exception": exc})
