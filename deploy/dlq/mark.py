"""Which dead letters were replayed: a file in the state folder, so that a second replay does not repeat the first.

    dead/replayed.jsonl   0600; a line a letter: where its record was read, and where it was published

A letter of the published record, should it be rejected again, counts as replayed, too.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import msgspec

from stream.dead_letter.letter import Letter
from stream.error import BadSource

FILE: Final = "replayed.jsonl"
KEPT_MS: Final = 86_400_000  # how long a mark outlives its letter

Place = tuple[str, int, int]


class Mark(msgspec.Struct, frozen=True):
    """A replayed letter: where its record was read and what time it had, where it is now, and when it was replayed."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    again: tuple[int, int]
    at: int


_decode = msgspec.json.Decoder(Mark).decode


class Marks:
    """The marks of a folder.

    Args:
        folder: The state folder's `dead`; what is not there has no marks.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._letters = set[tuple[str, int, int, int]]()
        self._again = set[Place]()
        self._file: IO[bytes] | None = None
        for mark in self._read():
            self._note(mark)

    def has(self, letter: Letter) -> bool:
        """Return whether a letter was replayed, or comes of a record that was."""
        return letter.place in self._letters or letter.place[:3] in self._again

    def begin(self) -> None:
        """Open the file to add marks.

        Raises:
            BadSource: Another replay has it, or it cannot be written.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
            self._file = os.fdopen(os.open(self._path, flags, 0o600), "ab")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            if self._file is not None:
                self._file.close()
            raise BadSource(f"{self._path}: another replay is under way; wait for its end") from exc
        except OSError as exc:
            raise BadSource(
                f"{self._path}: what is replayed cannot be noted ({exc.strerror}); nothing was replayed. "
                "Name the folder of the instance with --state"
            ) from exc

    def add(self, letters: Iterable[tuple[Letter, tuple[int, int]]]) -> None:
        """Note letters that were published, each with its partition and offset, on disk when this returns."""
        assert self._file is not None
        now_ms = time.time_ns() // 1_000_000
        for letter, again in letters:
            mark = Mark(letter.topic, letter.partition, letter.offset, letter.timestamp, again, now_ms)
            self._note(mark)
            self._file.write(msgspec.json.encode(mark) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def end(self, places: set[tuple[str, int, int, int]] | None) -> None:
        """Close the file, without the marks of letters that are gone for long.

        Args:
            places: Those of all letters there are; None keeps every mark.
        """
        assert self._file is not None
        if places is not None:
            old = time.time_ns() // 1_000_000 - KEPT_MS
            marks = self._read()
            kept = [mark for mark in marks if mark.at > old or _place(mark) in places]
            if len(kept) < len(marks):
                new = self._path.with_suffix(".new")
                with os.fdopen(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
                    file.writelines(msgspec.json.encode(mark) + b"\n" for mark in kept)
                    file.flush()
                    os.fsync(file.fileno())
                new.rename(self._path)
        self._file.close()

    def _note(self, mark: Mark) -> None:
        self._letters.add(_place(mark))
        self._again.add((mark.topic, *mark.again))

    def _read(self) -> list[Mark]:
        marks = list[Mark]()
        with suppress(FileNotFoundError), open(self._path, "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break  # the rest of a line of a crash
                try:
                    marks.append(_decode(line))
                except msgspec.MsgspecError as exc:
                    raise BadSource(
                        f"{self._path}: line {number} is no mark of a replay ({exc}); remove the line: its letter is replayed again"
                    ) from exc
        return marks


def _place(mark: Mark) -> tuple[str, int, int, int]:
    return mark.topic, mark.partition, mark.offset, mark.timestamp
