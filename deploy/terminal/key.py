"""Keys that a person presses while a picture is drawn: one at a time, without Enter, where the input is a terminal."""

from __future__ import annotations

import os
import select
import sys
import time
from types import TracebackType
from typing import Any


class Keys:
    """The keyboard while the `with` block runs; `there` tells whether anybody can press anything."""

    def __init__(self) -> None:
        self._fd = -1
        self._before: list[Any] = []

    @property
    def there(self) -> bool:
        """Whether the input is a terminal."""
        return self._fd >= 0

    def get(self, wait_s: float) -> str:
        """Return the next key, empty when none comes in time."""
        if not self.there:
            time.sleep(wait_s)
            return ""
        ready, _, _ = select.select([self._fd], [], [], wait_s)
        if not ready:
            return ""
        pressed = os.read(self._fd, 64)
        if not pressed:  # the terminal is gone
            self._restore()
            return ""
        return pressed[:1].decode("ascii", "replace").lower() if pressed[:1] != b"\x1b" else ""

    def __enter__(self) -> Keys:
        try:
            import termios
            import tty

            fd = sys.stdin.fileno()
            if os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp():  # one in the background would be stopped
                self._before = termios.tcgetattr(fd)
                tty.setcbreak(fd)
                self._fd = fd
        except (ImportError, OSError, ValueError):  # closed, or no such thing here
            self._fd = -1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _restore(self) -> None:
        if not self.there:
            return
        import termios
        from contextlib import suppress

        with suppress(termios.error, OSError):
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)
        self._fd = -1
