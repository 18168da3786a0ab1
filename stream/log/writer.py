"""A thread that appends what others queue: records that come while one group is on its way to the disk are the next group.

A group costs about 0.3 ms of computing and a wait for the disk, whatever is in it.  So records that nobody waits for are
collected a little: thousands a second, sent one by one, take some 200 groups instead of 1 000.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from stream.error import BadSource
from stream.log.database import Database
from stream.log.group import Appender, Entry

GROUP, GROUP_BYTES = 4096, 8 << 20  # records and bytes of one transaction at most
QUEUE, QUEUE_BYTES = 100_000, 64 << 20  # records and bytes that wait at most
LINGER_S = 0.004  # from one group to the next, while nobody waits for a record of it


class Writer:
    """Appends records of one topic in the order they are queued.  Any thread may queue.

    Args:
        settle: Called by the writer's thread with the outcome of each group: the queued tags, their partitions and
            offsets, and why they were refused.
        timeout_s: How long other processes may keep the log from a record before it is refused, with those queued behind it.
    """

    def __init__(
        self,
        folder: Path,
        topic: str,
        settle: Callable[[list[object], list[tuple[int, int]], str], None],
        timeout_s: float,
    ) -> None:
        self._folder, self._topic, self._settle, self._timeout_s = folder, topic, settle, timeout_s
        self._queue: deque[tuple[Entry, object, float]] = deque()  # with the time until which each may wait
        self._bytes = 0  # of what is queued
        self._hurried = False  # whether somebody waits for what is queued
        self._next = 0.0  # when the next group may begin, monotonic, unless somebody waits
        self.pending = 0  # records that are not settled
        self.changed = threading.Condition()
        self._closed = False
        self._appender: Appender | None = None
        self._thread: threading.Thread | None = None

    def put(self, entry: Entry, tag: object, *, hurried: bool = False) -> bool:
        """Queue a record; False when the queue is full.

        Args:
            hurried: Whether somebody waits for it, so that it is not kept for others to come.
        """
        with self.changed:
            if self._closed:
                raise BadSource(f"{self._folder}: the log was closed; nothing more is written")
            if self.pending >= QUEUE or self._bytes >= QUEUE_BYTES:
                return False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"log {self._topic}", daemon=True)
                self._thread.start()
            self._queue.append((entry, tag, time.monotonic() + self._timeout_s))
            self._bytes += len(entry.value)
            self.pending += 1
            self._hurried |= hurried
            if hurried or len(self._queue) in (1, GROUP):
                self.changed.notify_all()
        return True

    def hurry(self) -> None:
        """Write what is queued now: somebody waits for it."""
        with self.changed:
            if self._queue:
                self._hurried = True
                self.changed.notify_all()

    def close(self) -> None:
        """End the thread; what is still queued is refused."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while group := self._take():
            entries, tags = [entry for entry, _, _ in group], [tag for _, tag, _ in group]
            places, refusal = list[tuple[int, int]](), ""
            try:
                places = self._append(entries, group[0][2])
            except BadSource as exc:
                refusal = str(exc)
            self._settle(tags, places, refusal)
            with self.changed:
                self.pending -= len(group)
                self.changed.notify_all()
        if self._appender is not None:
            self._appender.database.close()

    def _take(self) -> list[tuple[Entry, object, float]]:
        """Wait for records; nothing means the end."""
        with self.changed:
            while not self._queue and not self._closed:
                self.changed.wait()
            while not (self._hurried or self._closed or len(self._queue) >= GROUP):
                early = self._next - time.monotonic()
                if early <= 0:
                    break
                self.changed.wait(early)
            self._next = time.monotonic() + LINGER_S
            group, size = list[tuple[Entry, object, float]](), 0
            while self._queue and len(group) < GROUP and size < GROUP_BYTES:
                group.append(self._queue.popleft())
                size += len(group[-1][0].value)
            self._bytes -= size
            self._hurried = self._hurried and bool(self._queue)
        return group

    def _append(self, entries: list[Entry], limit: float) -> list[tuple[int, int]]:
        if self._closed:
            raise BadSource(f"{self._folder}: the writer was closed before the record was written")
        if self._appender is None:
            self._appender = Appender(Database(self._folder), self._topic)
        try:
            return self._appender.append(entries, max(0.0, limit - time.monotonic()), lambda: self._closed)
        except BadSource:
            self._appender.database.close()
            self._appender = None  # opened anew for the next group, which finds what is there then
            raise
