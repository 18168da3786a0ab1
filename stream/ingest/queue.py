"""The queue of chores: one thread beside the loop does what takes long."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from stream.health.pulse import Pulse

WAIT_S = 0.2


class Queue:
    """Does jobs in order.

    Args:
        allowed_s: How long one job may take: while the loop waits for a longer one, its heart does not beat.
    """

    def __init__(self, pulse: Pulse, allowed_s: float = 300.0) -> None:
        self.pulse, self.allowed_s = pulse, allowed_s
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="chore")
        self._waiting: deque[Future[object]] = deque()

    def put(self, call: Callable[..., object], *arguments: object) -> None:
        """Have a job done; raises what an earlier one raised."""
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(call, *arguments))

    def drain(self) -> None:
        """Wait for all jobs."""
        began = time.monotonic()
        while self._waiting:
            if time.monotonic() - began < self.allowed_s:
                self.pulse.beat()
            with suppress(TimeoutError):
                self._waiting[0].result(WAIT_S)
                self._waiting.popleft()

    def close(self) -> None:
        """End the thread after the job being done; jobs that wait are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
