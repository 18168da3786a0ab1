"""The page at `/`: files of this package, served as they are, compressed once; nothing of it comes from another host.

    /                       the document; it names everything else by the digest of all files
    /page/{digest}/{file}   scripts and styles, which may be kept for ever: other files have another digest

None of them holds data, so they are given to whoever may know that something is here; what they show they ask for.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from stream.service.parameter import TABLE, Command, Parameter

ASSETS: Final = Path(__file__).parent / "asset"
KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
MODULES: Final = {
    "preact": "vendor/preact.js",
    "preact/hooks": "vendor/hooks.js",
    "htm": "vendor/htm.js",
    "d3-force": "vendor/d3-force.js",
    "d3-quadtree": "vendor/d3-quadtree.js",
    "d3-dispatch": "vendor/d3-dispatch.js",
    "d3-timer": "vendor/d3-timer.js",
}
"""Modules by the names under which scripts import them."""


class File(NamedTuple):
    """A file as it is sent; `policy` is what a document may load."""

    body: bytes
    kind: str
    compressed: bool
    cache: str
    policy: str = ""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers that go with it."""
        made = [("Cache-Control", self.cache), ("Vary", "Accept-Encoding")]
        if self.compressed:
            made.append(("Content-Encoding", "gzip"))
        if self.policy:
            made += [("Content-Security-Policy", self.policy), ("Referrer-Policy", "no-referrer")]
        return tuple(made)


class Page:
    """The files of the page.

    Args:
        port: Of the Redis socket, as the page tells it.
        locked: Whether a password is wanted.
        version: Of the program.
    """

    def __init__(self, port: int, locked: bool = False, version: str = "") -> None:
        found = dict(_assets())
        document = found.pop("index.html").decode()
        self.digest = hashlib.sha256(
            b"\0".join((document.encode(), *map(str.encode, found), *found.values()))
        ).hexdigest()[:16]
        folder = f"page/{self.digest}"
        names = _json({"imports": {name: f"./{folder}/{file}" for name, file in MODULES.items()}})
        setup = {"port": port, "locked": locked, "version": version, "commands": list(map(_shown, TABLE))}
        for mark, text in (("FOLDER", folder), ("NAMES", names), ("SETUP", _json(setup))):
            document = document.replace(f"%{mark}%", text)
        policy = (
            f"default-src 'none'; script-src 'self' {_hash(names)}; style-src 'self'; connect-src 'self'; "
            "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        for_ever = "public, max-age=31536000, immutable"
        self._files = {f"/{folder}/{name}": _both(body, name, for_ever) for name, body in found.items()}
        self._files["/"] = _both(document.encode(), "index.html", "no-cache", policy)

    def __contains__(self, path: str) -> bool:
        return path in self._files

    def find(self, path: str, encodings: str = "") -> File:
        """Return the file at a path, compressed where the client takes it.

        Args:
            encodings: The client's Accept-Encoding.
        """
        return self._files[path][takes_gzip(encodings)]

    @property
    def size(self) -> int:
        """Bytes of all files as they are sent to a browser."""
        return sum(len(small.body) for _, small in self._files.values())


def takes_gzip(encodings: str) -> bool:
    """Whether an Accept-Encoding allows gzip."""
    for one in encodings.lower().split(","):
        coding, _, weight = one.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


@cache
def _assets() -> tuple[tuple[str, bytes], ...]:
    """The files of the page by name."""
    paths = [path for path in sorted(ASSETS.rglob("*")) if path.suffix in KINDS]
    return tuple((path.relative_to(ASSETS).as_posix(), path.read_bytes()) for path in paths)


@cache
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)


def _both(body: bytes, name: str, cache: str, policy: str = "") -> tuple[File, File]:
    """A file as it is and compressed."""
    kind = KINDS[Path(name).suffix]
    small = _compressed(body)
    return File(body, kind, False, cache, policy), File(small, kind, True, cache, policy)


def _shown(command: Command) -> dict[str, Any]:
    """A command as the page makes controls of it."""
    return {
        "name": command.name,
        "summary": command.summary,
        "path": command.path,
        "arguments": list(map(_control, command.arguments)),
        "options": list(map(_control, command.options)),
    }


def _control(one: Parameter) -> dict[str, Any]:
    return {name: value for name, value in one._asdict().items() if value}


def _json(value: Any) -> str:
    """JSON that may stand inside a script element."""
    return msgspec.json.encode(value).decode().replace("<", "\\u003c")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
