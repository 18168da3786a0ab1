"""The file of the log: an SQLite database in WAL mode in a private folder, made whole or not at all.

    log/            0700
      log.db        0600; `application_id` says whose it is, `user_version` which format
      log.db-wal    the records appended last, until SQLite moves them into log.db
      log.db-shm    where in the WAL each page is, for the processes that use the log now
      log.bell      8 bytes that change after each commit: what a waiting reader looks at instead of asking SQLite

A commit returns after fsync of the WAL.  Readers never wait for writers; writers take turns.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from state.file import keep_names
from stream.error import BadSource

FILE, BELL = "log.db", "log.bell"
MAGIC: Final = 0x52574C47  # RWLG
FORMAT: Final = 1
OPEN_S, PAUSE_S = (
    10.0,
    0.0005,
)  # how long opening waits for another process; how often a writer asks for its turn
WAL_BYTES: Final = 64 << 20  # the WAL file is cut to this after a burst

_SCHEMA: Final = (
    "CREATE TABLE topic (topic INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, id TEXT NOT NULL, "
    "compact INTEGER NOT NULL, partitions INTEGER NOT NULL, checksum INTEGER NOT NULL)",
    "CREATE TABLE partition (topic INTEGER, partition INTEGER, low INTEGER NOT NULL, high INTEGER NOT NULL, "
    "bytes INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID",
    "CREATE TABLE committed (reader TEXT, topic INTEGER, partition INTEGER, offset INTEGER NOT NULL, "
    "PRIMARY KEY (reader, topic, partition)) WITHOUT ROWID",
)
_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED: Final = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_ERROR,
}
ANEW: Final = (
    "restore it from a backup, or move the folder away to begin an empty log "
    '(kafka.on_gap = "skip" lets a state go on with that)'
)


class Database:
    """A connection to the log of a folder.  One thread at a time uses it.

    Args:
        synced: Whether a commit waits for the disk; without, the last commits may be lost with the machine's power.

    Raises:
        BadSource: There is no log, it is not ours, of another format, or damaged.
    """

    def __init__(self, folder: Path, *, synced: bool = True) -> None:
        self.path = folder / FILE
        if not self.path.exists():
            raise BadSource(
                f"{folder}: no log of events there; `riverwalk serve` makes one in its state folder"
            )
        with self.named():
            self._file = _inode(self.path)
            self.connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=OPEN_S,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                self._check()
                self.connection.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
                self.connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
                self._bell = os.open(folder / BELL, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except BaseException:
                self.connection.close()
                raise

    def close(self) -> None:
        """Close the file; the last process to do so moves the WAL into it."""
        with suppress(sqlite3.Error):
            self.connection.close()
        if self._bell >= 0:
            os.close(self._bell)
        self._bell = -1

    @contextmanager
    def named(self) -> Iterator[None]:
        """Raise errors of SQLite and of the file system as a BadSource that says what to do."""
        try:
            yield
        except sqlite3.Error as exc:
            raise BadSource(f"{self.path}: {_reason(exc, self.path.parent)}") from exc
        except OSError as exc:
            raise BadSource(f"{self.path}: the log cannot be used ({exc.strerror})") from exc

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """See one state of the log, whatever is appended meanwhile."""
        with self.named(), self._finally("ROLLBACK"):
            self.connection.execute("BEGIN")
            yield self.connection

    @contextmanager
    def writing(self, wait_s: float, closed: Callable[[], bool] = bool) -> Iterator[sqlite3.Connection]:
        """Change the log: all of it is on disk when this returns, and none of it when this raises.

        Args:
            wait_s: How long to wait while other processes write.
            closed: Whether to stop waiting.
        """
        with self.named(), self._finally("ROLLBACK"):
            self._begin(time.monotonic() + wait_s, closed)
            self.check_file()
            yield self.connection
            self.connection.execute("COMMIT")
        with suppress(OSError):  # readers ask SQLite now and then all the same
            os.pwrite(self._bell, time.monotonic_ns().to_bytes(8, "little"), 0)

    def bell(self) -> bytes:
        """Return bytes that change soon after another connection, of this process or another one, has written."""
        return os.pread(self._bell, 8, 0)

    def version(self) -> int:
        """Return a number that is another one when another connection has written; costs up to 50 µs."""
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    def check_file(self) -> None:
        """Raise BadSource when the file was removed or replaced: what is written to it now would be lost."""
        try:
            same = _inode(self.path) == self._file
        except FileNotFoundError:
            same = False
        if not same:
            raise BadSource(
                f"{self.path}: the log was removed or replaced while in use; start Riverwalk again"
            )

    def _begin(self, limit: float, closed: Callable[[], bool]) -> None:
        """Take the right to write.  SQLite's own wait sleeps up to 100 ms at a time."""
        self.connection.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    self.connection.execute("BEGIN IMMEDIATE")
                    return
                except sqlite3.OperationalError as exc:
                    if exc.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > limit or closed():
                        raise
                time.sleep(PAUSE_S)
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {int(OPEN_S * 1000)}")

    @contextmanager
    def _finally(self, statement: str) -> Iterator[None]:
        try:
            yield
        finally:
            if self.connection.in_transaction:
                with suppress(sqlite3.Error):
                    self.connection.execute(statement)

    def _check(self) -> None:
        """Raise BadSource unless the file is a log this program reads."""
        magic, found = (
            int(self.connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("application_id", "user_version")
        )
        if magic != MAGIC:
            raise BadSource(f"{self.path}: not a log of Riverwalk's, or its beginning is damaged; {ANEW}")
        if found != FORMAT:
            raise BadSource(
                f"{self.path}: format {found}, this program reads {FORMAT}; update Riverwalk, or {ANEW}"
            )
        mode = self.connection.execute("PRAGMA journal_mode").fetchone()[0]
        if mode != "wal":
            raise BadSource(f"{self.path}: the log is damaged (journal mode {mode}, wanted wal); {ANEW}")
        self.connection.execute("SELECT count(*) FROM topic, partition, committed LIMIT 1").fetchone()


def create(folder: Path) -> None:
    """Make an empty log where there is none.

    The file gets its name when it is complete, so that a file of that name which is no log is damage, never a beginning.

    Raises:
        BadSource: The folder cannot be used, or holds the rest of a log.
    """
    path = folder / FILE
    if path.exists():
        return
    new = folder / f"{FILE}.{os.getpid()}.{time.monotonic_ns()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.joinpath(f"{FILE}-{rest}").exists() for rest in ("wal", "shm")) and not path.exists():
            raise BadSource(f"{path}: missing beside its WAL: the log was removed in part; {ANEW}")
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(new, isolation_level=None)
        try:
            for statement in (
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "BEGIN",
                *_SCHEMA,
                f"PRAGMA application_id = {MAGIC}",
                f"PRAGMA user_version = {FORMAT}",
                "COMMIT",
            ):
                connection.execute(statement)
        finally:
            connection.close()
        with suppress(FileExistsError):  # another process was faster
            os.link(new, path)
        keep_names(folder)
    except sqlite3.Error as exc:
        raise BadSource(f"{path}: {_reason(exc, folder)}") from exc
    except OSError as exc:
        raise BadSource(
            f"{path}: the log cannot be made ({exc.strerror}); choose another folder with --state"
        ) from exc
    finally:
        with suppress(OSError):
            new.unlink()


def _inode(path: Path) -> tuple[int, int]:
    about = os.stat(path)
    return about.st_dev, about.st_ino


def _reason(exc: sqlite3.Error, folder: Path) -> str:
    """Return what an error of SQLite means and what to do."""
    code = getattr(exc, "sqlite_errorcode", -1) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _full(folder)):
        return "the disk is full: nothing was written; free some space, or keep less with log.retention_mib"
    if code in _BUSY:
        return "another process has kept the log for too long; try again"
    if code in _DAMAGED:
        return f"the log is damaged ({exc}); {ANEW}"
    return f"the log cannot be used ({exc})"


def _full(folder: Path) -> bool:
    with suppress(OSError):
        return os.statvfs(folder).f_bavail == 0
    return False


def copy(folder: Path, target: Path) -> None:
    """Write the log as it is at one moment to a file that is not there yet, whatever is appended meanwhile.

    Raises:
        BadSource: The log cannot be read, or the file not be written.
    """
    database = Database(folder)
    try:
        with database.named():
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            other = sqlite3.connect(target)
            try:
                database.connection.backup(other)
            finally:
                other.close()
    finally:
        database.close()
