"""Folders for one run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def folder_for(name: str) -> Iterator[Path]:
    """Make a folder for a run of a command, and remove it."""
    place = Path(tempfile.mkdtemp(prefix=f"riverwalk-{name}-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
