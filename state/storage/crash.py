"""Named points at which a process kills itself, for tests of what a crash leaves behind.

    RIVERWALK_CRASH=save:3 riverwalk serve …        the third time `point("save")` is passed

Without the variable a point is one comparison.  Points: `batch` before a batch is applied, `applied` after it, `save` before it
is written, `saved` after it, `learned` between two pieces of learned rows, `checkpoint` in a backup, `restore`, `stop` in a clean stop.
"""

from __future__ import annotations

import os
import signal
from typing import Final

POINTS: Final = ("batch", "applied", "save", "saved", "learned", "checkpoint", "restore", "stop")
_armed, _, _left = os.environ.get("RIVERWALK_CRASH", "").partition(":")
_count = int(_left or 1)


def arm(name: str, count: int = 1) -> None:
    """Have this process die when it passes a point for the `count`-th time; no name for never."""
    global _armed, _count
    _armed, _count = name, count


def point(name: str) -> None:
    """Pass a point."""
    global _count
    if name == _armed:
        _count -= 1
        if _count <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
