"""Send what lies on disk to the dead-letter topic, in a thread of its own, until it takes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

import structlog

from stream.dead_letter.letter import MAX_BYTES, Letter, pack, smaller
from stream.dead_letter.spool import Spool, read
from stream.error import BadSource
from stream.event.message import AWAY, OTHER, SIZE, TIME, Done, Message, Refused

log = structlog.get_logger("dead letters")

FIRST_S, LAST_S = 0.2, 30.0  # between two tries: the first pause, and the longest
IDLE: Final = 20  # files in a row of which the topic took nothing: then a round stops
VAIN: Final = 10  # letters in a row that are refused alone, too: then the rest of a file waits
LOOK_S: Final = 0.2  # between two looks whether to stop waiting
UNSETTLED: Final = "it was not taken in time"


class Sink(Protocol):
    """What writes the records: a Sink of a Kafka broker, or one of the log."""

    def post(self, message: Message, on_done: Done, on_refused: Refused) -> None:
        """Queue a record; one of the two is called once it is settled, here or inside a later call."""

    def flush(self, timeout_s: float) -> None:
        """Wait until every record is settled, or raise BadSource."""

    def close(self) -> None:
        """Disconnect."""


class Outcome:
    """What becomes of records that are posted together."""

    def __init__(self) -> None:
        self.open: dict[int, Letter] = {}
        self.refused: list[tuple[Letter, str, str]] = []  # letter, kind of refusal, where and why
        self._next = 0

    def post(self, sink: Sink, letter: Letter, message: Message) -> None:
        """Queue a letter."""
        number = self._next
        self._next += 1
        self.open[number] = letter

        def done(*_: int) -> None:
            self.open.pop(number, None)

        def refused(kind: str, why: str) -> None:
            found = self.open.pop(number, None)
            if found is not None:
                self.refused.append((found, kind, why))

        sink.post(message, done, refused)

    def settle(
        self, sink: Sink, wait_s: float, closed: Callable[[], bool] = bool
    ) -> list[tuple[Letter, str, str]]:
        """Wait for the outcome, and return what was refused, or not settled in time.

        Args:
            closed: Whether to stop waiting.
        """
        until = time.monotonic() + wait_s
        while self.open and time.monotonic() < until and not closed():
            with suppress(BadSource):
                sink.flush(min(wait_s, LOOK_S))
        late = [(letter, AWAY, UNSETTLED) for letter in self.open.values()]
        found, self.open, self.refused = [*self.refused, *late], {}, []
        return found


class Resender:
    """A thread that empties a spool.

    Args:
        connect: Makes what writes to the dead-letter topic.
        wait_s: How long the topic may take to accept a record.
        taken: Called when the topic has taken letters.
    """

    def __init__(
        self, spool: Spool, connect: Callable[[], Sink], *, wait_s: float, taken: Callable[[], object]
    ) -> None:
        self._spool, self._connect, self._wait_s, self._taken = spool, connect, wait_s, taken
        self._busy = threading.Lock()  # held while letters of a file are on their way
        self._woken, self._closed, self._halted = (threading.Event() for _ in range(3))
        self._fits = MAX_BYTES  # of a value, as the topic has shown
        self._last = Path()  # the file the last round stopped at
        self._told = ""  # the last complaint
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Note that letters are on disk."""
        self._woken.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="dead letters", daemon=True)
            self._thread.start()

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Have no letter on its way from disk: those that are not settled are sent again later."""
        self._halted.set()
        with self._busy:
            self._halted.clear()
            yield

    def close(self) -> None:
        """End the thread; what is not sent stays on disk."""
        self._closed.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        pause_s, sink = FIRST_S, None
        while not self._closed.is_set():
            self._woken.wait()
            self._woken.clear()
            try:
                sink = sink or self._connect()
                left = self._round(sink)
            except BadSource as exc:
                left = str(exc)
                self._complain(left)
            if left:
                self._closed.wait(pause_s)
                pause_s = min(2 * pause_s, LAST_S)
                self._woken.set()
            else:
                pause_s = FIRST_S
        if sink is not None:
            sink.close()

    def _round(self, sink: Sink) -> str:
        """Send the files, from where the last round stopped on; return why something is left, or nothing."""
        found, self._fits, idle, reason = self._spool.sealed(), MAX_BYTES, 0, ""
        for path in [one for one in found if one > self._last] + [one for one in found if one <= self._last]:
            if self._closed.is_set():
                return UNSETTLED
            self._last = path
            with self._busy:
                taken, why, away = self._file(sink, path)
            reason, idle = why or reason, 0 if taken else idle + 1
            if taken:
                self._taken()
            if idle == IDLE or (away and not taken):
                break
        return reason

    def _file(self, sink: Sink, path: Path) -> tuple[bool, str, bool]:
        """Send the letters of a file; return whether some were taken, why others were not, and whether nobody answers."""
        try:
            letters, outcome = list(read(path)), Outcome()
        except BadSource as exc:
            self._complain(str(exc))
            return False, str(exc), False
        for letter in letters:
            outcome.post(sink, letter, pack(letter))
        left, reason, away, vain = list[Letter](), "", False, 0
        for letter, kind, why in outcome.settle(sink, 2 * self._wait_s, self._stops):
            away |= kind == AWAY
            if not away and vain < VAIN:  # a broker refuses all that are sent together for one of them
                kind, why = self._shrink(sink, letter, kind)
                vain = vain + 1 if kind == OTHER else 0
            if kind:
                left.append(letter)
                reason = why
        if len(left) < len(letters):
            self._spool.replace(path, left)
        return len(left) < len(letters), reason, away

    def _complain(self, reason: str) -> None:
        """Tell why letters cannot be sent, once."""
        if reason != self._told:
            self._told = reason
            log.error("dead letters on disk could not be sent", reason=reason)

    def _shrink(self, sink: Sink, letter: Letter, kind: str) -> tuple[str, str]:
        """Send a letter smaller and smaller, or without its time; return why the smallest was refused, or nothing."""
        timed, why = kind != TIME, ""
        for one in smaller(letter, self._fits):
            kind, why = self._alone(sink, pack(one, timed=timed), letter)
            if kind == TIME and timed:
                timed = False
                kind, why = self._alone(sink, pack(one, timed=False), letter)
            if not kind:
                if not one.dropped and one.value is not None and len(one.value) < letter.size:
                    self._fits = max(2 * len(one.value), 1)
                return "", ""
            if kind != SIZE:
                break
        return kind, why

    def _stops(self) -> bool:
        return self._closed.is_set() or self._halted.is_set()

    def _alone(self, sink: Sink, message: Message, letter: Letter) -> tuple[str, str]:
        outcome = Outcome()
        outcome.post(sink, letter, message)
        for _, kind, why in outcome.settle(sink, self._wait_s, self._stops):
            return kind, why
        return "", ""
