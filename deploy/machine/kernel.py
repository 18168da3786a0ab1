"""Cache of compiled kernels: a folder of the user's cache for each version of the sources.

numba looks only at the file a kernel stands in to see whether it changed, not at the files of the kernels it
calls.  A folder named after all sources together makes a changed source compile everything that may use it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOMS = ("state", "tgn")


def folder() -> Path:
    """Return the cache folder for the present sources at their present path."""
    root = Path(__file__).resolve().parents[2]
    found = hashlib.sha256(str(root).encode())
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            found.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "riverwalk" / f"kernels-{found.hexdigest()[:16]}"


def keep() -> None:
    """Have numba cache kernels there, in this process and its children, unless the environment says where.

    Linear algebra gets one thread, as learning does: a second one would wait for a core that is in use.
    """
    os.environ.setdefault("NUMBA_CACHE_DIR", str(folder()))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def compiled() -> bool:
    """Return whether kernels of these sources were compiled before."""
    return any(Path(os.environ.get("NUMBA_CACHE_DIR") or folder()).rglob("*.nbi"))


def watch(tell: Callable[[int], None]) -> None:
    """Call `tell` with 1 when the compilation of a kernel begins in this process, and with -1 when it ends."""
    from numba.core import event

    class Compilation(event.Listener):  # type: ignore[misc]
        def on_start(self, event: Any) -> None:
            tell(1)

        def on_end(self, event: Any) -> None:
            tell(-1)

    event.register("numba:compile", Compilation())  # type: ignore[no-untyped-call]
