"""Open the sockets an instance listens on, which its readers inherit, or say why a port cannot be had."""

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from deploy.config.schema import BadConfig, Serve
from stream.service.listener import open_tcp, open_unix

RESP, HTTP = "resp", "http"


class Ports:
    """The listening sockets of an instance, open until `close`; `serve` is the configuration with the ports in use.

    Every reader inherits them (`filenos`) and learns from `words` which is which: `resp:7 http:8`.  A client that comes
    while no reader runs waits for one.

    Raises:
        BadConfig: A port or the Unix socket cannot be had; it says what to change.
    """

    def __init__(self, serve: Serve) -> None:
        self._sockets: list[tuple[str, socket.socket]] = []
        self._unix = ""
        try:
            for kind, port, setting, flag in (
                (RESP, serve.port, "serve.port", "--port"),
                (HTTP, serve.http_port, "serve.http_port", "--http-port"),
            ):
                self._sockets += [(kind, one) for one in _listen(serve.host, port, setting, flag)]
            if serve.unix:
                self._sockets.append((RESP, _listen_unix(serve.unix)))
                self._unix = serve.unix
        except BaseException:
            self.close()
            raise
        self.serve = msgspec.structs.replace(serve, port=self._port(RESP), http_port=self._port(HTTP))

    def _port(self, kind: str) -> int:
        return next(int(one.getsockname()[1]) for name, one in self._sockets if name == kind)

    @property
    def filenos(self) -> list[int]:
        """The descriptors that a reader inherits."""
        return [one.fileno() for _, one in self._sockets]

    @property
    def words(self) -> list[str]:
        """The same as arguments of its command."""
        return [f"{kind}:{one.fileno()}" for kind, one in self._sockets]

    def close(self) -> None:
        """Stop listening, as far as this process goes, and remove the Unix socket."""
        for _, one in self._sockets:
            one.close()
        self._sockets = []
        if self._unix:
            with suppress(FileNotFoundError):
                os.unlink(self._unix)
            self._unix = ""


def inherited(words: Sequence[str]) -> dict[str, list[socket.socket]]:
    """Return the sockets that a reader was started with, by kind; see `Ports.words`."""
    found: dict[str, list[socket.socket]] = {RESP: [], HTTP: []}
    for kind, _, number in (word.partition(":") for word in words):
        found[kind].append(socket.socket(fileno=int(number)))
        found[kind][-1].setblocking(False)
    return found


def claim(host: str, port: int, setting: str, flag: str) -> int:
    """Return the port when nobody listens there, a free one for 0; else raise BadConfig that says what to change."""
    sockets = _listen(host, port, setting, flag)
    found = int(sockets[0].getsockname()[1])
    for one in sockets:
        one.close()
    return found


def _listen(host: str, port: int, setting: str, flag: str) -> list[socket.socket]:
    variable = f"RIVERWALK_{setting.replace('.', '_').upper()}"
    try:
        return open_tcp(host, port)
    except socket.gaierror as exc:
        raise BadConfig(f"serve.host = {host!r}: no such address ({exc.strerror})") from exc
    except OSError as exc:
        what = (
            "is taken by another program"
            if exc.errno == errno.EADDRINUSE
            else f"cannot be used ({exc.strerror})"
        )
        raise BadConfig(
            f"port {port} on {host} {what}; choose another with {flag}, {variable} or {setting} (0 picks a free one)"
        ) from exc


def _listen_unix(path: str) -> socket.socket:
    try:
        return open_unix(path)
    except OSError as exc:
        raise BadConfig(f"serve.unix = {path!r}: {exc.strerror or exc}") from exc
