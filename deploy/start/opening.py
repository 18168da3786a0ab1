"""The opening of a reader: it listens at once, and is asked questions once its kernels are there."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from deploy.config.schema import Config
from deploy.machine import code, compiler, kernel
from deploy.start import warming
from stream.error import Loading

if TYPE_CHECKING:
    from stream.answer.reader import Reader

LOOK_S = 0.02  # between two looks whether there is a generation to answer from
REST_S = 1.0  # and whether the rest of the kernels is compiled
PATIENCE_S = 180.0  # after which such a kernel is compiled where it is asked for


class Opening(threading.Thread):
    """Opens a reader, beside the loop that listens.

    1. kernels: loaded, or compiled on the first start; meanwhile questions are answered with LOADING
    2. tables: until ingest has published a generation
    3. ready: questions are answered
    4. the rest of the kernels: another process compiles them, they are loaded when they are asked for

    Args:
        stop: Ends it; what goes wrong sets it, and `check` raises it.
        ready: Called when questions are answered.
    """

    def __init__(
        self, config: Config, reader: Reader, stop: threading.Event, ready: Callable[[], None]
    ) -> None:
        super().__init__(name="opening", daemon=True)
        self._config, self._reader, self._stop_asked, self._ready = config, reader, stop, ready
        self._failure: Exception | None = None
        self._until = 0.0  # kernels of the rest are compiled by another process
        compiler.guard(self._admit)

    def run(self) -> None:
        """Open it."""
        try:
            self._open()
        except Exception as exc:
            self._failure = exc
            self._stop_asked.set()

    def check(self) -> None:
        """Raise what went wrong."""
        if self._failure is not None:
            raise self._failure

    def _open(self) -> None:
        stop = self._stop_asked
        warming.serve(self._config)
        self._reader.open()
        while self._reader.recommender is None:
            if stop.wait(LOOK_S):
                return
        gc.collect()
        gc.freeze()  # what is here now stays; the collector need not look at it again
        code.release()
        if kernel.missing(kernel.REST):
            self._until = time.monotonic() + PATIENCE_S
        self._ready()
        while kernel.missing(kernel.REST):
            if stop.wait(REST_S):
                return
        self._until = 0.0

    def _admit(self, name: str) -> None:
        """Refuse to compile in the loop what another process compiles just now: every client would wait for it.

        Raises:
            Loading: It does.
        """
        if (
            name in kernel.PARTS[kernel.REST]
            and time.monotonic() < self._until
            and threading.current_thread() is threading.main_thread()
        ):
            raise Loading(
                "what answers this is compiled just now, as it is asked for the first time; ask again in a moment"
            )
