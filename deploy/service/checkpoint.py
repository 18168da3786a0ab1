"""A copy of the store of a running instance, asked for through two files of the state folder.

    checkpoint.wanted   {"folder": "checkpoint-7f3a"}         written by who wants a copy (`riverwalk backup`)
    checkpoint.made     {"folder": …, "error": "", …}         written by ingest, which alone has the store open

The state folder is private, so who may write there may ask.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from state.error import BadStore
from state.file import write_private

WANTED, MADE = "checkpoint.wanted", "checkpoint.made"
LOOK_S: Final = 0.1
WAIT_S: Final = 60.0  # for ingest to take notice and to make it


class Wanted(msgspec.Struct, frozen=True):
    """A request: the name of a folder in the state folder that is not there yet."""

    folder: str


class Made(msgspec.Struct, frozen=True):
    """The answer to a request; `error` says why there is no copy."""

    folder: str
    error: str = ""


class Checkpoints:
    """Makes the copies that are asked for, in ingest.

    Args:
        root: The state folder.
        make: Writes a copy of the store into a folder that is not there yet.
    """

    def __init__(self, root: Path, make: Callable[[Path], None]) -> None:
        self._root, self._make = root, make

    def step(self) -> None:
        """Look whether a copy is asked for, and make it."""
        try:
            wanted = msgspec.json.decode((self._root / WANTED).read_bytes(), type=Wanted)
        except FileNotFoundError:
            return
        except msgspec.MsgspecError:
            wanted = Wanted("")
        error = ""
        try:
            if not wanted.folder.startswith("checkpoint-") or "/" in wanted.folder:
                raise BadStore(f"{self._root / WANTED}: names no folder for a copy")
            self._make(self._root / wanted.folder)
        except BadStore as exc:
            error = str(exc)
        write_private(self._root / MADE, msgspec.json.encode(Made(wanted.folder, error)))
        (self._root / WANTED).unlink(missing_ok=True)


def ask(root: Path, folder: str) -> None:
    """Have the running instance write a copy of its store into `root / folder`.

    Raises:
        BadStore: It cannot, or does not answer.
    """
    (root / MADE).unlink(missing_ok=True)
    write_private(root / WANTED, msgspec.json.encode(Wanted(folder)))
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        try:
            made = msgspec.json.decode((root / MADE).read_bytes(), type=Made)
        except FileNotFoundError:
            time.sleep(LOOK_S)
            continue
        (root / MADE).unlink(missing_ok=True)
        if made.error:
            raise BadStore(made.error)
        return
    (root / WANTED).unlink(missing_ok=True)
    raise BadStore(
        f"{root}: ingest has not answered in {WAIT_S:.0f} s; is it running? `riverwalk query info` says it"
    )
