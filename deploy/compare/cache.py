"""Models that have finished, kept so that none runs twice: by the log, what was asked, and the program's version.

    KEY.npz    the ranks        KEY.json    what the process reported

in a folder of the user's cache that nobody else reads.  What nobody has used for a month is removed.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import numpy as np

from deploy.evaluate.runner import Done
from deploy.evaluate.setting import Job

DAYS = 30
SOURCES = ("state", "tgn", "stream", "deploy/evaluate")


def home() -> Path:
    """Return the folder of the user's cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "riverwalk" / "compare"


def checksum(paths: Iterable[Path]) -> str:
    """Return a checksum of files by what is in them."""
    found = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def version() -> str:
    """Return a checksum of the sources that figures depend on."""
    root = Path(__file__).resolve().parents[2]
    files = [path for room in SOURCES for path in sorted((root / room).rglob("*.py"))]
    return checksum(files)


class Cache:
    """Finished jobs.

    Args:
        folder: Where they are kept; made, and closed to others.
        log: The checksum of the log and of what is known beside it.
        budget: What was asked for: a fit that was cut short is not that of a longer run.
    """

    def __init__(self, folder: Path, log: str, budget: str) -> None:
        self.folder, self.log, self.budget, self.version = folder, log, budget, version()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        old = time.time() - DAYS * 86_400
        for path in folder.glob("*.npz"):
            if path.stat().st_mtime < old:
                path.with_suffix(".json").unlink(missing_ok=True)
                path.unlink(missing_ok=True)

    def place(self, job: Job) -> Path:
        """Return the file of a job's ranks."""
        asked = msgspec.structs.replace(job.asked, data="", models=None, item_columns="", user_columns="")
        told = msgspec.structs.replace(
            job, asked=asked, path="", out="", items="", users="", trust="", seconds=0.0
        )
        what = msgspec.json.encode([self.log, self.version, self.budget, told])
        return self.folder / f"{job.model}-{hashlib.sha256(what).hexdigest()[:32]}.npz"

    def found(self, job: Job) -> tuple[Mapping[str, np.ndarray], Done] | None:
        """Return the ranks and the report of a job that has finished before; None where it has not."""
        place = self.place(job)
        try:
            done = msgspec.json.decode(place.with_suffix(".json").read_bytes(), type=Done)
            with np.load(io.BytesIO(place.read_bytes()), allow_pickle=False) as ranks:
                kept = {name: ranks[name] for name in ranks}
            os.utime(place)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, msgspec.DecodeError):
            return None  # not there, or cut short: it runs again
        return kept, done

    def keep(self, job: Job, ranks: Mapping[str, np.ndarray], done: Done) -> None:
        """Keep what a job has left; the report comes last, so that a half-written one does not count."""
        place = self.place(job)
        mask = os.umask(0o077)
        try:
            part = place.with_name(f".{place.stem}-{os.getpid()}.npz")
            np.savez(part, **ranks)  # type: ignore[arg-type]
            part.replace(place)
            text = part.with_suffix(".json")
            text.write_bytes(msgspec.json.encode(done))
            text.replace(place.with_suffix(".json"))
        finally:
            os.umask(mask)
