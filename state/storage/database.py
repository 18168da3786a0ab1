"""RocksDB, opened with care: bytes in, bytes out, and every failure has a name.

Raw mode: nothing is ever unpickled.  A folder that was ours stays ours: RocksDB makes a new database only in an empty
folder, and a file of our own beside its files says that there was one.

    riverwalk.json   {"format": 4, "made": true}    made: false while the first start is under way

Nothing else in the program knows RocksDB.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from rocksdict import (
    BottommostLevelCompaction,
    Checkpoint,
    CompactOptions,
    Options,
    Rdict,
    WriteBatch,
    WriteOptions,
)

from state.error import BadStore
from state.file import keep_names, write_private
from state.storage import crash

MARKER = "riverwalk.json"
UNNAMED = "riverwalk.new"  # the marker before it has its name: a start that was killed leaves it
MEND = "restore a backup or replay the topic into an empty folder"
# The disk is given little at a time: 10 MB keep it busy for 25 ms, and a file of 24 MB that is removed as long; whoever else
# waits for it meanwhile, as the log of events does at each commit, waits for them, too.  Files of RocksDB's log are not
# used again, which would spare the removals: they would keep what is to leave the disk, see `compact`.
MEMTABLE, TABLE = 8 << 20, 4 << 20  # bytes in memory, and of the files they become
RATE = 64 << 20  # bytes of those files a second


def failure(folder: Path, text: str) -> BadStore:
    """Return the error for what RocksDB says: a second process, a full disk, damage, or something else."""
    low = text.lower()
    if "lock hold by" in low or "while lock file" in low or "locks available" in low:
        return BadStore(
            f"{folder}: is another riverwalk using it? It is locked; stop that one, or choose another folder"
        )
    if "no space left" in low or "quota exceeded" in low:
        return BadStore(f"{folder}: the disk is full; free some disk space, then start again")
    if "permission denied" in low:
        return BadStore(f"{folder}: may not be read or written ({text}); give this user the folder")
    return BadStore(f"{folder}: the store is damaged ({text}); {MEND}")


def other_format(folder: Path, found: object, ours: int) -> BadStore:
    """Return the error for a store that another version wrote."""
    newer = isinstance(found, int) and found > ours
    who = (
        "a newer Riverwalk wrote it: update this one"
        if newer
        else "an older Riverwalk wrote it: go back to that one"
    )
    return BadStore(f"{folder}: format {found}, this program reads {ours}; {who}, or {MEND}")


class Database:
    """A database in a folder of its own; made where the folder is empty or missing.

    Args:
        format: Of what is kept, for the marker.
        older: Formats that may be opened, too, as whoever opens it writes them anew in the present one.

    Raises:
        BadStore: It is in use, damaged, of another format, or no database of ours.
    """

    def __init__(self, folder: Path, format: int, older: tuple[int, ...] = ()) -> None:
        self.folder, self.format, self.older = folder, format, older
        self.loose = WriteOptions()
        self.fresh = False  # made by this object
        self.open()

    def open(self) -> None:
        """Open the database.

        Raises:
            BadStore: See the class.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folder.chmod(0o700)
            found = {entry.name for entry in self.folder.iterdir()} - {UNNAMED}
        except OSError as exc:
            raise failure(self.folder, str(exc)) from exc
        made = self._made() if MARKER in found else None
        if made is None and found and "CURRENT" not in found:
            raise BadStore(
                f"{self.folder}: holds {sorted(found)[0]} and no store of riverwalk; choose an empty folder, or {MEND}"
            )
        self.fresh = not found or made is False
        if not found:
            self._mark(made=False)
        options = Options(raw_mode=True)
        options.create_if_missing(self.fresh)
        options.set_write_buffer_size(MEMTABLE)
        options.set_max_write_buffer_number(6)
        options.set_target_file_size_base(TABLE)
        options.set_level_zero_file_num_compaction_trigger(12)  # of so small files
        options.set_ratelimiter(RATE, 10_000, 10)  # refilled each 10 ms; 10 is RocksDB's own fairness
        options.set_max_background_jobs(2)
        options.set_keep_log_file_num(3)
        try:
            self.db = Rdict(str(self.folder), options)
        except Exception as exc:
            raise failure(self.folder, str(exc)) from exc
        self._keep_private()

    def _keep_private(self) -> None:
        for path in self.folder.iterdir():
            with suppress(OSError):  # RocksDB removes files of its own at any time
                path.chmod(0o600)

    def made(self) -> None:
        """Note that the database holds what it must hold from now on."""
        self._mark(made=True)

    def _made(self) -> bool:
        """Tell what our own file says."""
        path = self.folder / MARKER
        try:
            said = json.loads(path.read_bytes())
        except (OSError, ValueError) as exc:
            raise BadStore(f"{path}: damaged ({exc}); {MEND}") from exc
        for made in (False, True):
            if said in [{"format": one, "made": made} for one in (self.format, *self.older)]:
                return made
        if isinstance(said, dict) and isinstance(said.get("format"), int) and said["format"] != self.format:
            raise other_format(self.folder, said["format"], self.format)
        raise BadStore(f"{path}: damaged; {MEND}")

    def _mark(self, made: bool) -> None:
        path = self.folder / MARKER
        new = self.folder / UNNAMED
        try:
            write_private(path, json.dumps({"format": self.format, "made": made}).encode(), new)
            keep_names(self.folder.parent)
        except OSError as exc:
            raise failure(self.folder, str(exc)) from exc

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, None where there is none."""
        try:
            found: bytes | None = self.db.get(key)
        except Exception as exc:
            raise failure(self.folder, str(exc)) from exc
        return found

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield every key that begins with `prefix`, and its value, in the order of keys.

        Raises:
            BadStore: A block cannot be read; what follows it is not skipped in silence.
        """
        at = self.db.iter()
        at.seek(prefix)
        while at.valid():
            key: bytes = at.key()
            if not key.startswith(prefix):
                return
            yield key, at.value()
            at.next()
        try:
            at.status()
        except Exception as exc:
            raise failure(self.folder, str(exc)) from exc

    def groups(self) -> Iterator[bytes]:
        """Yield what stands before the first zero byte of keys, each once."""
        at = self.db.iter()
        at.seek_to_first()
        while at.valid():
            key: bytes = at.key()
            name = key.partition(b"\0")[0]
            yield name
            at.seek(name + b"\1")
        try:
            at.status()
        except Exception as exc:
            raise failure(self.folder, str(exc)) from exc

    def batch(self) -> WriteBatch:
        """Return an empty batch of writes."""
        return WriteBatch(raw_mode=True)

    def write(self, batch: WriteBatch, wait: bool) -> None:
        """Write a batch, all or nothing.

        Args:
            wait: Until it is on the disk.

        Raises:
            BadStore: The disk is full or failing; nothing of the batch is there.
        """
        try:
            self.db.write(batch, write_opt=self.loose)
        except Exception as exc:
            raise BadStore(
                f"{self.folder}: a save failed ({exc}); free some disk space, then learning goes on"
            ) from exc
        if wait:
            self.sync()

    def sync(self) -> None:
        """Wait until everything written is on the disk.

        RocksDB's own wait holds up every other thread of the process, this one none: the files of its log are waited
        for.  One that goes meanwhile was waited for by RocksDB, with the tables it became.

        Raises:
            BadStore: The disk is failing.
        """
        try:
            for path in (*self.folder.glob("*.log"), self.folder):
                with suppress(FileNotFoundError):
                    file = os.open(path, os.O_RDONLY)
                    try:
                        os.fsync(file)
                    finally:
                        os.close(file)
        except OSError as exc:
            raise BadStore(
                f"{self.folder}: a save failed ({exc}); see to the disk, then learning goes on"
            ) from exc

    def compact(self, prefixes: Iterable[bytes], whole: bool = False) -> None:
        """Drop what was removed or replaced under these prefixes from the files, which takes a while.

        Args:
            whole: Write also files anew in which nothing was, so that all is in as few of them as can be.

        Raises:
            BadStore: It cannot be done.
        """
        options = CompactOptions()
        if whole:
            options.set_bottommost_level_compaction(BottommostLevelCompaction.force())
        try:
            self.db.flush()
            for prefix in prefixes:
                self.db.compact_range(prefix, prefix + b"\xff" * 16, options)
        except Exception as exc:
            raise BadStore(f"{self.folder}: old rows cannot be dropped ({exc})") from exc

    def checkpoint(self, folder: Path) -> None:
        """Write the database as it is now to a folder that is not there yet: links to files that no longer change, and the rest.

        Raises:
            BadStore: It cannot be written.
        """
        try:
            Checkpoint(self.db).create_checkpoint(str(folder))
            crash.point("checkpoint")
            folder.chmod(0o700)
            shutil.copyfile(self.folder / MARKER, folder / MARKER)
            for path in folder.iterdir():
                path.chmod(0o600)
        except Exception as exc:
            raise BadStore(
                f"{folder}: no copy of the store can be written there ({exc}); free some disk space, or choose another folder"
            ) from exc

    def reopen(self) -> None:
        """Open the database anew: after a write failed RocksDB takes no more.

        Raises:
            BadStore: It cannot be opened.
        """
        self.shut()
        self.open()

    def shut(self) -> None:
        """Let the folder go; what was written lies in the log already."""
        with suppress(Exception):  # RocksDB reports a failed write again; rows not saved are still marked
            self.db.close()

    def close(self) -> None:
        """Write what RocksDB holds in memory to its files, and let the folder go."""
        with suppress(Exception):  # what was saved lies in the log already
            self.db.flush()
        self.shut()
