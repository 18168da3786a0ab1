"""Keep what comes through a pipe in a temporary file, since files are read more than once: for their order, and to send them."""

from __future__ import annotations

import shutil
import stat
import sys
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.config.schema import BadConfig

STDIN = "-"


def is_pipe(data: str) -> bool:
    """Whether this names standard input, or a pipe or socket in the file system."""
    if data == STDIN:
        return True
    try:
        mode = Path(data).expanduser().stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)


def kept(data: str) -> Path:
    """The file that holds all that came, until the program ends.

    Raises:
        BadConfig: It cannot be read, is a terminal, or nothing came.
    """
    name = "stdin" if data == STDIN else Path(data).name
    path = Path(_folder().name) / name
    try:
        with (
            open(sys.stdin.fileno(), "rb", closefd=False)
            if data == STDIN
            else Path(data).expanduser().open("rb") as source
        ):
            if source.isatty():
                raise BadConfig(f"{data}: a terminal; give a file, or send one through a pipe")
            with path.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
    except OSError as exc:
        raise BadConfig(f"{data}: cannot be read or kept in {path.parent} ({exc.strerror or exc})") from exc
    if not path.stat().st_size:
        raise BadConfig(f"{data}: nothing came; send a file of events through it")
    return path


@lru_cache(maxsize=1)
def _folder() -> TemporaryDirectory[str]:
    """Removed when the program ends."""
    return TemporaryDirectory(prefix="riverwalk-")
