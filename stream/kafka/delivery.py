"""Bridge librdkafka's delivery callbacks to asyncio."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from stream.error import BadSource

Settled = Callable[[int, int, str], None]
"""Called with partition and offset of a record, and why it was refused (empty text when it was not)."""


class Delivery:
    """Awaitable deliveries.  The client is served by a thread of its own from the first one on.

    Args:
        queue: Queue key and payload, with the callback for the outcome; False when the queue is full.
        poll: Serve the client's callbacks for up to so many seconds.
    """

    def __init__(
        self, queue: Callable[[bytes, bytes, Settled], bool], poll: Callable[[float], object]
    ) -> None:
        self._queue, self._poll = queue, poll
        self._closed = threading.Event()
        self._order = asyncio.Lock()  # records are queued in the order they came, also behind a full queue
        self._thread: threading.Thread | None = None

    async def deliver(self, key: bytes, payload: bytes) -> tuple[int, int]:
        """Return partition and offset of the record once it is written, or raise BadSource."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="delivery", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[int, int]] = loop.create_future()

        def settle(partition: int, offset: int, refusal: str) -> None:
            if future.done():  # the request was cancelled
                return
            if refusal:
                future.set_exception(BadSource(refusal))
            else:
                future.set_result((partition, offset))

        def settled(partition: int, offset: int, refusal: str) -> None:
            with suppress(RuntimeError):  # the loop has ended: nobody waits
                loop.call_soon_threadsafe(settle, partition, offset, refusal)

        async with self._order:
            while not self._queue(key, payload, settled):
                await asyncio.sleep(0.01)
        return await future

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        while not self._closed.is_set():
            self._poll(0.1)
