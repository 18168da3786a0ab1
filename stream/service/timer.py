"""Named timers of a connection."""

import asyncio
from collections.abc import Callable


class Timers:
    """Timers that call once each; all end with the connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._calls: dict[str, Callable[[], None]] = {}

    def start(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        """Call after so many seconds, unless a timer of this name was started."""
        if name not in self._timers:
            self.again(name, seconds, call)

    def again(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        """Call after so many seconds, instead of what a timer of this name would."""
        self.stop(name)
        self._calls[name] = call
        self._timers[name] = self._loop.call_later(seconds, call)

    def now(self, name: str) -> None:
        """Call what a timer of this name would, if it is under way."""
        if name in self._timers:
            self.stop(name)
            self._calls[name]()

    def stop(self, name: str) -> None:
        """End a timer, if it is under way."""
        found = self._timers.pop(name, None)
        if found is not None:
            found.cancel()

    def close(self) -> None:
        """End all timers."""
        for name in list(self._timers):
            self.stop(name)
