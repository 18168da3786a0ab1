"""A copy of a store of a running instance, asked for through two files of the state folder.

    store.wanted   {"folder": "checkpoint-7f3a"}         written by who wants a copy (`riverwalk backup`)
    store.made     {"folder": …, "error": "", …}         written by ingest, which alone has the store open

So are `learned.wanted` and `learned.made`, for the learner's store.

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
    """Makes the copies that are asked for, in the process that has the store open.

    Args:
        root: The state folder.
        make: Writes a copy of the store into a folder that is not there yet.
        store: The folder of the store.
    """

    def __init__(self, root: Path, make: Callable[[Path], None], store: str = "store") -> None:
        self._root, self._make = root, make
        self._wanted, self._made = _files(root, store)

    def step(self) -> None:
        """Look whether a copy is asked for, and make it."""
        try:
            wanted = msgspec.json.decode(self._wanted.read_bytes(), type=Wanted)
        except FileNotFoundError:
            return
        except msgspec.MsgspecError:
            wanted = Wanted("")
        error = ""
        try:
            if not wanted.folder.startswith("checkpoint-") or "/" in wanted.folder:
                raise BadStore(f"{self._wanted}: names no folder for a copy")
            self._make(self._root / wanted.folder)
        except BadStore as exc:
            error = str(exc)
        write_private(self._made, msgspec.json.encode(Made(wanted.folder, error)))
        self._wanted.unlink(missing_ok=True)


def _files(root: Path, store: str) -> tuple[Path, Path]:
    return root / f"{store}.wanted", root / f"{store}.made"


def ask(root: Path, folder: str, store: str = "store") -> None:
    """Have the running instance write a copy of its store into `root / folder`.

    Raises:
        BadStore: It cannot, or does not answer.
    """
    asked, answer = _files(root, store)
    answer.unlink(missing_ok=True)
    write_private(asked, msgspec.json.encode(Wanted(folder)))
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        try:
            made = msgspec.json.decode(answer.read_bytes(), type=Made)
        except FileNotFoundError:
            time.sleep(LOOK_S)
            continue
        answer.unlink(missing_ok=True)
        if made.error:
            raise BadStore(made.error)
        return
    asked.unlink(missing_ok=True)
    raise BadStore(
        f"{root / store}: its process has not answered in {WAIT_S:.0f} s; is it running? `riverwalk query info` says it"
    )
