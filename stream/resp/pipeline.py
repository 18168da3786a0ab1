"""Requests of a connection whose replies wait for something, in order."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final

MOST: Final = 1024  # EVENTs of a connection that are published together
TOGETHER: Final = frozenset((b"EVENT", b"event"))  # may begin before the reply to the one before it


class Pipeline:
    """One request that waits, or several EVENTs in a row, which wait together; `held` is the request behind them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._together = False
        self.held: list[bytes] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def may_begin(self) -> bool:
        """Whether another request may begin beside those that wait; if it is no EVENT, it is held then."""
        if not self._waiting:
            return True
        return self._together and self.held is None and len(self._waiting) < MOST

    def hold(self, words: list[bytes]) -> bool:
        """Hold a request back that may not begin yet."""
        if not self._waiting or words[0] in TOGETHER:
            return False
        self.held = words
        return True

    def begin(self, words: list[bytes], reply: Coroutine[Any, Any, bytes]) -> None:
        """Have a reply be found."""
        self._together = words[0] in TOGETHER
        self._waiting.append(self._loop.create_task(reply))

    def add(self, reply: bytes) -> None:
        """Put a known reply behind those that wait."""
        known = self._loop.create_future()
        known.set_result(reply)
        self._waiting.append(known)

    async def replies(self) -> list[bytes]:
        """The next replies, once there is one."""
        waiting = self._waiting
        await asyncio.wait([waiting[0]])
        replies = []
        while waiting and waiting[0].done():
            replies.append(waiting.popleft().result())
        return replies

    def abandon(self) -> bool:
        """End what waits, as nobody takes the reply; EVENTs that have begun are published all the same."""
        if self._together:
            return False
        for reply in self._waiting:
            reply.cancel()
        return True
