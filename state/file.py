"""Files that are whole and on the disk, or not there."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(path: Path, data: bytes, part: Path | None = None) -> None:
    """Write a file that only its owner may read: whole and on the disk when this returns, or not at all.

    Args:
        part: What it is called until it is whole, in the same folder.
    """
    part = part or path.with_name(f"{path.name}.part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    keep_names(path.parent)


def keep_names(folder: Path) -> None:
    """Have the names in a folder on the disk: files made, renamed or removed there stay so."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
