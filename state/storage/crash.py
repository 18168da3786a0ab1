"""Named points at which a process kills itself, for tests of what a crash leaves behind.

    RIVERWALK_CRASH=save:3 riverwalk serve …        the third time `point("save")` is passed

Without the variable a point is one comparison.  Points: `batch` before a batch is applied, `applied` after it; of a save
`snapshot` between its two halves, `piece` between two pieces of its blocks, `save` before it counts, `saved` after it;
`checkpoint` in a backup, `restore`, `stop` in a clean stop; `migrate` and `migrated` where a store of an older format
is written anew.
"""

from __future__ import annotations

import os
import signal
from typing import Final

POINTS: Final = (
    *("batch", "applied", "snapshot", "piece", "save", "saved", "checkpoint", "restore", "stop"),
    *("migrate", "migrated"),
)
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
