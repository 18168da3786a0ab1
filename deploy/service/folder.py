"""The folders of one instance: the state folder with its lock, and the folder of the tables processes share."""

import fcntl
import hashlib
import os
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path

from deploy.config.schema import BadConfig, Config
from state.error import BadStore, NoMemory

SHARED_MEMORY = Path("/dev/shm")
LOCK = "lock"
STORE, LEARNED = "store", "learned"  # what is counted, and what is learned, in the state folder
TABLE, METRIC = "table", "metric"
TABLES = "tables"  # the folder in `state.live` where generations lie
YOUNG_S = 60.0
FAMILY = f"riverwalk-{os.getuid()}-"


def keep_private() -> None:
    """Have all files that this process, and those it starts, make from now on be their owner's alone."""
    os.umask(0o077)


class Lock:
    """The right to use a state folder, held until `close` or the end of every process that inherited it."""

    def __init__(self, folder: Path, holder: str) -> None:
        """Take the lock or raise BadStore naming the holder; `holder` is what others read about us."""
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=stat.S_IRWXU)
            with suppress(PermissionError):  # of a folder that someone else made for us
                folder.chmod(stat.S_IRWXU)
            self._file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise BadStore(
                f"{folder}: the state folder cannot be used ({exc.strerror}); "
                "choose another with --state, RIVERWALK_STATE_FOLDER or state.folder"
            ) from exc
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            owner = os.read(self._file, 400).decode(errors="replace").strip() or "another process"
            os.close(self._file)
            raise BadStore(
                f"{folder}: the state folder is in use by {owner}; stop that one, or choose another folder "
                "with --state, RIVERWALK_STATE_FOLDER or state.folder"
            ) from exc
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{holder}\n".encode(), 0)

    def fileno(self) -> int:
        """The descriptor to hand to a child, so that the lock lasts as long as anyone can write."""
        return self._file

    def close(self) -> None:
        """Release the lock; the file stays, so that nobody ever locks one that is about to be removed."""
        os.close(self._file)


def move_learned(root: Path, config: Config) -> None:
    """Give what is learned the store of its own, where an older version kept it beside what is counted.

    Raises:
        BadStore: It cannot be read.
    """
    if (root / LEARNED).is_dir() or not (root / STORE).is_dir():
        return
    from deploy.config.room import learned
    from stream.learning.store import move

    move(root / STORE, root / LEARNED, lambda: learned(config))


def live_path(folder: Path, base: str) -> Path:
    """Return where the instance of a state folder shares its tables; see `Live`."""
    top = Path(base).expanduser().absolute() if base else SHARED_MEMORY
    if not base and not os.access(top, os.W_OK | os.X_OK):
        top = folder
    return top / (FAMILY + hashlib.sha256(os.fsencode(folder)).hexdigest()[:12])


class Live:
    """A new folder for what the processes of an instance share: `table` for its tables, `metric` for its metrics.

    Shared memory outlives processes, so the folder of a killed instance is removed by the next start.

    Args:
        folder: The state folder, absolute, whose lock the caller holds.
        base: Where to make it; empty picks /dev/shm, or the state folder where there is no shared memory.
    """

    def __init__(self, folder: Path, base: str) -> None:
        self.path = live_path(folder, base)
        top = self.path.parent
        try:
            top.mkdir(parents=True, exist_ok=True)
            for path in top.glob(FAMILY + "*"):
                _remove_stale(path)
            if self.path.is_symlink() or (self.path.exists() and self.path.stat().st_uid != os.getuid()):
                raise BadConfig(f"{self.path}: belongs to someone else; choose another place with state.live")
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir(mode=stat.S_IRWXU)
            self._lock = Lock(self.path, str(folder))
            self.path.joinpath(TABLE).mkdir()
            self.path.joinpath(METRIC).mkdir()
        except OSError as exc:
            raise BadConfig(
                f"{self.path}: cannot be made ({exc.strerror}); choose another place with state.live"
            ) from exc

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def reserve_metrics(folder: Path, role: str) -> None:
    """Have memory for the metrics of a process: a write where shared memory is full would end it.

    Raises:
        NoMemory: There is none.
    """
    from stream.metric import FILE, FILES  # which loads numpy: the command line does without

    for kind in FILES:
        file = os.open(folder / f"{kind}_{role}.db", os.O_RDWR | os.O_CREAT, stat.S_IRUSR | stat.S_IWUSR)
        try:
            os.posix_fallocate(file, 0, FILE)
        except OSError as exc:
            raise NoMemory(
                f"{folder}: no room for metrics ({exc.strerror}); make it larger (docker run --shm-size), or name "
                "another folder in state.live"
            ) from exc
        finally:
            os.close(file)


def _remove_stale(path: Path) -> None:
    """Remove the folder of an instance that died; one made just now may not hold its lock yet."""
    try:
        if (
            path.is_symlink()
            or path.stat().st_uid != os.getuid()
            or time.time() - path.stat().st_mtime < YOUNG_S
        ):
            return
        lock = Lock(path, "a clean-up")
    except (BadStore, FileNotFoundError):
        return
    shutil.rmtree(path, ignore_errors=True)
    lock.close()
