"""The manifest of a backup: what it holds, with the size and the checksum of every file.

BACKUP/manifest.json     this
BACKUP/store/…           the store of what is counted, as RocksDB writes a checkpoint
BACKUP/learned/…         the store of what is learned
BACKUP/log/log.db        the log of events, where the instance keeps its own
BACKUP/dead/…            dead letters that wait on disk, where there are any
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from state.error import BadStore
from state.file import keep_names

NAME: Final = "manifest.json"
FORMAT: Final = 1
PIECE: Final = 1 << 20

Moved = Callable[[int], None]  # called with bytes that were copied or checked


class File(msgspec.Struct, frozen=True):
    """A file: its size in bytes and its checksum, SHA-256 in hexadecimal."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds.

    Args:
        format: Of the backup.
        version: Of the program that made it.
        made: When, ISO 8601.
        topic, offsets: Partition -> next offset: where a restored instance reads on.
        events: That the state remembers.
        files: By path inside the backup.
    """

    format: int = FORMAT
    version: str
    made: str
    topic: str
    offsets: dict[str, int]
    files: dict[str, File]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())


def read(folder: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises:
        BadStore: There is none, or it is none of ours.
    """
    path = folder / NAME
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise BadStore(
            f"{folder}: holds no {NAME}; wanted a folder that `riverwalk backup` has made"
        ) from exc
    except (OSError, msgspec.MsgspecError) as exc:
        raise BadStore(f"{path}: cannot be read ({exc}); take another backup") from exc
    if found.format != FORMAT:
        raise BadStore(
            f"{path}: format {found.format}, this program reads {FORMAT}; restore it with version {found.version}"
        )
    return found


def files(folder: Path) -> Iterator[str]:
    """Yield the paths of all files below a folder, relative to it, in order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def copy(source: Path, target: Path, moved: Moved) -> File:
    """Copy a file, private and on the disk when this returns; return what it is."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    found, size = hashlib.sha256(), 0
    with (
        source.open("rb") as old,
        open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new,
    ):
        while piece := old.read(PIECE):
            new.write(piece)
            found.update(piece)
            size += len(piece)
            moved(len(piece))
        new.flush()
        os.fsync(new.fileno())
    return File(size, found.hexdigest())


def keep(folder: Path) -> None:
    """Have the names in a folder, and in those below, on the disk."""
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir()), folder.parent):
        keep_names(path)
