"""`riverwalk restore FOLDER --state NEW`: a backup becomes a state folder, checked byte by byte."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

from deploy.backup import manifest
from deploy.config.schema import BadConfig
from deploy.service.folder import LOCK
from deploy.terminal.progress import Bars
from state.error import BadStore
from state.storage import crash

PRIVATE: Final = 0o700


def restore(source: Path, target: Path) -> dict[str, Any]:
    """Copy a backup into a state folder that is empty or not there; return what it holds, for people.

    Raises:
        BadConfig: The target holds something.
        BadStore: The backup is not whole.
    """
    source, target = source.expanduser().absolute(), target.expanduser().absolute()
    found = manifest.read(source)
    if target.exists() and (not target.is_dir() or any(path.name != LOCK for path in target.iterdir())):
        raise BadConfig(f"{target}: holds something already; name an empty or a new folder with --state")
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=PRIVATE)
    try:
        with Bars() as bars:
            _copy(source, part, found, bars)
        manifest.keep(part)
        if target.exists():
            shutil.rmtree(target)
        part.rename(target)
        manifest.keep(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return {
        "state": str(target),
        "made": found.made,
        "topic": found.topic,
        "offsets": found.offsets,
        "bytes": found.size,
    }


def _copy(source: Path, part: Path, found: manifest.Manifest, bars: Bars) -> None:
    """Copy every file of the manifest and compare it with its checksum."""
    step, done = bars.watch("restore"), 0

    def moved(count: int) -> None:
        nonlocal done
        done += count
        step(done, found.size)

    for name, wanted in found.files.items():
        path = (part / name).resolve()
        if not path.is_relative_to(part.resolve()):
            raise BadStore(
                f"{source / manifest.NAME}: names {name!r}, which lies elsewhere; take another backup"
            )
        try:
            copied = manifest.copy(source / name, path, moved)
        except OSError as exc:
            raise BadStore(
                f"{source / name}: cannot be copied ({exc.strerror}); take another backup"
            ) from exc
        crash.point("restore")
        if copied != wanted:
            raise BadStore(
                f"{source / name}: is damaged ({copied.size} bytes, its checksum is another one); take another backup"
            )
