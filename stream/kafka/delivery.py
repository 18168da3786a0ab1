"""Bridge librdkafka's delivery callbacks to asyncio."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from stream.error import BadSource

SLICE: Final = 256  # records queued before others get their turn
Queue = Callable[[bytes, bytes], Awaitable["asyncio.Future[tuple[int, int]]"]]
Settled = Callable[[int, int, str], None]
"""Called with partition and offset of a record, and why it was refused (empty text when it was not)."""


class Delivery:
    """Awaitable deliveries.  The client is served by a thread of its own from the first one on.

    Args:
        queue: Queue key and payload, with the callback for the outcome and the partition; False when the queue is full.
        poll: Serve the client's callbacks for up to so many seconds.
        purge: Have the client give up all it has, with the callback for each.
        timeout_s: How long a record may wait.  The client has such a limit too, but looks at records it cannot send anywhere
            once a second only; so everything is purged when nothing was written for so long.
        where: The broker and the topic, for messages.
    """

    def __init__(
        self,
        queue: Callable[[bytes, bytes, Settled, int], bool],
        poll: Callable[[float], object],
        purge: Callable[[], object],
        timeout_s: float,
        where: str,
    ) -> None:
        self._queue, self._poll, self._purge, self._timeout_s = queue, poll, purge, timeout_s
        self._where, self._moved = where, 0.0  # when a record was last written
        self._begun: deque[float] = deque()  # when each record that is not settled was queued
        self._closed = threading.Event()
        self._order = asyncio.Lock()  # records are queued in the order they came, also behind a full queue
        self._settled: deque[tuple[asyncio.Future[tuple[int, int]], int, int, str]] = deque()
        self._woken = False
        self._thread: threading.Thread | None = None

    async def deliver(self, key: bytes, payload: bytes, partition: int = -1) -> tuple[int, int]:
        """Return partition and offset of the record once it is written, or raise BadSource.

        Args:
            partition: Where it goes, -1 where its key decides.
        """
        return await (await self.queue(key, payload, partition))

    async def queue(self, key: bytes, payload: bytes, partition: int = -1) -> asyncio.Future[tuple[int, int]]:
        """Queue a record; return what will be its partition and offset."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="delivery", daemon=True)
            self._thread.start()
        future: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()

        def settled(partition: int, offset: int, refusal: str) -> None:
            self._begun.popleft()
            if not refusal:
                self._moved = time.monotonic()
            self._settled.append((future, partition, offset, refusal))
            if not self._woken:  # one call wakes the loop for all that comes until it looks
                self._woken = True
                try:
                    future.get_loop().call_soon_threadsafe(self._settle)
                except RuntimeError:  # the loop has ended: nobody waits
                    self._woken = False

        began = time.monotonic()
        async with self._order:
            self._begun.append(began)
            while not self._queue(key, payload, settled, partition):
                if time.monotonic() - began > self._timeout_s:
                    self._begun.pop()
                    raise BadSource(
                        f"{self._where} cannot be written (the queue is full since {self._timeout_s:g} s); is the broker up?"
                    )
                await asyncio.sleep(0.01)
        return future

    def _settle(self) -> None:
        """Hand the outcomes so far to those who wait."""
        self._woken = False
        loop = asyncio.get_running_loop()
        while self._settled:
            future, partition, offset, refusal = self._settled.popleft()
            if (
                future.done() or future.get_loop() is not loop
            ):  # the request was cancelled, or its loop has ended
                continue
            if refusal:
                future.set_exception(BadSource(refusal))
            else:
                future.set_result((partition, offset))

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        while not self._closed.is_set():
            self._poll(0.1)
            late = time.monotonic() - self._timeout_s
            if self._moved < late and self._begun and self._begun[0] < late:
                self._purge()


async def deliver_all(
    queue: Queue, records: Sequence[tuple[bytes, bytes]]
) -> list[tuple[int, int] | BadSource]:
    """Queue records, keys and payloads; return what became of each: its partition and offset, or why it was not written."""
    futures, refusal = list[asyncio.Future[tuple[int, int]]](), list[tuple[int, int] | BadSource]()
    try:
        for key, payload in records:
            futures.append(await queue(key, payload))
            if len(futures) % SLICE == 0:
                await asyncio.sleep(0)
    except BadSource as exc:
        refusal = [exc]
    found = list[tuple[int, int] | BadSource]()
    for one in await asyncio.gather(*futures, return_exceptions=True):
        if isinstance(one, BaseException) and not isinstance(one, BadSource):
            raise one
        found.append(one)
    return found + refusal * (len(records) - len(found))
