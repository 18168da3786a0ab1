"""Draw a view again and again, and hand it the keys that are pressed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from rich.console import Console
from rich.live import Live

from deploy.demo import screen
from deploy.terminal.key import Keys

FRAME_S: Final = 0.25


class View(Protocol):
    """What is shown."""

    def snapshot(self) -> screen.Snapshot:
        """Return what is shown now."""

    def over(self) -> bool:
        """Whether everything there is to see was shown."""

    def press(self, key: str) -> None:
        """Do what a key stands for."""


def watch(
    view: View, console: Console, until: float, ended: Callable[[float], bool], finish: Callable[[], object]
) -> bool:
    """Draw until it is over, the instance has ended, or the time is up; return whether the person quit.

    With a keyboard it goes on when it is over, until the person quits; the last picture stays.

    Args:
        until: By the monotonic clock.
        ended: Waits so many seconds for the end of the instance, and tells whether it has come.
        finish: Called once it is over, to print above the picture.
    """
    over, keys_told = False, False
    with Keys() as keys, Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while time.monotonic() < until and not ended(0.0):
            key = keys.get(FRAME_S)
            if key == "q":
                return True
            if key:
                view.press(key)
            over = over or view.over()
            live.update(screen.picture(view.snapshot(), console.width, keys.there), refresh=True)
            if over and not keys.there:
                break
            if over and not keys_told:
                keys_told = True
                finish()
    return False
