"""The stream of a user's list: a message now, and one whenever the list changes.

A message is what GET /v1/recommend/{user} replies, with titles and reasons, and its id stands for the items in their order:
a client that comes again with it as Last-Event-ID hears of a list that is another one.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final
from zlib import crc32

from stream.answer.request import Recommend
from stream.http.message import Line
from stream.http.reply import listed
from stream.http.v1.message import BEAT, RETRY, message
from stream.service.session import Service
from stream.service.subscription import Subscription, Subscriptions, Update

BEAT_S: Final = 15.0


class Watches:
    """The streams of lists of one reader."""

    def __init__(self, service: Service, subscriptions: Subscriptions, beat_s: float = BEAT_S) -> None:
        self._service, self._subscriptions, self._beat_s = service, subscriptions, beat_s
        self._lines: set[Line] = set()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to keep lines open."""
        self._task = asyncio.get_running_loop().create_task(self._beat())

    def close(self) -> None:
        """End all streams."""
        if self._task is not None:
            self._task.cancel()
        for line in list(self._lines):
            line.end()

    def feed(self, values: dict[str, Any], last: str) -> Watch:
        """Return the stream of a list.

        Args:
            values: The user, and k.
            last: The id of the last message that the client had.
        """
        request = Recommend(**values, with_scores=True, with_reasons=True, with_titles=True, with_meta=True)
        return Watch(self._subscriptions, self._lines, request, last)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            for line in list(self._lines):
                line.send(BEAT)


class Watch:
    """The stream of one client."""

    def __init__(self, subscriptions: Subscriptions, lines: set[Line], request: Recommend, last: str) -> None:
        self._subscriptions, self._lines, self._request, self._last = subscriptions, lines, request, last
        self._subscription: Subscription | None = None
        self._line: Line | None = None

    def open(self, line: Line) -> None:
        """Send the list now, and when it changes."""
        self._line = line
        self._lines.add(line)
        line.send(RETRY)
        key = f"http {self._request.k} {self._request.user}"
        self._subscription = self._subscriptions.subscribe(key, self._request, self._receive, first=True)

    def close(self) -> None:
        """The client has left."""
        if self._line is not None:
            self._lines.discard(self._line)
        if self._subscription is not None:
            self._subscriptions.cancel(self._subscription)

    def _receive(self, update: Update) -> None:
        identity = f"{crc32(chr(0).join(update.answer.items).encode()):08x}"
        last, self._last = self._last, ""
        if self._line is None or (update.number == 0 and identity == last):
            return
        told = update.encoded.get("events")
        if told is None:
            told = update.encoded["events"] = message(
                listed(update.answer, user=update.request.user), identity
            )
        self._line.send(told)
