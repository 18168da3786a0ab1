"""The queue of learning: one thread beside the loop takes training steps and saves what they changed.

What fails in it is told and logged, and the next job is tried: counts and answers do not wait for it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import structlog

from stream.health.pulse import Pulse

log = structlog.get_logger()

AHEAD = 3  # jobs that may wait behind the one being done
SLOW_S = 4.0  # a training step that takes longer shows
WAIT_S = 0.2


class Queue:
    """Does jobs in order.

    Args:
        allowed_s: How long one job may take: while the loop waits for a longer one, its heart does not beat.
    """

    def __init__(self, pulse: Pulse, allowed_s: float = 300.0) -> None:
        self.pulse, self.allowed_s = pulse, allowed_s
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="learning")
        self._waiting: deque[Future[object]] = deque()
        self._began = 0.0  # of the job being done, 0 for none
        self._step = False  # whether that is a training step
        self._failure = ""

    def put(self, call: Callable[..., object], *arguments: object, step: bool = False) -> bool:
        """Have a job done, waiting while too many wait; return whether jobs come faster than they are done.

        Args:
            step: It is a training step, whose failure means that learning has stopped until one succeeds.
        """
        while self._waiting and (self._waiting[0].done() or len(self._waiting) > AHEAD):
            self._await(self._waiting[0])
            self._waiting.popleft()
        crowded = len(self._waiting) > 1
        self._waiting.append(self._pool.submit(self._do, call, arguments, step))
        return crowded

    def trouble(self) -> str:
        """Return why nothing is learned now, empty where all is well."""
        began = self._began
        if began and self._step and time.monotonic() - began > SLOW_S:
            return f"learning has not moved for {time.monotonic() - began:.0f} s; events are counted, not learned"
        return self._failure

    def drain(self) -> None:
        """Wait for all jobs."""
        while self._waiting:
            self._await(self._waiting[0])
            self._waiting.popleft()

    def close(self) -> None:
        """End the thread after the job being done; jobs that wait are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _await(self, job: Future[object]) -> None:
        while not job.done():
            if not self._began or time.monotonic() - self._began < self.allowed_s:
                self.pulse.beat()
            self.pulse.trouble("learning", self.trouble())
            with suppress(TimeoutError):
                job.result(WAIT_S)
        job.result()

    def _do(self, call: Callable[..., object], arguments: tuple[object, ...], step: bool) -> None:
        self._step, self._began = step, time.monotonic()
        try:
            call(*arguments)
            self._failure = "" if step else self._failure
        except Exception as exc:
            if not step:
                raise
            if not self._failure:
                log.exception("a training step failed; events are counted, and the next step is tried")
            self._failure = (
                f"learning has stopped ({type(exc).__name__}: {exc}); events are counted, not learned"
            )
        finally:
            self._began = 0.0
