"""`riverwalk backup FOLDER`: a copy of an instance's state, while it runs or not.

1. the store: ingest writes a checkpoint, with what is learned by now and the offsets it has read; no event waits longer than a save
2. the log, where the instance keeps its own: copied after the store, so that it reaches at least as far
3. dead letters that wait on disk
4. a manifest with the checksum of every file; the folder gets its name last
"""

from __future__ import annotations

import os
import secrets
import shutil
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

from deploy.backup import manifest
from deploy.backup.manifest import File, Manifest
from deploy.config.broker import with_address
from deploy.config.schema import BadConfig, Config
from deploy.service import checkpoint
from deploy.service.folder import LEARNED, STORE, Lock
from deploy.terminal.progress import Bars
from state.error import BadStore
from state.file import write_private
from stream.broker import log_folder

LOG, DEAD = "log", "dead"
PRIVATE: Final = 0o700


def backup(config: Config, target: Path) -> dict[str, Any]:
    """Write a backup into a folder that is not there yet; return what it holds, for people.

    Raises:
        BadConfig: The target is there, or the state folder is not.
        BadStore: The store cannot be copied.
    """
    target = target.expanduser().absolute()
    root = Path(config.state.folder).expanduser().absolute()
    if target.exists():
        raise BadConfig(f"{target}: is there already; name a new folder for the backup")
    if not (root / STORE).is_dir():
        raise BadConfig(f"{root}: holds no state; name the state folder with --state")
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=PRIVATE)
    made = root / f"checkpoint-{secrets.token_hex(4)}"
    learned = made.with_name(f"{made.name}-{LEARNED}")
    try:
        with Bars() as bars:
            found = _filled(config, root, made, learned, part, bars)
        write_private(part / manifest.NAME, msgspec.json.encode(found))
        manifest.keep(part)
        part.rename(target)
        manifest.keep(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
        shutil.rmtree(learned, ignore_errors=True)
    return {
        "backup": str(target),
        "files": len(found.files),
        "bytes": found.size,
        "topic": found.topic,
        "offsets": found.offsets,
    }


def _filled(config: Config, root: Path, made: Path, learned: Path, part: Path, bars: Bars) -> Manifest:
    """Fill the folder of a backup; return its manifest."""
    topic, offsets = _checkpoint(config, root, made, learned)
    files: dict[str, File] = {}
    step, total, done = bars.watch("copy"), _size(made) + _size(learned), 0

    def moved(count: int) -> None:
        nonlocal done
        done += count
        step(done, total)

    for copy, of in ((made, STORE), (learned, LEARNED)):
        for name in manifest.files(copy):
            files[f"{of}/{name}"] = manifest.copy(copy / name, part / of / name, moved)
    log = log_folder(with_address(config).kafka.address)
    if log is not None and log.is_dir():
        files |= _log(log, part / LOG, moved)
    if (root / DEAD).is_dir():
        for name in manifest.files(root / DEAD):
            files[f"{DEAD}/{name}"] = manifest.copy(root / DEAD / name, part / DEAD / name, moved)
    return Manifest(
        version=version("riverwalk"), made=datetime.now(UTC).isoformat(timespec="seconds"),
        topic=topic, offsets={str(partition): offset for partition, offset in offsets.items()}, files=files,
    )  # fmt: skip


def _checkpoint(config: Config, root: Path, made: Path, learned: Path) -> tuple[str, dict[int, int]]:
    """Write copies of both stores into `made` and `learned`; return the topic the offsets are of, and these."""
    from state.storage.store import Store

    lock = _free(root)
    if lock is None:
        checkpoint.ask(root, made.name)
        checkpoint.ask(root, learned.name, LEARNED)
    else:
        try:
            for name, copy in ((STORE, made), (LEARNED, learned)):
                if (root / name).is_dir():
                    store = Store(root / name)
                    try:
                        store.checkpoint(copy)
                    finally:
                        store.close()
        finally:
            lock.close()
    return _offsets(made, config.kafka.topic)


def _free(root: Path) -> Lock | None:
    """Return the right to use a state folder, None while an instance runs there."""
    try:
        return Lock(root, f"riverwalk backup, process {os.getpid()}")
    except BadStore:
        return None


def _offsets(made: Path, topic: str) -> tuple[str, dict[int, int]]:
    """Return the name under which a copy keeps the offsets of a topic, and these."""
    from state.storage.store import Store

    store = Store(made)
    try:
        names = {key.split(b"\0")[1].decode() for key in store.records(b"offset\0")}
        for name in sorted(names):
            if name == topic or name.startswith(f"{topic}@"):
                return name, store.offsets(name)
    finally:
        store.close()
    return topic, {}


def _log(log: Path, target: Path, moved: manifest.Moved) -> dict[str, File]:
    """Copy the log of events as it is at one moment, whatever is appended meanwhile."""
    from stream.log.database import FILE, copy

    target.mkdir(mode=PRIVATE)
    copy(log, target / f"{FILE}.copy")
    found = manifest.copy(target / f"{FILE}.copy", target / FILE, moved)
    (target / f"{FILE}.copy").unlink()
    return {f"{LOG}/{FILE}": found}


def _size(folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in manifest.files(folder))
