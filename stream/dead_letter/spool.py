"""Dead letters that their topic did not take, kept on disk until it does.

    dead/                            0700
      shop-1732590000000000000.jsonl   0600; letters of the topic `shop`, a JSON object a line, bytes in Base64
      …                              a new file after each megabyte; the name tells the order

A line is on disk when `sync` returns.  The rest of a line at the end of a file is of a crash before that: its record
is read, and rejected, again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import msgspec

from state.file import keep_names
from stream.dead_letter.letter import Letter
from stream.error import BadSource

FILE_BYTES: Final = 1 << 20  # a file is closed when it has grown to this
MAX_BYTES: Final = 1 << 30  # of all files of a folder together
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Letter).decode


class Spool:
    """The letters of one topic in a folder.  Any thread of one process may use it; other processes may read the files.

    Args:
        folder: Made by the first letter.
        topic: Where the letters' records were read.
        most: Bytes the folder may take.
    """

    def __init__(self, folder: Path, topic: str, most: int = MAX_BYTES) -> None:
        self.folder, self._topic, self._most = folder, topic, most
        self._lock = threading.RLock()
        self._file: IO[bytes] | None = None
        self._path = folder
        self._size = sum(_size(path) for path in files(folder))  # of the folder, as far as we know
        self.count = sum(map(_lines, files(folder, topic)))

    def add(self, letter: Letter) -> None:
        """Append a letter.

        Raises:
            BadSource: The folder is full, or cannot be written.
        """
        line = _encode(letter) + b"\n"
        with self._lock, self._named():
            if self._size + len(line) > self._most:
                raise BadSource(
                    f"{self.folder}: dead letters that their topic did not take fill {self._most >> 20} MiB; see why it does not "
                    "(`riverwalk dlq list`, the broker, its rights, max.message.bytes), or move the files away"
                )
            if self._file is None:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._path = self.folder / f"{self._topic}-{time.time_ns()}.jsonl"
                self._file = _create(self._path)
            self._file.write(line)
            self._size += len(line)
            self.count += 1

    def sync(self) -> None:
        """Wait until everything added is on disk."""
        with self._lock, self._named():
            if self._file is not None:
                self._file.flush()
                os.fsync(self._file.fileno())
                keep_names(self.folder)
                if self._file.tell() >= FILE_BYTES:
                    self._seal()

    def sealed(self) -> list[Path]:
        """Return the files so far, oldest first; what is added from now on goes into another one."""
        with self._lock, self._named():
            self._seal()
            return files(self.folder, self._topic)

    def replace(self, path: Path, letters: list[Letter]) -> None:
        """Have a sealed file hold these letters instead; without any it is removed."""
        with self._lock, self._named():
            size, count = _size(path), _lines(path)
            if letters:
                new = path.with_suffix(".new")
                with _create(new) as file:
                    file.writelines(_encode(letter) + b"\n" for letter in letters)
                    file.flush()
                    os.fsync(file.fileno())
                new.rename(path)
            else:
                path.unlink(missing_ok=True)
            keep_names(self.folder)
            self._size += (_size(path) if letters else 0) - size
            self.count += len(letters) - count

    def close(self) -> None:
        """Close the files."""
        with self._lock, self._named():
            self._seal()

    def _seal(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _named(self) -> _Named:
        return _Named(self.folder)


class _Named:
    """Errors of the file system as a BadSource that says what to do."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise BadSource(
                f"{self._folder}: a dead letter cannot be kept ({error.strerror}); nothing was dropped: free some space, "
                "or correct the rights of the folder"
            ) from error


def files(folder: Path, topic: str | None = None) -> list[Path]:
    """Return the files of a folder, those of one topic or all, oldest first."""
    found = [(*path.stem.rpartition("-")[::2], path) for path in folder.glob("*-*.jsonl")]
    ours = [(int(ns), path) for name, ns, path in found if ns.isdecimal() and topic in (None, name)]
    return [path for _, path in sorted(ours)]


def read(path: Path) -> Iterator[Letter]:
    """Yield the letters of a file; none where it was sent and removed meanwhile.

    Raises:
        BadSource: A line is no letter.
    """
    with suppress(FileNotFoundError), open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield _decode(line)
            except msgspec.MsgspecError as exc:
                raise BadSource(
                    f"{path}: line {number} is no dead letter ({exc}): the file is damaged; mend the line, or move the file away"
                ) from exc


def _lines(path: Path) -> int:
    with suppress(FileNotFoundError), open(path, "rb") as file:
        return sum(line.endswith(b"\n") for line in file)
    return 0


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def _create(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")
