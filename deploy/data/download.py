"""Download of one file, with checksum and resume: whole under its name, or not there.

Bytes go to `NAME.part`; an interrupted download goes on where it stopped when the server allows it. The file gets
its name only once size and SHA-256 are right, in one rename. Without a published checksum the first download is
trusted and its SHA-256 kept in `NAME.sha256`; later ones must match it.
"""

import hashlib
import os
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

from deploy.terminal.progress import Step

CHUNK = 1 << 16


class BadDownload(Exception):
    """The file could not be downloaded: use something else, or tell the user what to do."""


def _silent(done: int, total: int) -> None:
    """Report no progress."""


def fetch(
    url: str,
    target: Path,
    *,
    sha256: str | None,
    size: int = 0,
    timeout_s: float = 6.0,
    progress: Step = _silent,
) -> bool:
    """Download `url` to `target`.

    Args:
        sha256: The published checksum; None when none is known (see the module's text).
        size: The published number of bytes; 0 when not known.
        timeout_s: How long the server may stay silent.

    Returns:
        Whether the file was checked against something known before, published or remembered.

    Raises:
        BadDownload: No network, an answer that is no file, fewer bytes than promised, a wrong checksum.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise BadDownload(f"{url}: only http and https addresses are fetched")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    note = target.with_name(target.name + ".sha256")
    expected = sha256 or (note.read_text(encoding="ascii").split()[0] if note.is_file() else None)
    try:
        total = _receive(url, part, size, timeout_s, progress)
    except (OSError, HTTPException) as exc:  # URLError, timeouts and broken connections among them
        raise BadDownload(f"{url}: {_reason(exc)}") from exc
    got = part.stat().st_size
    if total and got < total:
        raise BadDownload(
            f"{url}: the connection ended after {got:,} of {total:,} bytes; run it again to go on"
        )
    found = _digest(part)
    if expected is not None and found != expected:
        part.unlink()
        raise BadDownload(
            f"{url}: wrong checksum, so the file was thrown away: expected sha256 {expected}, got {found}; "
            "it was changed at its source or on the way"
        )
    note.write_text(f"{found}  {target.name}\n", encoding="ascii")
    os.replace(part, target)
    return expected is not None


def _receive(url: str, part: Path, size: int, timeout_s: float, progress: Step) -> int:
    """Bring `part` to its full length; the number of bytes it should have, 0 when nobody knows."""
    have = part.stat().st_size if part.exists() else 0
    if size and have >= size:
        return size
    headers = {"User-Agent": "riverwalk", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        reply: Any = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout_s)
    except urllib.error.HTTPError as exc:
        exc.close()
        if have and exc.code == 416:  # nothing after what is there: another file, or a part that is whole
            part.unlink()
            return _receive(url, part, size, timeout_s, progress)
        raise
    with reply, part.open("ab" if reply.status == 206 else "wb") as file:
        done = have if reply.status == 206 else 0
        total = done + int(reply.headers.get("Content-Length") or 0)
        total = size or (total if total > done else 0)
        progress(done, total)
        while chunk := reply.read(CHUNK):
            file.write(chunk)
            done += len(chunk)
            progress(done, total)
    return total


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(exc: Exception) -> str:
    if isinstance(exc, urllib.error.HTTPError):
        return f"the server answered {exc.code} {exc.reason}"
    if isinstance(exc, urllib.error.URLError):
        return f"not reachable ({exc.reason})"
    return str(exc) or type(exc).__name__
