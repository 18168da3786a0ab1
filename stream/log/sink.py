"""Write records to a topic of the log."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from stream.error import BadSource
from stream.event.message import AWAY, Done, Headers, Message, Refused
from stream.kafka.backpressure import Backpressure
from stream.kafka.delivery import deliver_all
from stream.log.group import Entry
from stream.log.record import pack
from stream.log.writer import Writer

Waiting = list[tuple["asyncio.Future[tuple[int, int]]", tuple[int, int]]]


NOWHERE: Final = (-1, -1)


class _Posted:
    """Who is told what became of a record."""

    __slots__ = ("done", "refused")

    def __init__(self, done: Done, refused: Refused) -> None:
        self.done, self.refused = done, refused


class Sink:
    """Writes records to a topic of the log, as `stream.kafka.sink.Sink` does to one of a broker.

    `send`, `flush` and `close` belong to one thread; `publish` to any event loop.

    Args:
        folder: Where the log lies; the topic must be there by the first record.
        ahead: How many records to be ahead of the reader at most; 0 does not wait.
        applied: Partition -> the next offset its reader has not read, for `ahead`.
        partition: The partition for all records; left out, records of one key share one.
        timeout_s: How long other processes may keep the log from us.
    """

    def __init__(
        self, folder: str | Path, topic: str, *, ahead: int = 0, applied: Callable[[int], int] | None = None,
        partition: int = -1, timeout_s: float = 30.0,
    ) -> None:  # fmt: skip
        self._folder, self._partition, self._timeout_s = Path(folder), partition, timeout_s
        self._backpressure = Backpressure(ahead, applied) if applied is not None else None
        self._ends: dict[int, int] = {}
        self._failure = ""
        self._open = 0  # records sent whose outcome the sender has not been given
        self._settled: deque[tuple[list[tuple[Any, tuple[int, int]]], str]] = deque()
        self._writer = Writer(self._folder, topic, self._settle, timeout_s)

    def send(
        self, key: bytes | None, payload: bytes, on_done: Done | None = None, headers: Headers = (),
        partition_key: bytes = b"",
    ) -> None:  # fmt: skip
        """Queue a record, and wait only while the queue is full or the reader is too far behind.

        It is written some milliseconds later, with those that come until then; `flush` writes at once.

        Args:
            partition_key: Whose partition it goes to, left out, that of its key.

        `on_done` is called with partition and offset once the record is on disk, inside a later call; `flush` raises failures.
        """
        if self._backpressure is not None:
            self._backpressure.wait(self._ends, lambda: self._open, self._serve)
        now_ms = time.time_ns() // 1_000_000
        entry = Entry(self._partition, now_ms, key, payload, pack(headers), partition_key)
        while not self._writer.put(entry, on_done):
            self._serve(0.05)
        self._open += 1
        if self._settled:
            self._serve(0.0)

    def post(self, message: Message, on_done: Done, on_refused: Refused) -> None:
        """Queue a record as it is; one of the two is called once it is settled, inside a later call; `flush` does not raise it."""
        now_ms = time.time_ns() // 1_000_000
        partition = message.partition if message.partition >= 0 else self._partition
        entry = Entry(
            partition,
            message.ms if message.ms > 0 else now_ms,
            message.key,
            message.value or b"",
            pack(message.headers),
        )
        while not self._writer.put(entry, _Posted(on_done, on_refused)):
            self._serve(0.05)
        self._open += 1

    async def publish(self, key: bytes, payload: bytes, partition_key: bytes = b"") -> tuple[int, int]:
        """Write a record; return its partition and offset once it is on disk, or raise BadSource."""
        return await (await self._queued(key, payload, partition_key))

    async def publish_all(self, records: Sequence[tuple[bytes, bytes]]) -> list[tuple[int, int] | BadSource]:
        """Write records, keys and payloads; return for each its partition and offset once it is on disk, or why it is not."""
        return await deliver_all(self._queued, records)

    async def _queued(
        self, key: bytes, payload: bytes, partition_key: bytes = b""
    ) -> asyncio.Future[tuple[int, int]]:
        """Queue a record; return what will be its partition and offset."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[int, int]] = loop.create_future()
        now_ms = time.time_ns() // 1_000_000
        entry = Entry(self._partition, now_ms, key, payload, partition_key=partition_key)
        limit = time.monotonic() + self._timeout_s
        while not self._writer.put(entry, (loop, future), hurried=True):
            if time.monotonic() > limit:
                raise BadSource(
                    f"{self._folder}: the queue is full since {self._timeout_s:g} s; is another process busy?"
                )
            await asyncio.sleep(0.01)
        return future

    def flush(self, timeout_s: float = 30.0) -> None:
        """Wait until everything is on disk, or raise BadSource."""
        limit = time.monotonic() + timeout_s
        self._writer.hurry()
        while self._writer.pending and (left_s := limit - time.monotonic()) > 0:
            self._serve(left_s)
        self._serve(0.0)
        failure, self._failure, left = self._failure, "", self._writer.pending
        if failure or left:
            raise BadSource(
                failure or f"{self._folder}: {left} records wait to be written; is another process busy?"
            )

    def close(self) -> None:
        """Give what is queued a moment to be written, and close the log."""
        with suppress(BadSource):
            self.flush(2.0)
        self._writer.close()

    def _serve(self, wait_s: float) -> None:
        """Wait for a group to be settled, for up to so many seconds; call those whose records are written."""
        with self._writer.changed:
            if wait_s > 0 and self._writer.pending:
                self._writer.changed.wait(wait_s)
        while self._settled:
            sent, refusal = self._settled.popleft()
            for tag, (partition, offset) in sent:
                self._open -= 1
                done = tag.done if isinstance(tag, _Posted) else tag
                if partition >= 0:
                    self._ends[partition] = offset + 1
                    if done is not None:
                        done(partition, offset)
                elif isinstance(tag, _Posted):
                    tag.refused(AWAY, refusal)

    def _settle(self, tags: list[object], places: list[tuple[int, int]], refusal: str) -> None:
        """Pass on what became of a group."""
        sent, waiting = list[tuple[Any, tuple[int, int]]](), dict[asyncio.AbstractEventLoop, Waiting]()
        for tag, place in zip(tags, places or [NOWHERE] * len(tags), strict=True):
            if isinstance(tag, tuple):
                loop, future = tag
                waiting.setdefault(loop, []).append((future, place))
            else:
                sent.append((tag, place))
        if sent:
            if not all(isinstance(tag, _Posted) for tag, _ in sent):
                self._failure = self._failure or refusal
            self._settled.append((sent, refusal))
        for loop, futures in waiting.items():
            with suppress(RuntimeError):  # the loop has ended: nobody waits
                loop.call_soon_threadsafe(_resolve, futures, refusal)


def _resolve(futures: Waiting, refusal: str) -> None:
    for future, place in futures:
        if future.done():  # the caller was cancelled
            continue
        if refusal:
            future.set_exception(BadSource(refusal))
        else:
            future.set_result(place)
