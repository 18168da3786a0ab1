"""How long a fit has taken, because a model to compare with is judged by its cost too; the clock itself comes in."""

from __future__ import annotations

from collections.abc import Callable


class Clock:
    """Seconds since it was made, against those allowed.

    Args:
        seconds: Allowed in all.
        now: A clock in seconds that is never turned back.
        whole: The clock of which this one allows a part.

    Fields:
        cut: Whether a fit ended for want of time.
    """

    def __init__(self, seconds: float, now: Callable[[], float], whole: Clock | None = None) -> None:
        self.seconds, self.now, self.begin, self.whole = seconds, now, now(), whole
        self.cut = False

    def share(self, part: float) -> Clock:
        """Return a clock that begins now and allows a part of these seconds."""
        return Clock(self.seconds * part, self.now, self)

    def end(self) -> None:
        """Note that a fit ended for want of time."""
        self.cut = True
        if self.whole is not None:
            self.whole.end()

    def spent(self) -> float:
        """Return seconds since the beginning."""
        return self.now() - self.begin

    def left(self) -> float:
        """Return seconds that are left, below 0 once they are over."""
        return self.seconds - self.spent()
